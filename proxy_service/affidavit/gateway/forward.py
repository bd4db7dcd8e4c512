"""Forwarding to one upstream: bytes out, a head with events or bytes back.

Never follows a redirect, never stores a cookie, never asks for compression, never reads a proxy from the environment.
A request is sent once: whether a call ran that lost its connection is not ours to guess.

Source: architecture "Failures"; mcp "Duties".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from multidict import CIMultiDict

from affidavit.errors import AffidavitError

MAX_ANSWER = 32 * 1024 * 1024  # bytes; architecture "Failures"
CONNECT_TIMEOUT = 5.0  # seconds
# Servers close idle connections after 5 s and more (uvicorn, Node); ours go first, so that a request rarely meets a closing one.
IDLE_TIMEOUT = 4.0  # seconds
CONNECTIONS = 256  # an upstream


class UpstreamFailed(AffidavitError):
    """The upstream gave no usable answer.

    Attributes:
        outcome: As `call:answered` says it: `unreachable`, `timeout` or `failed`.
    """

    def __init__(self, message: str, *, outcome: str) -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    content_type: str


class Answer(Protocol):
    """One answer on its way; `read` or `chunks` is called once, then `close`."""

    head: Head

    async def read(self) -> bytes:
        """Return the whole body, at most `MAX_ANSWER` bytes."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        ...

    def close(self) -> None:
        """Let go; an unfinished answer loses its connection, which is how a modern server learns of a cancel."""
        ...


class Forwarder(Protocol):
    """One upstream's wire."""

    async def send(self, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request and return when the answer's head is there.

        Raises:
            UpstreamFailed: No connection, no head in time, or a broken one.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class HttpForwarder:
    """A `Forwarder` over HTTP/1.1 with kept connections.

    Args:
        url: Where the upstream serves MCP.
        timeout: Seconds until the head, between two reads, and for a whole answer that is no stream.
        credential: Headers of the gateway's own; what the client sent never replaces them.
    """

    def __init__(self, url: str, *, timeout: float, credential: Mapping[str, str]) -> None:
        self._url = url
        self._timeout = timeout
        self._credential = dict(credential)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=IDLE_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"),
            headers={"User-Agent": "affidavit", "Accept-Encoding": "identity"},
            max_line_size=64 * 1024,
            max_field_size=64 * 1024,
        )

    async def send(self, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Forwarder.send`."""
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._session.request(
                    method,
                    self._url,
                    data=body or None,
                    headers=CIMultiDict({**headers, **self._credential}),
                    allow_redirects=False,
                )
        except TimeoutError as error:
            raise UpstreamFailed(f"no answer within {self._timeout:g} s", outcome="timeout") from error
        except aiohttp.ClientConnectorError as error:
            raise UpstreamFailed("the upstream cannot be reached", outcome="unreachable") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise UpstreamFailed("the upstream broke the connection or the protocol", outcome="failed") from error
        return _HttpAnswer(response, self._timeout)

    async def close(self) -> None:
        """See `Forwarder.close`."""
        await self._session.close()


class _HttpAnswer:
    def __init__(self, response: aiohttp.ClientResponse, timeout: float) -> None:
        self._response = response
        self._timeout = timeout
        self.head = Head(response.status, list(response.raw_headers), response.content_type)

    async def read(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._timeout):
                async for part in self._response.content.iter_any():
                    size += len(part)
                    if size > MAX_ANSWER:
                        raise UpstreamFailed("the answer is larger than 32 MiB", outcome="failed")
                    parts.append(part)
        except TimeoutError as error:
            raise UpstreamFailed(f"the answer did not end within {self._timeout:g} s", outcome="timeout") from error
        except aiohttp.ClientError as error:
            raise UpstreamFailed("the answer broke off", outcome="failed") from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._response.content.iter_any():
                yield part
        except aiohttp.ClientError as error:
            raise UpstreamFailed("the stream broke off", outcome="failed") from error

    def close(self) -> None:
        self._response.release()
