"""Lines of stdin and stdout: one message each, in exact bytes.

Source: MCP 2025-11-25 and 2026-07-28 "stdio" (delimited by newlines, none inside a message).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import BinaryIO

MAX_LINE = 8 * 1024 * 1024  # bytes; the gateway takes no larger message, and hangs up on one
CHUNK = 256 * 1024  # bytes

_BREAKS = bytes.maketrans(b"\r\n", b"  ")


class TooLong:
    """Stands for a line that was passed over because nobody would take it."""


class Lines:
    """Splits what comes into lines; a line's end is LF or CRLF."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes | TooLong]:
        """Return the lines that a chunk completes, empty ones left out."""
        *whole, rest = chunk.split(b"\n")
        lines: list[bytes | TooLong] = []
        for part in whole:
            self._keep(part)
            lines += self.end()
        self._keep(rest)
        return lines

    def end(self) -> list[bytes | TooLong]:
        """Return the line that is there, if there is one."""
        too_long = self._size > self._limit
        line = b"" if too_long else b"".join(self._parts).removesuffix(b"\r")
        self._parts, self._size = [], 0
        if too_long:
            return [TooLong()]
        return [line] if line.strip() else []

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._limit:
            self._parts.append(part)
        else:
            self._parts = []


async def lines_of(incoming: BinaryIO, limit: int = MAX_LINE) -> AsyncIterator[bytes | TooLong]:
    """Yield the lines of a pipe, a terminal or a file until its end."""
    read = await _reader(incoming)
    lines = Lines(limit)
    while chunk := await read():
        for line in lines.feed(chunk):
            yield line
    for line in lines.end():
        yield line


class Output:
    """Writes lines, whole and one after the other; opened in a running loop.

    Attributes:
        gone: Whether the reader has hung up.
    """

    def __init__(self, outgoing: BinaryIO) -> None:
        self._outgoing = outgoing
        self._turn = asyncio.Lock()
        self._stream: asyncio.StreamWriter | None = None
        self.gone = asyncio.Event()

    async def open(self) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, self._outgoing)
        except ValueError:  # a regular file
            return
        self._stream = asyncio.StreamWriter(transport, protocol, None, loop)

    async def write(self, raw: bytes) -> None:
        """Write one message. A break in JSON text outside of its strings is a blank, and inside there is none."""
        line = raw.translate(_BREAKS) + b"\n" if b"\n" in raw or b"\r" in raw else raw + b"\n"
        async with self._turn:
            if self.gone.is_set():
                return
            try:
                await self._write(line)
            except (OSError, RuntimeError):  # a reader that hung up; a transport that is closed already
                self.gone.set()

    async def _write(self, line: bytes) -> None:
        if self._stream is None:
            await asyncio.to_thread(_write_all, self._outgoing.fileno(), line)
            return
        self._stream.write(line)
        await self._stream.drain()


def _write_all(number: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(number, rest) :]


async def _reader(incoming: BinaryIO) -> Callable[[], Awaitable[bytes]]:
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader(limit=CHUNK)
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), incoming)
    except ValueError:  # a regular file, which never waits for long
        return lambda: asyncio.to_thread(os.read, incoming.fileno(), CHUNK)
    return lambda: stream.read(CHUNK)
