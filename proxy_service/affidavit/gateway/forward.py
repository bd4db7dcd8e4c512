"""Forwarding to one upstream: bytes out, a head with events or bytes back.

Never follows a redirect, never stores a cookie, never asks for compression, never reads a proxy from the environment.
A request is sent once: whether a call ran that lost its connection is not ours to guess.

Source: architecture "Failures"; mcp "Duties".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from affidavit.deadlines import Deadlines
from affidavit.errors import AffidavitError
from affidavit.gateway.wire import BrokenAnswer, Response, Unreachable, Wire

MAX_ANSWER = 32 * 1024 * 1024  # bytes; architecture "Failures"
STREAM_TIMEOUT = 10.0  # seconds for a stream that the gateway itself reads to its end

_OWN = {"user-agent": "affidavit", "accept-encoding": "identity"}

EVENT_STREAM = "text/event-stream"
SUCCESS = range(200, 300)  # statuses under which a client reads what it gets as messages


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
    headers: Sequence[tuple[bytes, bytes]]
    content_type: str


class Answer(Protocol):
    """One answer: its head with its whole body, or, of a stream of events, the head of what is still to come.

    Attributes:
        body: None for a stream.
    """

    head: Head
    body: bytes | None

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield a stream as it comes; raises `UpstreamFailed` where it breaks off."""
        ...

    def close(self) -> None:
        """Let go; an unfinished answer loses its connection, which is how a modern server learns of a cancel."""
        ...


class Forwarder(Protocol):
    """One upstream's wire."""

    async def send(self, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request and return when its answer, or the head of a stream, is there.

        Raises:
            UpstreamFailed: No connection, no answer in time, one over `MAX_ANSWER`, or a broken one.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class HttpForwarder:
    """A `Forwarder` over HTTP/1.1 with kept connections.

    Args:
        url: Where the upstream serves MCP.
        timeout: Seconds for an answer that is no stream, and for the head of a stream.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        self._timeout = timeout
        self._deadlines = Deadlines(timeout)
        self._wire = Wire(url, streams=EVENT_STREAM, limit=MAX_ANSWER)

    async def send(self, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Forwarder.send`."""
        deadline = _Deadline(self._deadlines)
        try:
            return _HttpAnswer(await self._wire.send(method, {**headers, **_OWN}, body))
        except asyncio.CancelledError as error:
            if not deadline.passed():
                raise
            raise UpstreamFailed(f"no answer within {self._timeout:g} s", outcome="timeout") from error
        except Unreachable as error:
            raise UpstreamFailed("the upstream cannot be reached", outcome="unreachable") from error
        except BrokenAnswer as error:
            raise UpstreamFailed(
                f"the upstream broke the connection or the protocol: {error}", outcome="failed"
            ) from error
        finally:
            deadline.lift()

    async def close(self) -> None:
        """See `Forwarder.close`."""
        self._wire.close()


class _HttpAnswer:
    def __init__(self, response: Response) -> None:
        self.head = Head(response.status, response.headers, response.media_type)
        self.body = response.body
        self._response = response

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._response.chunks():
                yield part
        except BrokenAnswer as error:
            raise UpstreamFailed("the stream broke off", outcome="failed") from error

    def close(self) -> None:
        self._response.close()


class _Deadline:
    """Cancels the task that made it when its time is over: `asyncio.timeout` at a fraction of its cost."""

    __slots__ = ("_deadlines", "_over", "_task")

    def __init__(self, deadlines: Deadlines) -> None:
        self._over = False
        self._task = asyncio.current_task(deadlines.loop)
        self._deadlines = deadlines
        deadlines.set(self, self._cut)

    def passed(self) -> bool:
        """Tell whether a cancellation was this deadline's, and take it back if nobody else asks for one."""
        return self._over and self._task is not None and self._task.uncancel() == 0

    def lift(self) -> None:
        self._deadlines.lift(self)

    def _cut(self) -> None:
        self._over = True
        if self._task is not None:
            self._task.cancel()


async def whole(answer: Answer) -> bytes:
    """Return an answer's whole body, a stream of events read to its end; for what the gateway itself has asked.

    Raises:
        UpstreamFailed: It broke off, did not end in time, or is over `MAX_ANSWER`.
    """
    if answer.body is not None:
        return answer.body
    body = bytearray()
    try:
        async with asyncio.timeout(STREAM_TIMEOUT):
            async for part in answer.chunks():
                body += part
                if len(body) > MAX_ANSWER:
                    raise UpstreamFailed("the answer is larger than 32 MiB", outcome="failed")
    except TimeoutError as error:
        raise UpstreamFailed(f"the stream did not end within {STREAM_TIMEOUT:g} s", outcome="timeout") from error
    finally:
        answer.close()
    return bytes(body)
