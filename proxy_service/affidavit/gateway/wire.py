"""HTTP/1.1 to one upstream: kept connections, one request at a time on each, its answer read as it comes.

Narrow on purpose: no redirect, no cookie, no compression, no proxy of the environment, nothing sent twice. A general
client costs a call two or three times the processor time of this one, which is a quarter of all that a call costs.

Source: RFC 9112. Never knows MCP, and never waits longer than it is let: whoever asks has the deadline.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools
from aiohappyeyeballs import start_connection

from affidavit.deadlines import Deadlines
from affidavit.errors import AffidavitError

CONNECTIONS = 256  # an upstream
CONNECT_TIMEOUT = 5.0  # seconds
# Servers close idle connections after 5 s and more (uvicorn, Node); ours go first, so that a request rarely meets one
# that is closing.
IDLE_TIMEOUT = 4.0  # seconds
MAX_HEAD = 64 * 1024  # bytes of an answer's head, of what comes before it (1xx) and of what follows its body
MAX_UNREAD = 256 * 1024  # bytes of a stream that nobody has taken; beyond, no more is read
HAPPY_EYEBALLS = 0.25  # seconds until the next address is tried beside the first (RFC 8305 section 5)

_SWITCHING = 101
_INTERIM = range(100, 200)

Headers = list[tuple[bytes, bytes]]


class Unreachable(AffidavitError):
    """No connection: nothing was asked of the server."""


class BrokenAnswer(AffidavitError):
    """The connection or the protocol broke, or the answer is larger than it may be."""


@dataclass(slots=True)
class Response:
    """One answer: its head, with its whole body, or, of a stream, with what is still to come.

    Attributes:
        headers: As they came.
        media_type: Of `content-type`, in lower case and without parameters.
        body: None for a stream.
    """

    status: int
    headers: Headers
    media_type: str
    connection: Connection = field(repr=False)
    body: bytes | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield a stream as it comes; raises `BrokenAnswer` where it breaks off."""
        while (chunk := await self.connection.next_chunk(self)) is not None:
            yield chunk

    def close(self) -> None:
        """Let go: what has not been read is never read, and its connection is closed."""
        self.connection.let_go(self)


