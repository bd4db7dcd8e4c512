"""Where the browser comes back to: one answer of the authorization server, taken on loopback.

A request with another state is somebody else's, and passed over. Nothing but the code leaves this file.

Source: RFC 8252 section 7.3; RFC 6749 sections 4.1.2 and 10.12; RFC 9207 section 2.4.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qs, urlsplit

from affidavit.connect.tokens.oauth.server import Server
from affidavit.errors import Misconfigured, Unavailable

PATH = "/callback"
PATIENCE = 300.0  # seconds for a person to sign in
MAX_HEAD = 32 * 1024  # bytes
HEAD_TIMEOUT = 10.0  # seconds

_LOOPBACK = "127.0.0.1"  # not localhost, which may be another address (RFC 8252 section 8.3)
_PAGE = "<!doctype html><meta charset=utf-8><title>affidavit connect</title><p>{text}</p>"
_DONE = "You are signed in. You can close this page."
_STRAY = "This page belongs to another sign-in. Look for the one that was opened last."


class Callback:
    """One answer that is waited for.

    Attributes:
        redirect_uri: Where the browser shall go.
    """

    def __init__(self, state: str, server: Server) -> None:
        self.redirect_uri = ""
        self._state = state
        self._server = server
        self._answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()

    @contextlib.asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[Callback]:
        """Listen while the block lasts, at a port or, for 0, any that is free.

        Raises:
            Misconfigured: The port is taken.
        """
        try:
            listener = await asyncio.start_server(self._serve, _LOOPBACK, port, limit=MAX_HEAD)
        except OSError as error:
            raise Misconfigured(f"the port {port} of --callback-port cannot be had: {error.strerror}") from error
        async with listener:
            self.redirect_uri = f"http://{_LOOPBACK}:{listener.sockets[0].getsockname()[1]}{PATH}"
            yield self

    async def code(self) -> str:
        """Wait for the answer, and return its code.

        Raises:
            Unavailable: Nobody signed in in time.
            Misconfigured: It was refused, or another server answered.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._answer
        except TimeoutError as error:
            raise Unavailable(f"nobody signed in within {PATIENCE:g} s") from error
        issuer = answer.get("iss")
        if issuer != self._server.issuer if issuer is not None else self._server.says_issuer:
            raise Misconfigured("the answer to the sign-in is not of the server that was asked")
        if "code" not in answer:
            said = "".join(letter for letter in answer.get("error", "no reason") if letter.isprintable())[:100]
            raise Misconfigured(f"{self._server.issuer} refused the sign-in: {said}")
        return answer["code"]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status, text = "400 Bad Request", _STRAY
        try:
            async with asyncio.timeout(HEAD_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
            if self._takes(head):
                status, text = "200 OK", _DONE
            page = _PAGE.format(text=text).encode()
            headers = f"Content-Type: text/html\r\nContent-Length: {len(page)}\r\nConnection: close\r\n"
            writer.write(f"HTTP/1.1 {status}\r\n{headers}Cache-Control: no-store\r\n\r\n".encode() + page)
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever it was has gone, or says too much
        finally:
            writer.close()

    def _takes(self, head: bytes) -> bool:
        method, _, rest = head.decode("latin-1").partition(" ")
        target = urlsplit(rest.partition(" ")[0])
        said = {name: values[0] for name, values in parse_qs(target.query).items() if len(values) == 1}
        if method != "GET" or target.path != PATH:
            return False
        if not hmac.compare_digest(said.get("state", "").encode(), self._state.encode()):
            return False
        if not self._answer.done():
            self._answer.set_result(said)
        return True
