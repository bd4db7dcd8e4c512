"""One writer's chain in the verifier: how far it is committed, and how far it was followed in the order of `seq`.

The two differ only where a segment came late: then the log has it at a later place than the chain.

Source: evidence-format sections 4, 7 and 9.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from affidavit.audit.verify.calls import Calls
from affidavit.audit.verify.registrations import Registered
from affidavit.clock import Micros


@dataclass(slots=True)
class Hole:
    """Places of a chain, both inclusive, that `log:gap` says are missing.

    Attributes:
        stated: Time of the commit that says so.
        record: Where it is said.
        object: In which commit.
    """

    first: int
    last: int
    stated: Micros
    record: str
    object: str

    def without(self, first: int, last: int) -> list[Hole]:
        """Return what is left when a part is filled."""
        pieces = [(self.first, min(self.last, first - 1)), (max(self.first, last + 1), self.last)]
        return [Hole(one, two, self.stated, self.record, self.object) for one, two in pieces if one <= two]


@dataclass(slots=True)
class Chain:
    """What the checks remember of one writer.

    Attributes:
        registered: None where there is no valid registration.
        admitted: Stated so.
        next_seq: Highest committed `seq` + 1.
        last: Hash of that record, None if it is not known.
        last_time: The latest time of a committed record.
        lost: Stated so.
        closed: The `seq` of `writer:closed`, once committed.
        announced: Of the stated holes those that no segment has followed yet, in order.
        holes: All stated holes that are not filled.
        overdue: The first commit, with its time, that should have stated the writer lost.
        segments: Committed ones that are present.
        bodies: Class to the number of bodies objects that are present.
        followed: Next `seq` in the order of the chain; what is before it was heard.
        prev: Hash of the record before it, None if it is not known.
        heard_time: The latest time that was heard.
        missing: Some records before `followed` were not heard, so what refers to them cannot be judged.
    """

    writer: str
    registered: Registered | None
    calls: Calls
    admitted: bool = False
    complained: bool = False
    next_seq: int = 0
    last: str | None = None
    last_time: Micros = 0
    lost: bool = False
    closed: int | None = None
    announced: list[Hole] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    overdue: tuple[str, Micros] | None = None
    segments: int = 0
    bodies: dict[str, int] = field(default_factory=dict)
    followed: int = 0
    prev: str | None = None
    heard_time: Micros = 0
    missing: bool = False
    digests: set[tuple[str, str]] = field(default_factory=set)

    @property
    def lives(self) -> bool:
        """Whether it has records in the log, and may say more."""
        return self.next_seq > 0 and self.closed is None and not self.lost

    def miss(self, until: int) -> None:
        """Take note that nothing before a place can be heard."""
        self.followed = until
        self.prev = None
        self.missing = True
        self.calls.miss()

    def fill(self, first: int, last: int) -> bool:
        """Take a part out of the stated holes; tell whether it lay in one."""
        inside = [hole for hole in self.holes if hole.first <= first and last <= hole.last]
        if not inside:
            return False
        self.holes.remove(inside[0])
        self.holes += inside[0].without(first, last)
        return True

    def fill_announced(self, first: int, last: int) -> bool:
        """Do the same for the hole that was announced last, where it is met at its beginning or inside."""
        if not self.announced or not (self.announced[0].first <= first and last <= self.announced[0].last):
            return False
        self.fill(first, last)
        self.announced[:1] = [rest for rest in self.announced[0].without(first, last) if rest.first > last]
        return True

    def correct(self, stated: Hole, first: int, last: int) -> None:
        """Put the hole that there is, if any, in place of one that was stated wrongly."""
        self.holes = [hole for hole in self.holes if hole != stated]
        if first <= last:
            self.holes.append(Hole(first, last, stated.stated, stated.record, stated.object))

    def release(self) -> None:
        """Let go of what only a chain that goes on needs."""
        self.digests = set()
        self.registered = None