class Wire:
    """The connections to one server.

    Args:
        url: Where requests go.
        streams: A media type whose 2xx answers are given back before their end.
        limit: Bytes of an answer that is no stream.
    """

    def __init__(self, url: str, *, streams: str, limit: int) -> None:
        parts = urlsplit(url)
        self.streams = streams
        self.limit = limit
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = _tls() if parts.scheme == "https" else None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._target = f" {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._open: set[Connection] = set()
        self._connecting = 0
        self._resting = Deadlines(IDLE_TIMEOUT)

    async def send(self, method: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Send one request, once; return when its answer, or the head of a stream, is there.

        Raises:
            Unreachable: No connection could be made.
            BrokenAnswer: It broke off, was no HTTP, or too large.
        """
        message = self._head(method, headers, body)
        connection = await self._take()
        try:
            return await connection.exchange(message, body)
        except BaseException:
            connection.abort()
            raise

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._open):
            connection.abort()

    def free(self, connection: Connection) -> None:
        """Keep a connection for the next request."""
        self._idle.append(connection)
        self._resting.set(connection, connection.abort)
        self._wake()

    def gone(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._open.discard(connection)
        self._resting.lift(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake()

    def _head(self, method: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
        head = f"{method}{self._target}{lines}{length}\r\n"
        expected = len(headers) + (4 if length else 3)
        # What would end a line earlier than here would be another request.
        if head.count("\n") != expected or head.count("\r") != expected or "\0" in head:
            raise BrokenAnswer("a header has a line break in it")
        try:
            return head.encode()  # an event id may be any text (WHATWG HTML section 9.2)
        except UnicodeEncodeError as error:
            raise BrokenAnswer("a header has a letter that no header can have") from error

    async def _take(self) -> Connection:
        while True:
            while self._idle:
                connection = self._idle.pop()
                self._resting.lift(connection)
                if connection.usable:
                    return connection
            if len(self._open) + self._connecting < CONNECTIONS:
                return await self._connect()
            await self._wait()

    async def _wait(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self._wake()  # somebody else may have the place that was offered here
            raise

    def _wake(self) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return

    async def _connect(self) -> Connection:
        self._connecting += 1
        connection = None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                connection = await self._secure(await self._dial())
        except (OSError, UnicodeError) as error:  # what TLS complains about, and a timeout, are an OSError, too
            raise Unreachable("no connection could be made") from error
        finally:
            self._connecting -= 1
            if connection is None:
                self._wake()
        self._open.add(connection)
        return connection

    async def _dial(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        return await start_connection(addresses, happy_eyeballs_delay=HAPPY_EYEBALLS, interleave=1, loop=loop)

    async def _secure(self, dialled: socket.socket) -> Connection:
        name = self._host if self._tls else None
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(self), sock=dialled, ssl=self._tls, server_hostname=name
            )
        except BaseException:
            dialled.close()
            raise
        return connection


class Connection(asyncio.Protocol):
    """One connection, with one request on it at a time."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._asked: asyncio.Future[Response] | None = None  # until its answer is there
        self._response: Response | None = None  # from its head on, until it is whole
        self._headers: Headers = []
        self._head_size = 0
        self._moved = False  # whether what was fed was understood
        self._quiet = 0  # bytes that were not, yet
        self._delimited = False  # whether the answer says where it ends
        self._interim = False
        self._keeps = False  # whether another request may follow
        self._parts: list[bytes] = []
        self._size = 0
        self._more: asyncio.Future[None] | None = None  # whoever waits for the next chunk
        self._failed: BrokenAnswer | None = None
        self._ended = True

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on it."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, head: bytes, body: bytes) -> Response:
        """Send a request and wait for its answer; see `Wire.send`."""
        assert self._transport is not None  # noqa: S101 it is connected
        asked: asyncio.Future[Response] = self._loop.create_future()
        self._asked = asked
        self._ended, self._keeps, self._head_size, self._quiet, self._failed = False, False, 0, 0, None
        if len(body) < 1 << 14:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        return await asked

    async def next_chunk(self, response: Response) -> bytes | None:
        """Return what has come of a stream since the last time; None at its end."""
        if self._response is not response:
            return None
        while not self._parts:
            if self._failed is not None:
                raise self._failed
            if self._ended:
                return None
            self._more = self._loop.create_future()
            await self._more
        chunk, self._parts = b"".join(self._parts), []
        if self._size > MAX_UNREAD and self._transport is not None:
            self._transport.resume_reading()
        self._size = 0
        if self._ended and self._failed is None:
            self._finish()
        return chunk

    def let_go(self, response: Response) -> None:
        """Close, unless the answer has been read to its end."""
        if self._response is response:
            self.abort()

    def abort(self) -> None:
        """Close at once; what was not sent is not."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = transport  # type: ignore[assignment] # it is one of a stream

    def data_received(self, data: bytes) -> None:  # noqa: D102
        if self._ended:  # nobody asked
            self.abort()
            return
        self._moved = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            context = error.__context__
            self._fail(context if isinstance(context, BrokenAnswer) else BrokenAnswer("these bytes are no HTTP"))
            return
        self._quiet = 0 if self._moved else self._quiet + len(data)
        if self._quiet > MAX_HEAD:  # a line that does not end is no field yet, and a chunk's size may be as long
            self._fail(BrokenAnswer("the head of the answer is larger than 64 KiB"))

    def connection_lost(self, error: Exception | None) -> None:  # noqa: D102
        self._wire.gone(self)
        if self._ended:
            return
        if error is None and self._response is not None and not self._delimited:
            self._complete()  # an answer may end with its connection (RFC 9112 section 6.3)
        else:
            self._fail(BrokenAnswer("the connection broke off"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field; those that follow a body are forgotten."""
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD:
            raise BrokenAnswer("the head of the answer is larger than 64 KiB")
        if self._response is None:
            self._headers.append((name, value))

    def on_message_begin(self) -> None:
        """Begin an answer; a second one is to nothing that was asked."""
        if self._ended:
            raise BrokenAnswer("more came than one answer")
        self._headers = []

    def on_headers_complete(self) -> None:
        """Take a head; of a stream, give it to whoever asked."""
        status = self._parser.get_status_code()
        self._moved = True
        self._interim = status in _INTERIM and status != _SWITCHING
        if self._interim:
            return
        named = {name.lower(): value for name, value in self._headers}
        self._delimited = b"content-length" in named or b"transfer-encoding" in named
        media_type = named.get(b"content-type", b"application/octet-stream").partition(b";")[0].strip().lower()
        self._parts, self._size = [], 0
        self._response = Response(status, self._headers, media_type.decode("latin-1"), self)
        if self._streams():
            self._answer(self._response)

    def on_body(self, data: bytes) -> None:
        """Take a part of the body."""
        self._moved = True
        self._parts.append(data)
        self._size += len(data)
        if self._asked is None:
            self._tell()
            if self._size > MAX_UNREAD and self._transport is not None:
                self._transport.pause_reading()
        elif self._size > self._wire.limit:
            raise BrokenAnswer(f"the answer is larger than {self._wire.limit >> 20} MiB")

    def on_message_complete(self) -> None:
        """End an answer, or what comes before one (1xx)."""
        if not self._interim:
            self._keeps = self._parser.should_keep_alive()  # the parser knows it only now
            self._complete()

    def _streams(self) -> bool:
        response = self._response
        return response is not None and 200 <= response.status < 300 and response.media_type == self._wire.streams  # noqa: PLR2004

    def _complete(self) -> None:
        self._ended = True
        if self._asked is not None and self._response is not None:
            response, parts = self._response, self._parts
            response.body = parts[0] if len(parts) == 1 else b"".join(parts)
            self._parts = []
            self._finish()
            self._answer(response)
        else:
            if not self._parts:
                self._finish()
            self._tell()

    def _finish(self) -> None:
        """Give the connection back, or close it, once its answer has been taken."""
        self._response = None
        if self.usable and self._keeps:
            self._wire.free(self)
        else:
            self.abort()

    def _answer(self, response: Response) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_result(response)

    def _tell(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    def _fail(self, error: BrokenAnswer) -> None:
        self._ended, self._failed = True, error
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_exception(error)
        self._tell()
        self.abort()


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
