"""What the ordered checks need to know of one segment: small, plain values that travel between processes.

Source: evidence-format sections 5, 6 and 9.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from affidavit.audit.verify.report import RawFinding
from affidavit.clock import Micros

WHOLE, ABSENT, UNREADABLE, ALTERED, MALFORMED = range(5)  # what a segment was found to be

_KEY_BYTES = 8
_KEY_MASK = (1 << 63) - 2  # an int64 whose last bit is free, for `CallSet`
_OFFSET_SHIFT, _EVENT_SHIFT = 8, 24
_CODE_MASK, _OFFSET_MASK = (1 << _OFFSET_SHIFT) - 1, (1 << (_EVENT_SHIFT - _OFFSET_SHIFT)) - 1
_MOST_EVENTS = 1 << 38


class CallEvent(IntEnum):
    """What a record says of a call."""

    REQUESTED = 1
    REQUESTED_TO_REFUSE = 2  # its policy does not allow it, so it must end in a refusal
    REFUSED = 3
    STREAMED = 4
    ANSWERED = 5
    WITHHELD = 6


class CallKeys:
    """Turns call ids into numbers of 63 bits, equal for equal ids in every process that has the seed."""

    def __init__(self, seed: bytes) -> None:
        self._keyed = hashlib.blake2b(digest_size=_KEY_BYTES, key=seed)

    def of(self, call: str) -> int:
        """Return a call's number: even, not zero."""
        hashed = self._keyed.copy()
        hashed.update(call.encode())
        return (int.from_bytes(hashed.digest(), "big") & _KEY_MASK) or 2


class CallEvents:
    """Events of calls, packed into two 64-bit numbers each."""

    def __init__(self) -> None:
        self._numbers = array("q")

    def add(self, key: int, code: CallEvent, offset: int, event: int = 0) -> None:
        """Put an event at the end; `offset` is of its record in the segment."""
        word = code | offset << _OFFSET_SHIFT
        if event:
            word |= min(event, _MOST_EVENTS) << _EVENT_SHIFT
        self._numbers.append(key)
        self._numbers.append(word)

    def pack(self) -> bytes:
        """Return them as bytes."""
        return self._numbers.tobytes()


def unpack_events(packed: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield key, code, offset and event of packed events."""
    numbers = array("q")
    numbers.frombytes(packed)
    pairs = iter(numbers)
    for key, word in zip(pairs, pairs, strict=True):
        yield key, word & _CODE_MASK, word >> _OFFSET_SHIFT & _OFFSET_MASK, word >> _EVENT_SHIFT


class AbsentBodies(NamedTuple):
    """A bodies object that is named and not there: who mentions it last, and when that was recorded."""

    retention_class: str
    name: str
    bodies: int
    record: str
    time: Micros


class SegmentFacts(NamedTuple):
    """One segment as it was examined; nothing of it is known but `findings` and `unread` unless it is `WHOLE`.

    Attributes:
        state: `WHOLE`, `ABSENT`, `UNREADABLE`, `ALTERED` (not the stated bytes) or `MALFORMED`.
        findings: What is wrong in it by itself.
        unread: Check, object and reason, for what could not be read.
        leaves: Leaf hashes, one after the other.
        prev: `prev` of the first record, None if that is not known.
        last: Hash of the last record.
        first_time, last_time: Of its records; 0 if not known.
        closed: Its last record is `writer:closed`.
        blind: Some of its records could not be understood.
        calls: Packed `CallEvents`.
        details: What is said of policies, tools and approvals, each a tuple that begins with what it is.
        unknown: Kinds that the format does not name, with their number.
        absent: Forms of `AbsentBodies`.
        bodies: Classes of which the bodies object is there.
        bodies_checked, masks_checked, masks_unchecked: Numbers.
        identities: What is said of credentials and keys, with the bodies (`identities.Said`).
        said: Bodies of calls that are to be looked at again, as `Telling` has them.
    """

    state: int
    findings: list[RawFinding]
    unread: list[tuple[str, str, str]]
    leaves: bytes = b""
    prev: str | None = None
    last: str = ""
    first_time: Micros = 0
    last_time: Micros = 0
    closed: bool = False
    blind: bool = False
    calls: bytes = b""
    details: Sequence[tuple[Any, ...]] = ()
    unknown: Sequence[tuple[str, int]] = ()
    absent: Sequence[tuple[Any, ...]] = ()
    bodies: Sequence[str] = ()
    bodies_checked: int = 0
    masks_checked: int = 0
    masks_unchecked: int = 0
    said: Sequence[tuple[Any, ...]] = ()
    identities: Sequence[tuple[Any, ...]] = ()
