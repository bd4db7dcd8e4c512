"""Server-sent events: complete events out of chunks that may split anywhere, each with its exact bytes.

Works on bytes, so a chunk may end inside a UTF-8 character. A comment before an event is an item of its own, because it
keeps a connection alive, and waits for nothing.

Source: WHATWG HTML section 9.2 "Server-sent events". Never does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from affidavit.errors import Malformed

MAX_EVENT = 32 * 1024 * 1024  # bytes; architecture "Failures"

_BOM = b"\xef\xbb\xbf"
_COLON = b":"[0]
_BLANK = re.compile(rb"[\r\n]*")
_LINE = re.compile(rb"\r\n|\n|\r")


class _Ends:
    """Where a comment and an event end; an event does at an empty line."""

    def __init__(self, line_end: bytes) -> None:
        self.comment = re.compile(line_end)
        self.event = re.compile(line_end + line_end)


_OPEN = _Ends(rb"(?:\r\n|\n|\r(?!\n|\Z))")  # a CR that came last may be the first half of a CRLF
_ENDED = _Ends(rb"(?:\r\n|\n|\r(?!\n))")


@dataclass(frozen=True, slots=True)
class RawEvent:
    """One event up to and including its empty line, or one comment line; empty lines before it belong to it.

    Attributes:
        raw: Exact bytes.
        data: The lines of `data:` joined; None where there is none.
        id: As `id:` says; None where it does not.
        name: As `event:` says.
        retry: As `retry:` says, undigested.
    """

    raw: bytes
    data: bytes | None
    id: str | None
    name: str | None
    retry: str | None

    @property
    def says_nothing(self) -> bool:
        """Whether no client would notice if it were missing: a comment, or fields that nobody knows."""
        return self.data is None and self.id is None and self.retry is None


class EventParser:
    """Splits one stream; feed it chunks in order, then end it.

    Args:
        limit: Bytes of one event.
    """

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._start = 0  # of the first item, after empty lines, as far as they came
        self._searched = 0  # what begins before this place is no end
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[RawEvent]:
        """Yield the events that a chunk completes.

        Raises:
            Malformed: An event is larger than the limit (`event_too_large`).
        """
        self._buffer += chunk
        return self._items(_OPEN)

    def end(self) -> Iterator[RawEvent]:
        """Yield the event that the end of the stream completes: one whose empty line is a lone CR."""
        return self._items(_ENDED)

    def rest(self) -> bytes:
        """Return what came after the last whole event: a stream that ends there has no such event."""
        return bytes(self._buffer)

    def _items(self, ends: _Ends) -> Iterator[RawEvent]:
        while (end := self._next_end(ends)) is not None:
            self._check(end)
            raw = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._start = self._searched = 0
            yield _parse(raw if self._begun else raw.removeprefix(_BOM), raw)
            self._begun = True
        self._check(len(self._buffer))

    def _next_end(self, ends: _Ends) -> int | None:
        buffer, start = self._buffer, self._start
        if start == 0 and not self._begun and buffer.startswith(_BOM):
            start = len(_BOM)
        self._start = start = _BLANK.match(buffer, start).end()  # type: ignore[union-attr] # it matches nothing, too
        if start == len(buffer):
            return None
        end = ends.comment if buffer[start] == _COLON else ends.event
        found = end.search(buffer, max(start, self._searched))
        if found is None:
            self._searched = max(0, len(buffer) - 3)  # an end has at most four bytes
            return None
        return found.end()

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise Malformed(f"An event is larger than {self._limit} bytes.", code="event_too_large")


def print_event(data: bytes, like: RawEvent) -> bytes:
    """Return an event with other data and everything else as it was."""
    head = "".join(
        f"{name}: {value}\n"
        for name, value in (("event", like.name), ("id", like.id), ("retry", like.retry))
        if value is not None
    )
    return head.encode() + b"".join([b"data: %b\n" % line for line in _LINE.split(data)]) + b"\n"


def _parse(text: bytes, raw: bytes) -> RawEvent:
    data: list[bytes] = []
    fields: dict[bytes, str] = {}
    for line in text.splitlines():  # of bytes, so at CR, LF and CRLF only
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name in (b"id", b"event", b"retry"):
            fields[name] = value.removeprefix(b" ").decode("utf-8", "replace")
    said = b"\n".join(data) if data else None
    return RawEvent(raw, said, fields.get(b"id"), fields.get(b"event"), fields.get(b"retry"))
