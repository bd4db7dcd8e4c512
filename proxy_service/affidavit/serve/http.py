"""HTTP/1.1 as the gateway takes it: uvicorn's reading of it, with bounds on heads and on time, and errors with a code.

Without them anybody could fill the memory with a head that does not end, or hold sockets with requests that never do.

Source: RFC 9112; RFC 9110 section 15.5.9; RFC 6585 section 5. Never knows MCP, and nothing that it refuses is a call.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

Flaw = tuple[HTTPStatus, str, str]

MAX_HEAD = 64 * 1024  # bytes of request line and headers, and of what is no body after them; a token has 16 KiB at most
MAX_WAIT = 60.0  # seconds for a whole request to come, and for the first one to begin
# Seconds in which a client must take something of its answer. A living one does, however busy: TCP asks a full receiver
# again within seconds. The others hold memory.
MAX_STALL = 30.0

_BAD_REQUEST = (HTTPStatus.BAD_REQUEST, "bad_request", "These bytes are no HTTP request.")
_TOO_LARGE = (
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "headers_too_large",
    "Request line and headers may have at most 64 KiB, and trailers too.",
)
_TOO_SLOW = (HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "The request did not come to its end in time.")


class Joining(asyncio.Transport):
    """A connection on which the head of an answer leaves with what follows it at once, in one write.

    uvicorn writes them apart, and each write is a system call here and a packet to read there. A head that nothing
    follows leaves when the loop turns.

    Args:
        transport: The connection.
        loop: Its loop.
        linger: Seconds that its client has, once it is closed, to take what was written.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, linger: float) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._linger = linger
        self._head = b""
        self.abort = transport.abort  # type: ignore[method-assign]
        self.get_write_buffer_size = transport.get_write_buffer_size  # type: ignore[method-assign]
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]
        self.is_closing = transport.is_closing  # type: ignore[method-assign]
        self.pause_reading = transport.pause_reading  # type: ignore[method-assign]
        self.resume_reading = transport.resume_reading  # type: ignore[method-assign]

    def write(self, data: bytes) -> None:  # type: ignore[override] # uvicorn writes nothing else
        """Write, or keep a head for a moment; where nobody is left to read, neither (uvloop would raise)."""
        if self._transport.is_closing():
            self._head = b""
        elif self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        elif data.startswith(b"HTTP/1.1 "):
            self._head = data
            self._loop.call_soon(self._let_go)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close, with all that was written."""
        self._let_go()
        if not self._transport.is_closing() and self._transport.get_write_buffer_size():
            self._loop.call_later(self._linger, self._transport.abort)
        self._transport.close()

    def _let_go(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)


class HeadNotTaken(Exception):
    """What a head says is refused; it passes through the parser's C code, which wraps it."""


class Forgotten(list[tuple[bytes, bytes]]):
    """Where uvicorn puts the fields that follow a body, which must not become headers (RFC 9110 section 6.5.1).

    A call is what its head says. Nobody here has a use for a trailer, so none is kept.
    """

    def append(self, field: tuple[bytes, bytes]) -> None:
        """Forget it."""


_FORGOTTEN = Forgotten()


