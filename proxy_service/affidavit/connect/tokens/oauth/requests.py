"""What is asked of an authorization server: a name for this client, a token for a code, another one later.

Source: RFC 6749 sections 4.1.3, 5 and 6; RFC 7591; RFC 7636; RFC 8707.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from affidavit.connect.http import Http, Reply
from affidavit.connect.tokens.documents import TIMEOUT, read_object
from affidavit.connect.tokens.oauth.server import Server
from affidavit.errors import AffidavitError, Misconfigured, OutcomeUnknown, Unavailable

_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_CLIENT_ERRORS = range(400, 500)


class Rejected(AffidavitError):
    """What was shown (a code, a refresh token, a client) is not taken: somebody has to sign in anew."""


@dataclass(frozen=True, slots=True)
class Client:
    """As which one signs in.

    Attributes:
        registered: Whether it registered itself.
    """

    id: str
    secret: str | None = field(repr=False)
    registered: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token request gave; `lives` is in seconds, None where it is not said."""

    access_token: str = field(repr=False)
    id_token: str | None = field(repr=False)
    refresh_token: str | None = field(repr=False)
    lives: float | None
    scope: str | None


async def register(http: Http, server: Server, redirect_uri: str, scope: str) -> Client:
    """Register this client as a native one.

    Raises:
        Misconfigured: The server does not want that.
        Unavailable: No answer.
    """
    wanted = {
        "application_type": "native",
        "client_name": "affidavit connect",
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": [redirect_uri],
        "response_types": ["code"],
        "scope": scope,
        "token_endpoint_auth_method": "none",
    }
    if server.registration is None:
        raise Misconfigured(
            f"{server.issuer} lets no client register itself: have one registered (a native or desktop application "
            "whose redirect is http://127.0.0.1/callback with any port), and name it with --client-id"
        )
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    reply = await _send(http, server, server.registration, headers, json.dumps(wanted).encode())
    if reply.status in _CLIENT_ERRORS:
        raise Misconfigured(f"{server.issuer} registers no such client ({_error(reply)}): name one with --client-id")
    answer = read_object(reply, server.issuer)
    client, secret = answer.get("client_id"), answer.get("client_secret")
    if not isinstance(client, str) or not client:
        raise Unavailable(f"{server.issuer} registered a client and does not name it")
    return Client(client, secret if isinstance(secret, str) else None, registered=True)


async def redeem(http: Http, server: Server, client: Client, form: Mapping[str, str]) -> Grant:
    """Ask for a token.

    Raises:
        Rejected: What the form shows is not taken.
        Unavailable: No answer.
    """
    headers, fields = dict(_FORM), {**form, "client_id": client.id}
    if client.secret is not None:  # RFC 6749 section 2.3.1
        pair = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    reply = await _send(http, server, server.token, headers, urlencode(fields).encode())
    if reply.status in _CLIENT_ERRORS:
        raise Rejected(f"{server.issuer} gives no token ({_error(reply)})")
    return _grant(read_object(reply, server.issuer), server)


async def _send(http: Http, server: Server, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
    try:
        return await http.send("POST", url, headers, body, timeout=TIMEOUT)
    except OutcomeUnknown as error:
        raise Unavailable(f"{server.issuer} gives no answer") from error


def _grant(answer: Mapping[str, Any], server: Server) -> Grant:
    access, kind, lives = answer.get("access_token"), answer.get("token_type"), answer.get("expires_in")
    if not isinstance(access, str) or not isinstance(kind, str) or kind.lower() != "bearer":
        raise Unavailable(f"{server.issuer} gives something else than a bearer token")
    return Grant(
        access,
        _text(answer.get("id_token")),
        _text(answer.get("refresh_token")),
        float(lives) if isinstance(lives, int | float) and not isinstance(lives, bool) and lives >= 0 else None,
        _text(answer.get("scope")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _error(reply: Reply) -> str:
    """Return the error's code, which is all of an answer that is repeated (RFC 6749 section 5.2)."""
    try:
        code = json.loads(reply.body or b"").get("error")
    except (ValueError, AttributeError, RecursionError):
        code = None
    plain = isinstance(code, str) and code.replace("_", "").isalnum() and len(code) <= 64  # noqa: PLR2004 a word
    return code if plain and isinstance(code, str) else f"status {reply.status}"
