"""What the gateway says a token must be for: its protected resource metadata, believed for its own address only.

A gateway that could name any resource would get tokens that are good elsewhere.

Source: RFC 9728 sections 3.1, 3.3 and 7.6; RFC 8707.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from affidavit.connect.address import Address, origin_of
from affidavit.connect.http import Http
from affidavit.connect.tokens.documents import fetch_object
from affidavit.errors import Misconfigured

Audience = Callable[[], Awaitable[str]]

MAX_SERVERS = 8  # of a document that are tried


@dataclass(frozen=True, slots=True)
class Resource:
    """What was published.

    Attributes:
        identifier: What a token must be for.
        servers: Authorization servers, as the document orders them.
        scopes: None where it does not say.
    """

    identifier: str
    servers: tuple[str, ...]
    scopes: tuple[str, ...] | None


async def fetch_resource(http: Http, address: Address, *, named: str | None, audience: str | None) -> Resource:
    """Return the metadata of the gateway's resource.

    Args:
        http: Connections.
        address: The gateway.
        named: Where the refusal says that it is (`resource_metadata`); it counts on the gateway's own origin only.
        audience: What the person says that tokens are for; it is taken in the place of the document's.

    Raises:
        Unavailable: No answer.
        Misconfigured: There is none, or it speaks for somebody else.
    """
    url = named if named is not None and origin_of(named) == address.origin else address.metadata_url
    document = await fetch_object(http, url, "the gateway's metadata")
    if document is None:
        raise Misconfigured(
            f"the gateway publishes no metadata at {url}: is the address right? Else say --issuer and --audience"
        )
    identifier = audience or document.get("resource")
    if not isinstance(identifier, str) or not identifier:
        raise Misconfigured("the gateway's metadata names no resource: say --audience")
    if audience is None and not address.is_within(identifier):
        raise Misconfigured(
            f"the gateway says its tokens are for {identifier}, which is not the address you connect to: "
            "if that is right, say so with --audience"
        )
    return Resource(identifier, _texts(document.get("authorization_servers"))[:MAX_SERVERS], _scopes(document))


def audience_of(http: Http, address: Address, audience: str | None) -> Audience:
    """Return what finds out whom tokens shall be for: what the person says, else what the gateway publishes."""

    async def find() -> str:
        if audience is not None:
            return audience
        return (await fetch_resource(http, address, named=None, audience=None)).identifier

    return find


def _scopes(document: dict[str, Any]) -> tuple[str, ...] | None:
    return _texts(document["scopes_supported"]) if "scopes_supported" in document else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
