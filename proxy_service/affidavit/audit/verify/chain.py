"""One writer's chain in the verifier: how far it is committed, and how far it was followed in the order of `seq`.

The two differ only where a segment came late: then the log has it at a later place than the chain.

Source: evidence-format sections 4, 7 and 9.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.verify.calls import Calls
from affidavit.audit.verify.registrations import Registered
from affidavit.audit.verify.shapes import each, flag, maybe, maybe_text, moment, number, row, sha, text, wrong
from affidavit.clock import Micros
from affidavit.evidence.names import WRITER_ID


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

    def save(self) -> list[Any]:
        """Return it as JSON."""
        return [self.first, self.last, self.stated, self.record, self.object]

    @classmethod
    def restore(cls, saved: Any) -> Hole:
        """Return the hole that `save` gave; raises `Malformed`."""
        first, last, stated, record, object_ = row(saved, 5)
        return cls(number(first), number(last), moment(stated), text(record), text(object_))


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
        skipped: Places, both inclusive, that were not there when the chain was followed beyond them.
        since: Stored segments from this `seq` on are looked at; those before it were, by an earlier verification.
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
    skipped: list[tuple[int, int]] = field(default_factory=list)
    since: int = 0

    @classmethod
    def over(cls, writer: str, next_seq: int) -> Chain:
        """Return one of which no more is known than that it has ended with so many records."""
        return cls(
            writer=writer,
            registered=None,
            calls=Calls(writer),
            admitted=True,
            next_seq=next_seq,
            closed=next_seq - 1,
            followed=next_seq,
            since=next_seq,
        )

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and nothing of it is missing."""
        return self.closed is not None and not self.holes and not self.announced and self.overdue is None

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

    def skip(self, until: int) -> None:
        """Do the same for places that no segment in sight holds; one may come late."""
        self.skipped.append((self.followed, until - 1))
        self.miss(until)

    def was_skipped(self, first: int, last: int) -> bool:
        """Tell whether places were passed over when the chain was followed."""
        return any(begins <= first and last <= ends for begins, ends in self.skipped)

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

    def save(self) -> dict[str, Any]:
        """Return it as JSON; what was counted of stored objects is not in it."""
        return {
            "admitted": self.admitted,
            "announced": [hole.save() for hole in self.announced],
            "calls": self.calls.save(),
            "closed": self.closed,
            "complained": self.complained,
            "digests": [[what, digest] for what, digest in sorted(self.digests)],
            "followed": self.followed,
            "heard_time": self.heard_time,
            "holes": [hole.save() for hole in self.holes],
            "last": self.last,
            "last_time": self.last_time,
            "lost": self.lost,
            "missing": self.missing,
            "next_seq": self.next_seq,
            "overdue": list(self.overdue) if self.overdue else None,
            "prev": self.prev,
            "registered": self.registered.save() if self.registered else None,
            "skipped": [list(places) for places in self.skipped],
            "writer": self.writer,
        }

    @classmethod
    def restore(cls, saved: Any) -> Chain:
        """Go on from what `save` gave; raises `Malformed`."""
        if type(saved) is not dict or saved.keys() != _SAVED or not WRITER_ID.fullmatch(text(saved["writer"])):
            raise wrong("chain")
        writer = saved["writer"]
        return cls(
            writer=writer,
            registered=maybe(saved["registered"], lambda one: Registered.restore(writer, one)),
            calls=Calls.restore(writer, saved["calls"]),
            admitted=flag(saved["admitted"]),
            complained=flag(saved["complained"]),
            next_seq=number(saved["next_seq"]),
            last=maybe(saved["last"], sha),
            last_time=number(saved["last_time"]),
            lost=flag(saved["lost"]),
            closed=maybe(saved["closed"], number),
            announced=each(saved["announced"], Hole.restore),
            holes=each(saved["holes"], Hole.restore),
            overdue=maybe(saved["overdue"], _overdue),
            followed=number(saved["followed"]),
            prev=maybe_text(saved["prev"]),
            heard_time=number(saved["heard_time"]),
            missing=flag(saved["missing"]),
            digests={(text(what), sha(digest)) for what, digest in each(saved["digests"], lambda one: row(one, 2))},
            skipped=each(saved["skipped"], _places),
            since=saved["next_seq"],
        )

    def release(self) -> None:
        """Let go of what only a chain that goes on needs."""
        self.digests = set()
        self.registered = None


_SAVED = Chain("", None, Calls("")).save().keys()


def _overdue(saved: Any) -> tuple[str, Micros]:
    object_, time = row(saved, 2)
    return text(object_), moment(time)


def _places(saved: Any) -> tuple[int, int]:
    first, last = row(saved, 2)
    return number(first), number(last)
