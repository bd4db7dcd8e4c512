"""A commit: which statements and which segments take the next places in the log.

Bytes in, values out; creating the object is the one decision of the sequencer, everything else is derived from it.
Never opens a segment: whether a named one exists and what it holds is not known here.

Source: evidence-format section 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.clock import Micros, format_time, parse_time
from affidavit.errors import Malformed
from affidavit.evidence.canonical import MAX_INTEGER, decode, encode
from affidavit.evidence.names import WRITER_ID, commit_name, parse_segment_name
from affidavit.evidence.segment import MAX_RECORD_BYTES, MAX_RECORDS, is_hash
from affidavit.evidence.stored import sha256_hex

LOG_WRITER = "log"  # the writer of the log's own statements; it has no registration
ZERO_HASH = "0" * 64  # what the first commit names as the one before, and the log's record 0 as `prev`

_KEYS = {"previous", "segments", "size", "start", "statements", "time", "v", "writers"}
_SEGMENT_KEYS = {"count", "name", "sha256"}
_WRITER_KEYS = {"last", "next_seq"}


@dataclass(frozen=True, slots=True)
class NamedSegment:
    """One segment as a commit names it: where it stands, the hash of its stored bytes, how many records it holds."""

    name: str
    sha256: str
    count: int


@dataclass(frozen=True, slots=True)
class Place:
    """How far a chain is committed: highest committed `seq` + 1, and the hash of that record's bytes."""

    next_seq: int
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One decision of the sequencer.

    Attributes:
        previous: SHA-256 of the previous commit's bytes, 64 zeros for the first.
        start: Log position of the first leaf.
        size: Leaves of the log with this commit: `start` + statements + the segments' records.
        time: When it was made, microseconds since 1970; never runs backwards.
        statements: Records of the writer `log`, each the text of its exact bytes.
        segments: What follows the statements, in this order.
        writers: Every chain that goes on, `log` among them.
    """

    previous: str
    start: int
    size: int
    time: Micros
    statements: tuple[str, ...]
    segments: tuple[NamedSegment, ...]
    writers: Mapping[str, Place]

    @property
    def name(self) -> str:
        """Where it stands in the evidence bucket."""
        return commit_name(self.start)

    def encode(self) -> bytes:
        """Return the bytes that are stored."""
        return encode(
            {
                "previous": self.previous,
                "segments": [{"count": one.count, "name": one.name, "sha256": one.sha256} for one in self.segments],
                "size": self.size,
                "start": self.start,
                "statements": self.statements,
                "time": format_time(self.time),
                "v": 1,
                "writers": {id_: {"last": at.last, "next_seq": at.next_seq} for id_, at in self.writers.items()},
            }
        )


def parse_commit(data: bytes) -> Commit:
    """Return the commit that stored bytes spell.

    Statements are text here: that they are records, and what they say, is for the caller to check.

    Raises:
        Malformed: Not canonical, a field is missing, unknown or not of its form, or `size` is not what is listed.
    """
    value = decode(data, free_keys=frozenset({"writers"}))
    _require(set(value) == _KEYS and value["v"] == 1 and type(value["v"]) is int, "has other fields than version 1")
    commit = Commit(
        previous=_hash(value["previous"]),
        start=_count(value["start"]),
        size=_count(value["size"]),
        time=_time(value["time"]),
        statements=_statements(value["statements"]),
        segments=_segments(value["segments"]),
        writers=_writers(value["writers"]),
    )
    leaves = len(commit.statements) + sum(one.count for one in commit.segments)
    _require(leaves > 0 and commit.size == commit.start + leaves, "counts other leaves than it lists")
    _require((commit.start == 0) == (commit.previous == ZERO_HASH), "is the first one, or names one before it")
    return commit


def commit_hash(data: bytes) -> str:
    """Return what the next commit says of this one's stored bytes."""
    return sha256_hex(data)


def _require(holds: bool, what: str) -> None:  # noqa: FBT001 reads as a sentence at every call
    if not holds:
        raise Malformed(f"a commit {what}", code="bad_commit")


def _hash(value: Any) -> str:
    _require(is_hash(value), "names no hash where one must stand")
    return str(value)


def _count(value: Any) -> int:
    _require(type(value) is int and 0 <= value <= MAX_INTEGER, "has no position where one must stand")
    return int(value)


def _time(value: Any) -> Micros:
    _require(type(value) is str, "has no time")
    try:
        return parse_time(value)
    except ValueError as error:
        raise Malformed(f"a commit has no time: {error}", code="bad_commit") from error


def _statements(value: Any) -> tuple[str, ...]:
    _require(type(value) is list and all(type(line) is str for line in value), "has statements that are not text")
    _require(all(0 < len(line.encode()) <= MAX_RECORD_BYTES for line in value), "has a statement of no record's length")
    return tuple(value)


def _segments(value: Any) -> tuple[NamedSegment, ...]:
    _require(type(value) is list, "has no list of segments")
    return tuple(_segment(member) for member in value)


def _segment(value: Any) -> NamedSegment:
    _require(type(value) is dict and set(value) == _SEGMENT_KEYS, "names a segment in another form")
    name, sha256, count = value["name"], value["sha256"], value["count"]
    _require(type(name) is str, "names a segment in another form")
    _require(parse_segment_name(name).h16 == _hash(sha256)[:16], "names a segment by another hash than it states")
    _require(type(count) is int and 1 <= count <= MAX_RECORDS, "counts no possible number of records in a segment")
    return NamedSegment(name, sha256, count)


def _writers(value: Any) -> dict[str, Place]:
    _require(type(value) is dict, "has no writers")
    return {writer: _place(writer, member) for writer, member in value.items()}


def _place(writer: str, value: Any) -> Place:
    _require(writer == LOG_WRITER or WRITER_ID.fullmatch(writer) is not None, "names a writer that has no writer's id")
    _require(type(value) is dict and set(value) == _WRITER_KEYS, "says of a writer what no commit says")
    next_seq = _count(value["next_seq"])
    _require(next_seq > 0, "names a writer without a committed record")
    return Place(next_seq, _hash(value["last"]))
