"""What the next commit will hold: statements, segments, and how far each chain is with it.

Values only; what goes in is chosen by `selection`.

Source: evidence-format section 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from affidavit.audit.chains import Vouching
from affidavit.audit.commit import LOG_WRITER, ZERO_HASH, Commit, NamedSegment, Place
from affidavit.audit.segments import CheckedSegment
from affidavit.audit.statements import LogChain
from affidavit.clock import Micros

MAX_LEAVES = 16_384  # of one commit, about: half a second of work, and 64 full tiles
MAX_BYTES = 32 * 1024 * 1024  # of records, which are in memory between the commit and its tiles


@dataclass(slots=True)
class Batch:
    """One commit in the making.

    Attributes:
        time: The commit's.
        log: The log's own chain, going on.
        segments: Taken so far, in order.
        moved: Chains that are further with this commit; None for one that does not go on.
        vouched: Key sets that the log has stated, as far as that is known, with those stated here.
        worthwhile: Something in it justifies a commit: more than `log:committed` and segments that may wait.
        full: Something was left out for lack of room.
    """

    time: Micros
    log: LogChain
    vouched: set[Vouching] = field(default_factory=set)
    segments: list[CheckedSegment] = field(default_factory=list)
    moved: dict[str, Place | None] = field(default_factory=dict)
    worthwhile: bool = False
    full: bool = False
    _leaves: int = 0
    _bytes: int = 0

    def has_room(self, one: CheckedSegment) -> bool:
        """Tell whether a segment fits; the first always does."""
        fits = not self._leaves or (self._leaves + one.count <= MAX_LEAVES and self._bytes + one.size <= MAX_BYTES)
        self.full = self.full or not fits
        return fits

    def take(self, one: CheckedSegment) -> None:
        """Give a segment the next places."""
        self.segments.append(one)
        self._leaves += one.count
        self._bytes += one.size

    def commit(self, before: Commit | None, previous: str) -> Commit:
        """Return the commit, `previous` being the hash of the stored bytes of the one before."""
        start = before.size if before else 0
        writers = dict(before.writers) if before else {}
        for writer, place in self.moved.items():
            if place is None:
                writers.pop(writer, None)
            else:
                writers[writer] = place
        writers[LOG_WRITER] = self.log.place
        return Commit(
            previous=previous if before else ZERO_HASH,
            start=start,
            size=start + len(self.log.statements) + sum(one.count for one in self.segments),
            time=self.time,
            statements=tuple(self.log.statements),
            segments=tuple(NamedSegment(one.name, one.sha256, one.count) for one in self.segments),
            writers=writers,
        )
