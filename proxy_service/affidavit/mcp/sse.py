"""Server-sent events: complete events out of chunks that may split anywhere, each with its exact bytes.

Works on bytes, so a chunk may end inside a UTF-8 character. Comments come out as events without data, because a
comment keeps a connection alive at the other end, too.

Source: WHATWG HTML section 9.2 "Server-sent events".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from affidavit.errors import Malformed

MAX_EVENT = 32 * 1024 * 1024  # bytes; architecture "Failures"

_BOM = b"\xef\xbb\xbf"
# An empty line ends an event; a lone CR at the end of what came may be the first half of a CRLF.
_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?!\n|\Z))(?:\r\n|\n|\r(?!\n|\Z))")
_LINE = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class RawEvent:
    """One block up to and including the empty line.

    Attributes:
        raw: Exact bytes.
        data: The lines of `data:` joined; None for a block without any.
        id: As `id:` says; None where it does not.
        name: As `event:` says.
        retry: As `retry:` says, undigested.
    """

    raw: bytes
    data: bytes | None
    id: str | None
    name: str | None
    retry: str | None


class EventParser:
    """Splits one stream; feed it chunks in order."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[RawEvent]:
        """Yield the events that a chunk completes.

        Raises:
            Malformed: An event is larger than `MAX_EVENT` (`event_too_large`).
        """
        self._buffer += chunk
        while (found := _BOUNDARY.search(self._buffer, self._searched)) is not None:
            raw = bytes(self._buffer[: found.end()])
            del self._buffer[: found.end()]
            self._searched = 0
            yield self._parse(raw)
        if len(self._buffer) > MAX_EVENT:
            raise Malformed("an event is larger than 32 MiB", code="event_too_large")
        self._searched = max(0, len(self._buffer) - 3)

    def rest(self) -> bytes:
        """Return what came after the last whole event: a stream that ends there has no such event."""
        return bytes(self._buffer)

    def _parse(self, raw: bytes) -> RawEvent:
        text = raw if self._begun else raw.removeprefix(_BOM)
        self._begun = True
        data: list[bytes] = []
        fields: dict[bytes, str] = {}
        for line in _LINE.split(text):
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                data.append(value)
            elif name in (b"id", b"event", b"retry"):
                fields[name] = value.decode("utf-8", "replace")
        return RawEvent(
            raw, b"\n".join(data) if data else None, fields.get(b"id"), fields.get(b"event"), fields.get(b"retry")
        )


def print_event(data: bytes, like: RawEvent) -> bytes:
    """Return an event with other data and everything else as it was."""
    head = "".join(
        f"{name}: {value}\n"
        for name, value in (("event", like.name), ("id", like.id), ("retry", like.retry))
        if value is not None
    )
    return head.encode() + b"".join(b"data: %b\n" % line for line in _LINE.split(data)) + b"\n"
