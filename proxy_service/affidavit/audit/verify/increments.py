"""A verification of what is new: from the point that an earlier one reached, as far as it gets, to the next point.

The failures of all parts together are those of one verification from the beginning, but for these: what is done to
objects that an earlier part has verified, or beside them, is not seen; of noise and orphans nothing is listed; a
segment that comes over ten minutes after its hole was stated is heard for approvals alone, not for the order of calls
and records around it; and what `point` forgets in time is not known.

Never goes past what could not be read: its point lies before it.

Source: evidence-format section 9.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.verify.commits import StoredCommit, check_unchanged
from affidavit.audit.verify.point import Checks, Point
from affidavit.audit.verify.report import Place, RawFinding, Report
from affidavit.audit.verify.request import Request
from affidavit.audit.verify.strays import Strays
from affidavit.audit.verify.survey import survey
from affidavit.audit.verify.verification import Step, Verification
from affidavit.audit.verify.waiting import Waiting
from affidavit.clock import Micros, format_time
from affidavit.errors import Malformed

_HEALS = ("uncommitted",)  # of what is found beside the log; the rest stays true whatever comes
_DAY_LENGTH = 10  # of `2026-11-22`
_GAP = '"kind":"log:gap"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Increment:
    """What verifying a part of the log gave.

    Attributes:
        report: What earlier parts were found to be with it; what is late or left over is judged only at the end.
        at_end: No commit followed that could be.
        point: From where to go on: as far as everything could be read, is signed, and nothing may still come between;
            None where that is nowhere.
        days: Day to the size of its last commit that is verified and signed.
        lost: Writers that were stated lost in this part.
    """

    report: Report
    at_end: bool
    point: Point | None
    days: Mapping[str, int]
    lost: Sequence[str]


def verify_on(request: Request, since: Point | None, most: int | None = None) -> Increment:
    """Verify what follows a point, or a log's beginning, so that another verification can go on from there.

    Args:
        request: What to verify; its `seed` counts only at the beginning, and it has no `known`.
        since: The point that an earlier one reached.
        most: About so many records are enough; what follows them is left for the next one.

    Raises:
        Malformed: That point cannot be gone on from.
        Unavailable: The work could not be done at all.
    """
    if since is not None:
        if since.origin != request.keys.origin:
            raise Malformed(f"the point is of the log {since.origin}", code="bad_point")
        request = request.from_seed(bytes.fromhex(since.seed))
    return _Part(request, since=since, most=most).increment()


@dataclass(slots=True, kw_only=True)
class _Part(Verification):
    since: Point | None
    most: int | None
    days: dict[str, int] = field(default_factory=dict)
    point: Point | None = None
    taken: StoredCommit | None = None  # the last one
    passing: Mapping[str, int] = field(default_factory=dict)  # failures that every part finds anew
    unread: int = 0
    carried: frozenset[Place] = frozenset()
    proved: list[RawFinding] = field(default_factory=list)

    def increment(self) -> Increment:
        """Verify this part."""
        self.point = self.since
        as_of = self.begin()
        self.read(as_of)
        self._reach(as_of)
        report = self.finish(as_of) if self.seen.whole else self.report(as_of)
        return Increment(
            report=report,
            at_end=self.seen.whole,
            point=self.point if self.point is self.since or self.point is None else self.point.with_proved(self.proved),
            days=self.days,
            lost=tuple(self.chains.newly_lost),
        )

    def begin(self) -> Micros:
        """Do the same, from the point on."""
        self.checkpoints.read_head(self.request.buckets.log)
        if self.since is not None:
            self._resume(self.since)
        self.passing, self.unread = self.findings.failures(), self.findings.unread_things
        if self.since is not None:
            self.findings.restore(self.since.parts["findings"])
            self.carried = frozenset(raw[:3] for raw in self.findings.since(self.passing))
        survey(self.request.buckets.evidence, self.seen, self.most)
        return self.as_of

    def next(self) -> StoredCommit | None:
        """Return the next commit to follow, None beyond what was looked at if that was not all."""
        return self.reader.read() if self.seen.whole or self.reader.next < self.seen.size else None

    def take(self, step: Step, results: Iterator[Any]) -> None:
        """Take a commit; keep a point before one that may not be passed for good."""
        known = list(results)
        if self._is_doubtful(step, known):
            self._keep(self._latest(self.as_of))
        Verification.take(self, step, iter(known))
        self.taken = step.stored
        if self.checkpoints.signed is step.stored:
            self.days[format_time(step.stored.commit.time)[:_DAY_LENGTH]] = step.stored.commit.size

    def look(self, waiting: Waiting, strays: Strays, as_of: Micros) -> None:
        """Look at what is new, and remember what it proves: the next part does not look there; raises `Unavailable`."""
        before = self.findings.failures()
        if self.since is None:
            Verification.look(self, waiting, strays, as_of)
        else:
            waiting.look_on(self.chains.looked_at(as_of))
            strays.look_on(self.since.size)
        self.findings.say_once(before, self.carried)
        self.proved = [raw for raw in self.findings.since(before) if raw[0] not in _HEALS]

    def _resume(self, point: Point) -> None:
        resumed = self._checks().restore(point, self.seen)
        check_unchanged(self.request.buckets.evidence, resumed.stored, self.findings)
        self.checkpoints.resume(self.request.buckets.evidence, resumed)
        self.reader.next = self.walk.begin = self.walk.end = self.seen.size = point.size
        self.seen.last_time = point.time

    def _checks(self) -> Checks:
        return Checks(
            findings=self.findings,
            tree=self.tree,
            checkpoints=self.checkpoints,
            approvals=self.approvals,
            attestations=self.attestations,
            chains=self.chains,
            statements=self.statements,
            commits=self.commits,
        )

    def _is_doubtful(self, step: Step, results: Sequence[Any]) -> bool:
        """Tell whether a point may not be possible after a commit, though it was before it."""
        commit = step.stored.commit
        signed = results[len(commit.segments)][0] == "ok"
        readable = not any(facts[2] for facts in results[: len(commit.segments)])
        states_gap = any(_GAP in text for text in commit.statements)
        return not (signed and readable) or states_gap or self.chains.meets_holes

    def _latest(self, as_of: Micros) -> Micros:
        return as_of if self.seen.whole else self.seen.last_time or as_of

    def _reach(self, as_of: Micros) -> None:
        """Keep a point at the end, or where that is not possible yet, before; a part that ends early must reach one."""
        self._keep(self._latest(as_of))
        if not self.seen.whole and self.point is self.since:
            self._keep(None)

    def _keep(self, latest: Micros | None) -> None:
        """Keep a point after the last commit, if one is possible; `latest` is None if no hole may be waited for."""
        stored = self.taken
        if stored is None or self.checkpoints.signed is not stored or self.findings.unread_things > self.unread:
            return
        root = self.tree.root()
        if root is None or (latest is not None and self.chains.may_be_filled(latest)):
            return
        self.point = Point(
            origin=self.request.keys.origin,
            size=stored.commit.size,
            root=root.hex(),
            time=stored.commit.time,
            made=self.request.now,
            seed=self.request.seed.hex(),
            parts=self._checks().save(stored, self.seen.retention, self.passing),
        )
