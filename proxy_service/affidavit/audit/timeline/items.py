"""What reading a data folder gives, one thing at a time: a record, a hole in a chain, an object that is damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.audit.timeline.content import Content, Reference, SegmentBodies
from affidavit.audit.timeline.values import text
from affidavit.clock import Micros

_NO_SEGMENT = "the log's statements have no bodies"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSegment:
    """A segment whose hash and signature are right; `object` is its name as findings have it."""

    object: str
    sha256: str
    first_seq: int
    next_seq: int
    bodies: SegmentBodies


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One record.

    Attributes:
        at: Its time.
        record: Its fields.
        line: Its exact bytes.
        segment: Where it stands; None for the log's own statements.
        commit: The commit that holds it, as findings name it, for those.
    """

    at: Micros
    record: Mapping[str, Any]
    line: bytes
    segment: StoredSegment | None
    commit: str | None = None

    @property
    def writer(self) -> str:
        """Whose chain it is in."""
        return text(self.record["writer"])

    @property
    def seq(self) -> int:
        """Its place there."""
        return int(self.record["seq"])

    @property
    def id(self) -> str:
        """The record id that people are shown."""
        return f"{self.writer}/{self.seq}"

    @property
    def kind(self) -> str:
        """What it says happened."""
        return text(self.record["kind"])

    @property
    def sha256(self) -> str:
        """Of its bytes, as in the `prev` of the next."""
        return hashlib.sha256(self.line).hexdigest()

    def content(self, reference: Reference) -> Content:
        """Return what a reference in it refers to."""
        if self.segment is None:
            return Content(reference=reference, problem=_NO_SEGMENT)
        return self.segment.bodies.content(reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Records that are not here; `first` and `last` are both missing."""

    at: Micros
    writer: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """An object that cannot be shown, and why; `at` is where it lies among what is shown."""

    at: Micros
    object: str
    why: str


Item = Recorded | Hole | Damage
