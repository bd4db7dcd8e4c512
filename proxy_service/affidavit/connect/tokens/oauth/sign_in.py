"""Signing in: a page for the person, a code for us, and a token for the code.

Source: RFC 8252; RFC 7636; RFC 8707; RFC 9700; MCP 2026-07-28 "Authorization".
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from affidavit.connect.http import Http
from affidavit.connect.options import Options
from affidavit.connect.telling import Tell
from affidavit.connect.tokens.oauth.callback import Callback
from affidavit.connect.tokens.oauth.requests import Client, Grant, Rejected, redeem, register
from affidavit.connect.tokens.oauth.server import Server
from affidavit.connect.tokens.oauth.store import Kept
from affidavit.errors import Misconfigured

_GOOGLE = "https://accounts.google.com"  # gives refresh tokens only when asked in its own way


@dataclass(frozen=True, slots=True)
class SignedIn:
    """How it ended."""

    client: Client
    grant: Grant
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Signs a person in.

    Attributes:
        open_browser: Opens a page; blocks.
        tell: Says where the page is, for whoever has no browser here.
    """

    options: Options
    http: Http
    open_browser: Callable[[str], bool]
    tell: Tell

    async def run(self, server: Server, resource: str, scope: str, kept: Kept | None) -> SignedIn:
        """Sign in once.

        Args:
            server: Where.
            resource: What the token shall be for.
            scope: What it shall allow.
            kept: The sign-in before; what the client registered as then is used again.

        Raises:
            Unavailable: Nobody signed in in time.
            Misconfigured: It was refused.
        """
        known = kept if kept is not None and kept.registered and kept.issuer == server.issuer else None
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        port = self.options.callback_port or (known.port if known is not None else 0)
        async with Callback(state, server).listening(port) as callback:
            client = await self.client(server, callback.redirect_uri, scope, known)
            asked = {
                "response_type": "code",
                "client_id": client.id,
                "redirect_uri": callback.redirect_uri,
                "scope": scope,
                "state": state,
                "code_challenge": _challenge(verifier),
                "code_challenge_method": "S256",
                "resource": resource,
            }
            await self._show(server, asked)
            code = await callback.code()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback.redirect_uri,
            "code_verifier": verifier,
            "resource": resource,
        }
        try:
            grant = await redeem(self.http, server, client, form)
        except Rejected as error:
            raise Misconfigured(str(error)) from error
        return SignedIn(client, grant, urlsplit(callback.redirect_uri).port or 0)

    async def client(self, server: Server, redirect_uri: str, scope: str, known: Kept | None) -> Client:
        """Return as which to sign in: the client that was named, its document, the one of last time, or a new one."""
        if self.options.client_id is not None:
            return Client(self.options.client_id, await asyncio.to_thread(self._secret), registered=False)
        if self.options.client_metadata_url is not None and server.takes_documents:
            return Client(self.options.client_metadata_url, None, registered=False)
        if known is not None:
            return Client(known.client_id, None, registered=True)
        return await register(self.http, server, redirect_uri, scope)

    def _secret(self) -> str | None:
        if self.options.client_secret_file is None:
            return None
        try:
            return self.options.client_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise Misconfigured("the file of --client-secret-file cannot be read") from error

    async def _show(self, server: Server, asked: dict[str, str]) -> None:
        if server.issuer == _GOOGLE:
            asked |= {"access_type": "offline", "prompt": "consent"}
        joint = "&" if urlsplit(server.authorization).query else "?"
        page = f"{server.authorization}{joint}{urlencode(asked)}"
        opened = self.options.browser and await asyncio.to_thread(self.open_browser, page)
        self.tell(f"sign in with {server.issuer}{' in the browser' if opened else ''}: {page}")


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
