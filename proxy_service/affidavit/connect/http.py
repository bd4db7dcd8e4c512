"""HTTP towards the gateway and the servers that give tokens: bytes out, a head with events or bytes back.

Tells apart what was surely not sent from what may have been done. Never follows a redirect, which would carry a token
elsewhere, never stores a cookie, never reads `.netrc`, and never sends anything a second time by itself.

Source: RFC 9110 sections 9.2.2 and 15.4; MCP 2025-11-25 and 2026-07-28 "Streamable HTTP".
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from affidavit import __version__
from affidavit.connect.proxies import Proxy, no_proxy
from affidavit.errors import OutcomeUnknown, Unavailable

MAX_ANSWER = 40 * 1024 * 1024  # bytes; the gateway withholds answers over 32 MiB, and stamps those below
CONNECT_TIMEOUT = 10.0  # seconds
ANSWER_TIMEOUT = 900.0  # seconds; the gateway's longest patience with an upstream is under it
# The gateway says something every 15 s on a stream. A laptop that slept has connections that never end by themselves.
SILENCE = 60.0  # seconds
IDLE_TIMEOUT = 4.0  # seconds; servers close idle connections after 5 s and more, so ours go first
MAX_HEADER = 64 * 1024  # bytes
EVENT_STREAM = "text/event-stream"

_AGENT = f"affidavit-connect/{__version__}"


class Untrusted(Unavailable):
    """The server's certificate does not hold: trying again does not help."""


@dataclass(slots=True)
class Reply:
    """One answer: its head with its whole body, or, of a stream of events, the head of what is still to come.

    Attributes:
        headers: Names in lower case; of one that stands twice, the first.
        body: None for a stream.
    """

    status: int
    headers: Mapping[str, str]
    content_type: str
    body: bytes | None
    response: aiohttp.ClientResponse

    async def chunks(self, patience: Callable[[], float] = lambda: SILENCE) -> AsyncIterator[bytes]:
        """Yield a stream as it comes.

        Args:
            patience: Returns how many seconds the next part may take.

        Raises:
            OutcomeUnknown: It broke off, or was silent for too long.
        """
        content = self.response.content
        try:
            while True:
                async with asyncio.timeout(patience()):
                    part = await content.readany()
                if not part:
                    return
                yield part
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise OutcomeUnknown("the stream broke off") from error

    def close(self) -> None:
        """Let go; an unfinished answer loses its connection, which is how a modern server learns of a cancel."""
        self.response.close()


class Http:
    """Connections; open it in a running loop and close it at the end.

    Args:
        proxy: Says which proxy leads to a URL.
    """

    def __init__(self, proxy: Proxy = no_proxy) -> None:
        self._proxy = proxy
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_TIMEOUT, socket_factory=_socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            headers={"User-Agent": _AGENT},
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )
        # A GET or a DELETE would be sent again by itself when its connection breaks.
        self._session._retry_connection = False  # noqa: SLF001 there is no argument for it

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", *, timeout: float = ANSWER_TIMEOUT
    ) -> Reply:
        """Send one request and return when its answer, or the head of a stream, is there.

        Raises:
            Unavailable: It was surely not sent.
            OutcomeUnknown: It was sent, and no whole answer came.
        """
        try:
            async with asyncio.timeout(timeout):
                try:
                    return await self._exchange(method, url, headers, body)
                except aiohttp.ClientOSError as error:
                    if not _was_closed_before(error):
                        raise
                    return await self._exchange(method, url, headers, body)
        except aiohttp.ClientSSLError as error:
            raise Untrusted("the server's certificate does not hold") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable("nothing answers there") from error
        except aiohttp.ClientHttpProxyError as error:  # it let no connection through
            raise Unavailable(f"the proxy answers with status {error.status}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # OSError: a TimeoutError, too
            raise OutcomeUnknown("no whole answer came") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        response = await self._session.request(
            method,
            URL(url, encoded=True),
            data=body or None,
            headers=headers,
            allow_redirects=False,
            proxy=self._proxy(url),
            skip_auto_headers=("Content-Type",),
        )
        found: dict[str, str] = {}
        for name, value in response.headers.items():
            found.setdefault(name.lower(), value)
        reply = Reply(response.status, found, response.content_type, None, response)
        if response.ok and response.content_type == EVENT_STREAM:
            return reply
        try:
            reply.body = await _read(response)
        except BaseException:
            response.close()
            raise
        return reply


def _was_closed_before(error: aiohttp.ClientOSError) -> bool:
    """Tell whether the server had closed an idle connection before a byte was written to it."""
    return isinstance(error.__cause__, aiohttp.ClientConnectionResetError)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_ANSWER:
            raise OutcomeUnknown(f"the answer is larger than {MAX_ANSWER} bytes")
        parts.append(part)
    return b"".join(parts)


def _socket(address: Any) -> socket.socket:
    """Return a socket whose silent peer is found out by the system: a call may wait long for its answer."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return made
