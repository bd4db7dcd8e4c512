"""What the sequencer needs to know of a stored segment before it gives it a place in the log.

Bytes in, values out. Whether it is the next of its chain, and whether its bodies are there, is not known here.

Source: evidence-format sections 4, 6 and 8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from affidavit.clock import Micros, parse_time
from affidavit.errors import Malformed
from affidavit.evidence.names import parse_segment_name
from affidavit.evidence.registration import Registration
from affidavit.evidence.segment import MAX_RECORD_BYTES, Segment, parse_segment
from affidavit.evidence.stored import unpack

QUIET_KIND, LAST_KIND = "writer:alive", "writer:closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSegment:
    """A validly signed segment under its right name, whose records follow one another.

    Attributes:
        name: Where it stands.
        sha256: Of its stored bytes.
        bodies: Class to hash of the bodies objects without which it is not there.
        prev: Hash of the record before the first.
        last: Hash of the last record; since each record holds the one before's, it stands for all of them.
        first_time, last_time: Of its records.
        quiet: It holds nothing but `writer:alive`.
        closes: Its last record is `writer:closed`.
        size: Bytes of its records.
    """

    name: str
    sha256: str
    first_seq: int
    next_seq: int
    bodies: Mapping[str, str]
    prev: str
    last: str
    first_time: Micros
    last_time: Micros
    quiet: bool
    closes: bool
    size: int

    @property
    def count(self) -> int:
        """Records in it."""
        return self.next_seq - self.first_seq


def check_segment(name: str, stored: bytes, registration: Registration) -> tuple[CheckedSegment, Sequence[bytes]]:
    """Return a segment's facts and its records' exact bytes.

    Raises:
        Malformed, VerificationFailed: It is noise: not a validly signed segment of that writer under that name, or its
            records are no chain.
    """
    named = parse_segment_name(name)
    sha256 = hashlib.sha256(stored).hexdigest()
    if sha256[:16] != named.h16 or named.writer != registration.writer:
        raise Malformed("the stored bytes do not hash to the name", code="bad_name")
    segment = parse_segment(unpack(stored))
    if (segment.writer, segment.first_seq) != (named.writer, named.first_seq):
        raise Malformed("the header is of another writer or place than the name", code="bad_name")
    segment.verify(registration.key)
    last, kinds, times = _follow(segment)
    checked = CheckedSegment(
        name=name,
        sha256=sha256,
        first_seq=segment.first_seq,
        next_seq=segment.next_seq,
        bodies=segment.bodies,
        prev=segment.prev,
        last=last,
        first_time=_time(times[0]),
        last_time=_time(times[-1]),
        quiet=set(kinds) == {QUIET_KIND},
        closes=kinds[-1] == LAST_KIND,
        size=sum(map(len, segment.records)),
    )
    return checked, segment.records


def _follow(segment: Segment) -> tuple[str, list[str], list[str]]:
    """Return the hash of the last record, the kinds and the times, having checked that the records are a chain."""
    prev, seq, writer = segment.prev, segment.first_seq, segment.writer
    kinds: list[str] = []
    times: list[str] = [""]
    for line in segment.records:
        if len(line) > MAX_RECORD_BYTES:
            raise Malformed(f"{writer}/{seq} is longer than a log entry may be", code="bad_chain")
        record = _loads(line)
        if (record.get("writer"), record.get("seq"), record.get("prev")) != (writer, seq, prev):
            raise Malformed(f"what stands at {writer}/{seq} is not the next record of the chain", code="bad_chain")
        kind, time = record.get("kind"), record.get("time")
        # All times have the same length and alphabet, so they compare as text; the form is checked below.
        if type(kind) is not str or type(time) is not str or time < times[-1]:
            raise Malformed(f"{writer}/{seq} has no kind or a time before the last", code="bad_chain")
        kinds.append(kind)
        times.append(time)
        prev = hashlib.sha256(line).hexdigest()
        seq += 1
    return prev, kinds, times[1:]


def _loads(line: bytes) -> dict[str, object]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Malformed("a record is not JSON", code="bad_chain") from error
    if type(record) is not dict:
        raise Malformed("a record is not an object", code="bad_chain")
    return record


def _time(text: str) -> Micros:
    try:
        return parse_time(text)
    except ValueError as error:
        raise Malformed(f"a record's time is none: {error}", code="bad_chain") from error