class BoundedHttp(HttpToolsProtocol):
    """One connection.

    Attributes:
        max_wait: Seconds, as `MAX_WAIT`.
        max_stall: Seconds, as `MAX_STALL`.
    """

    max_wait = MAX_WAIT
    max_stall = MAX_STALL

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._came = 0  # bytes since the head began, and what came with its first one
        self._head = 0  # bytes of the head that is being read, at least
        self._after = 0  # bytes since the head or a piece of the body; the parser keeps a trailer to itself too
        self._began_here = False  # whether the message began in the bytes that are being read
        self._in_head = self._unfinished = False
        self._flaw = _BAD_REQUEST
        self._answering: RequestResponseCycle | None = None  # the request that is answered; `cycle` is the newest one
        self._last_word: Flaw | None = None  # what is said when everything is answered that came before it
        self._unread = 0  # bytes of answers that its client had not taken when that was last looked at
        self._stall: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(Joining(transport, self.loop, self.max_stall))
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more, and let the call know, if another request came behind it."""
        self._wait_no_longer()
        self._go_on()
        if self._answering is not None and self._answering is not self.cycle:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let the parser read, and count what it keeps to itself."""
        if self._last_word is not None:  # read all the same: what is left unread resets a connection when it is closed
            return
        self._began_here = False
        self._came = self._came + len(data) if self._in_head else len(data)
        self._after += len(data)
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay(memoryview(data)[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(self._flaw)
        if not self._unfinished:
            self._wait_no_longer()
            return
        if self._timer is None:
            self._wait()
        if self._in_head:  # the parser keeps a header to itself until it is whole
            self._head = self._seen() if self._began_here else self._head + len(data)
            if self._head > MAX_HEAD:
                self._refuse(_TOO_LARGE)
        elif self._after > MAX_HEAD:
            self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_head = self._unfinished = self._began_here = True

    def on_headers_complete(self) -> None:
        """Let the call begin."""
        if self._came > MAX_HEAD and self._seen() > MAX_HEAD:
            self._flaw = _TOO_LARGE
            raise HeadNotTaken
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":  # to the parser, no body of HTTP ever follows it
                raise HeadNotTaken
            return  # as if it had not come: the message begins again
        super().on_headers_complete()
        if not self.pipeline:  # otherwise it waits there for its turn
            self._answering = self.cycle
        self._in_head = False
        self._after = 0
        self.headers = _FORGOTTEN  # the call has those that came until now

    def on_body(self, body: bytes) -> None:
        """Take a piece."""
        self._after = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self._in_head:  # to the parser, what asks for another protocol has no body
            return
        self._unfinished = False
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Let the call wait for its client to take something, but not for ever."""
        super().pause_writing()
        self._look_again(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Let the call go on."""
        super().resume_writing()
        self._go_on()

    def on_response_complete(self) -> None:
        """Go on with the next request, or say what is still to be said."""
        if self.pipeline:
            self._answering = self.pipeline[-1][0]
            super().on_response_complete()
            return
        super().on_response_complete()
        if self._last_word is not None:
            self._end(self._last_word)

    def _stay(self, rest: memoryview) -> None:
        """Read on after a head that asks for another protocol, in this one, as a server may (RFC 9110 section 7.8).

        The parser would take the body for the next request, which is how requests are smuggled. So it is made to forget
        the head, and gets it again without the question.
        """
        while True:
            head = self._head_without_upgrade()
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
            try:
                self.parser.feed_data(head)
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as another:
                rest = rest[another.args[0] :]
            except httptools.HttpParserError:
                self._refuse(self._flaw)
                return
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode("ascii")
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _look_again(self, unread: int) -> None:
        self._unread = unread
        self._stall = self.loop.call_later(self.max_stall, self._stalled)

    def _go_on(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _stalled(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread < self._unread:
            self._look_again(unread)
        else:
            self.transport.abort()

    def _seen(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.max_wait, self._waited)

    def _wait_no_longer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _waited(self) -> None:
        answers_another = self._in_head and self.cycle is not None and not self.cycle.response_complete
        if answers_another or self.flow.read_paused:  # what is slow now is not the client
            self._wait()
        else:
            self._refuse(_TOO_SLOW)

    def _refuse(self, flaw: Flaw) -> None:
        """End the connection for what came last, and answer first what came before it (RFC 9112 section 9.3.2)."""
        if self.transport.is_closing() or self._last_word is not None:
            return
        self._wait_no_longer()
        flawed = self.cycle if self._unfinished and not self._in_head else None  # a call whose body came in part
        self._unfinished = False
        if flawed is not None and self.pipeline:  # it waits for its turn, which does not come
            self.pipeline.popleft()
            before = self.pipeline[0][0] if self.pipeline else self._answering
            self.cycle = before  # type: ignore[assignment] # one is answered, or this one would be
            flawed = None
        if flawed is not None and flawed.response_started:  # an answer stands for it already
            self.transport.close()
        elif flawed is None and self._answering is not None and not self._answering.response_complete:
            self._last_word = flaw
        else:
            self._end(flaw)

    def _end(self, flaw: Flaw) -> None:
        if self.transport.is_closing():  # as the client wished
            return
        status, code, message = flaw
        body = orjson.dumps({"error": code, "message": message}, option=orjson.OPT_APPEND_NEWLINE)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()
