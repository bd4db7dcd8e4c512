"""What an authorization server says of itself, found from its issuer's name.

Source: RFC 8414 sections 3 and 3.3; OpenID Connect Discovery 1.0 section 4; MCP 2026-07-28 "Authorization" (S256).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from affidavit.connect.address import check_safe
from affidavit.connect.http import Http
from affidavit.connect.tokens.documents import fetch_object
from affidavit.errors import AffidavitError, Misconfigured, Unavailable

_OAUTH, _OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
_S256 = "S256"


@dataclass(frozen=True, slots=True)
class Server:
    """One server's metadata, as far as it is used.

    Attributes:
        issuer: Its name, which the document repeats exactly.
        says_issuer: Whether its answers name it (RFC 9207).
        registration: Where clients register themselves; None where they do not.
        takes_documents: Whether a client's name may be the address of its metadata document.
        scopes: That it says it knows.
    """

    issuer: str
    authorization: str
    token: str
    registration: str | None
    says_issuer: bool
    takes_documents: bool
    scopes: frozenset[str]


async def find_server(http: Http, issuers: Sequence[str], *, named: bool) -> Server:
    """Return the first of several issuers that people can sign in with.

    Args:
        http: Connections.
        issuers: In order.
        named: Whether the person named it; then it need not say that it knows PKCE, which is used all the same.

    Raises:
        Unavailable: None, and all that went wrong is that some did not answer.
        Misconfigured: None.
    """
    trouble: list[AffidavitError] = []
    for issuer in issuers:
        try:
            server = await _find(http, issuer, named=named)
        except AffidavitError as error:
            trouble.append(error)
            continue
        if server is not None:
            return server
    why = "; ".join(str(error) for error in trouble)
    is_away = bool(trouble) and all(isinstance(error, Unavailable) for error in trouble)
    kind = Unavailable if is_away else Misconfigured
    raise kind(
        f"there is no authorization server to sign in with among {', '.join(issuers) or 'none that the gateway names'}"
        f"{f' ({why})' if why else ''}: name one with --issuer, or choose another token source"
    )


async def _find(http: Http, issuer: str, *, named: bool) -> Server | None:
    check_safe(issuer, f"the issuer {issuer}")
    for url in _places(issuer):
        document = await fetch_object(http, url, f"the authorization server {issuer}")
        if document is not None:
            return _read(document, issuer, named=named)
    return None


def _places(issuer: str) -> Iterator[str]:
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    yield f"{origin}{_OAUTH}{path}"
    yield f"{origin}{_OPENID}{path}"
    if path:
        yield f"{origin}{path}{_OPENID}"


def _read(document: Mapping[str, Any], issuer: str, *, named: bool) -> Server | None:
    if document.get("issuer") != issuer:
        raise Misconfigured(f"what is published for {issuer} is of another issuer")
    authorization, token = document.get("authorization_endpoint"), document.get("token_endpoint")
    if not isinstance(authorization, str) or not isinstance(token, str):
        return None  # it makes tokens for jobs, not for people
    methods = document.get("code_challenge_methods_supported")
    if _S256 not in methods if isinstance(methods, list) else not named:
        raise Misconfigured(f"{issuer} does not say that it knows PKCE with {_S256}; if it does, name it with --issuer")
    registration = document.get("registration_endpoint")
    for url in (authorization, token, *([registration] if isinstance(registration, str) else [])):
        check_safe(url, f"an endpoint of {issuer}")
    scopes = document.get("scopes_supported")
    return Server(
        issuer,
        authorization,
        token,
        registration if isinstance(registration, str) else None,
        document.get("authorization_response_iss_parameter_supported") is True,
        document.get("client_id_metadata_document_supported") is True,
        frozenset(one for one in scopes if isinstance(one, str)) if isinstance(scopes, list) else frozenset(),
    )
