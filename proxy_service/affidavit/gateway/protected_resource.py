"""What a client must know to get a token: OAuth 2.0 protected resource metadata.

Source: RFC 9728 sections 2 and 3.1; mcp "Authorization".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from affidavit.policy.configuration import Configuration

_OF_PEOPLE = ("person", "google", "delegated")  # whose tokens a person gets by signing in
WELL_KNOWN = "/.well-known/oauth-protected-resource"


def metadata_url(public_url: str, upstream: str) -> str:
    """Return where the metadata of an upstream's path is served."""
    return f"{public_url}{WELL_KNOWN}/mcp/{upstream}"


def resource_metadata(configuration: Configuration, path: str, scopes: Iterable[str] = ()) -> dict[str, Any] | None:
    """Return the metadata of the resource at a path such as `/mcp/warehouse`, or None where there is none."""
    name = path.removeprefix("/mcp/")
    if path == name or not any(upstream.name == name for upstream in configuration.upstreams):
        return None
    return {
        "resource": configuration.audience(name),
        "authorization_servers": [one.issuer for one in configuration.issuers if one.attribution in _OF_PEOPLE],
        "bearer_methods_supported": ["header"],
        "resource_name": name,
        "scopes_supported": sorted(set(scopes)),
    }
