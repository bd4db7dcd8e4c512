"""The upstreams that calls can go to, by the name that they are served under."""

from __future__ import annotations

from dataclasses import dataclass

from affidavit.gateway.credentials import UpstreamCredential
from affidavit.gateway.forward import Forwarder


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One MCP server behind the gateway.

    Attributes:
        name: As in `/mcp/<name>`.
        forwarder: Its wire.
        credential: What the gateway shows it; what the client showed never goes there.
        retention_class: Of the bodies of its calls.
    """

    name: str
    forwarder: Forwarder
    credential: UpstreamCredential
    retention_class: str
