"""All chains of the log: admission, order, holes, who is lost, who has closed.

Takes statements and segments in the order of the log, and hears each chain's records in the order of their `seq`.

Source: evidence-format sections 3 to 9; checks `chains`, `calls` and `gaps`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.commit import NamedSegment
from affidavit.audit.verify.calls import Calls
from affidavit.audit.verify.chain import Chain, Hole
from affidavit.audit.verify.ended import REMEMBERED, Ended
from affidavit.audit.verify.facts import ABSENT, WHOLE, SegmentFacts
from affidavit.audit.verify.hearing import Hearing
from affidavit.audit.verify.lateness import (
    AHEAD,
    LOST_AFTER,
    WAITING,
    judge_holes,
    judge_overdue,
    judge_silence,
    list_calls,
    not_refused,
)
from affidavit.audit.verify.registrations import Registered, Registrations
from affidavit.audit.verify.report import Findings, RawFinding
from affidavit.audit.verify.shapes import each, members, text
from affidavit.clock import MINUTE, Micros, format_time
from affidavit.evidence.names import parse_segment_name

GAP_AFTER: Micros = 10 * MINUTE
LOOKED_AT: Micros = 60 * MINUTE  # after its last record, where only what is new is verified

_NEVER: Micros = 1 << 62  # later than any time


@dataclass(frozen=True, slots=True)
class At:
    """Where something stands: the commit's object and time, and the statement's record."""

    object: str
    time: Micros
    record: str = ""


@dataclass(slots=True)
class Chains:
    """Every writer's chain but the log's own.

    Attributes:
        hearing: Hears the records of each.
        newly_lost: Writers that were stated lost in what was read.
    """

    findings: Findings
    registrations: Registrations
    hearing: Hearing
    all: dict[str, Chain] = field(default_factory=dict)
    living: dict[str, Chain] = field(default_factory=dict)
    ended: Ended = field(default_factory=Ended)
    newly_lost: list[str] = field(default_factory=list)
    _late: Counter[tuple[str, int, int]] = field(default_factory=Counter)

    def save(self, now: Micros) -> dict[str, Any]:
        """Return every chain as JSON, after a commit; of those that have ended a while ago only that they did."""
        ended = self.ended.copy()
        chains = []
        for writer, chain in sorted(self.all.items()):
            if chain.is_over and chain.last_time < now - LOOKED_AT:
                ended.add(writer, chain.next_seq)
            elif not self._is_past(chain, now):
                chains.append(chain.save())
        return {"chains": chains, "ended": ended.save(now), "living": sorted(self.living)}

    def restore(self, saved: Any) -> None:
        """Go on from what `save` gave; raises `Malformed`."""
        chains, ended, living = members(saved, "chains", "ended", "living")
        self.ended = Ended.restore(ended)
        self.all = {chain.writer: chain for chain in each(chains, Chain.restore)}
        for writer, chain in self.all.items():
            if chain.closed is None:
                self.registrations.learn(writer, chain.registered)
        self.living = {writer: self.all[writer] for writer in each(living, text) if writer in self.all}

    def last_words(self, now: Micros) -> Iterator[RawFinding]:
        """Yield what is wrong with the chains that `save` leaves out, and would be said of them at every end."""
        for chain in self.all.values():
            if self._is_past(chain, now):
                yield from not_refused(chain)

    @staticmethod
    def _is_past(chain: Chain, now: Micros) -> bool:
        return chain.lost and not chain.holes and chain.last_time < now - REMEMBERED

    def looked_at(self, now: Micros) -> Iterator[Chain]:
        """Yield the chains of which something may still come: those that go on, and others for a while."""
        for chain in self.all.values():
            if chain.admitted and (chain.lives or chain.holes or chain.last_time >= now - LOOKED_AT):
                yield chain

    def may_be_filled(self, now: Micros) -> bool:
        """Tell whether a chain was followed beyond a young hole: what fills it belongs before what was heard."""
        return any(
            hole.first < chain.followed and now - hole.stated <= WAITING
            for chain in self.all.values()
            for hole in chain.holes
        )

    @property
    def meets_holes(self) -> bool:
        """Whether the next segment of a chain may be one beyond a hole."""
        return any(chain.announced for chain in self.all.values())

    def of(self, writer: str) -> Chain:
        """Return a writer's chain."""
        chain = self.all.get(writer)
        if chain is None:
            chain = self.all[writer] = self._begin(writer)
        return chain

    def _begin(self, writer: str) -> Chain:
        ended = self.ended.find(writer)
        if ended is not None:
            return Chain.over(writer, ended)
        registered = self.registrations.of(writer)
        if self.ended.is_forgotten(writer):
            expected = f"a writer that was opened since {self.ended.oldest}, or is known"
            object_ = registered.object if registered else None
            self.findings.fail("chains", object_, f"{writer}/0", expected, "another one")
        return Chain(writer, registered, Calls(writer), prev=registered.sha256 if registered else None)

    # Statements, in the order of the log.

    def admit(self, writer: str, sha256: object, role: object, at: At) -> Registered | None:
        """`log:writer_admitted`: return the registration, if the statement is true."""
        chain = self.of(writer)
        chain.admitted = True
        registered = chain.registered
        if registered is not None and (sha256, role) != (registered.sha256, registered.role):
            expected = f"the admission of {registered.object}, role {registered.role}, hash {registered.sha256}"
            self.findings.fail("chains", registered.object, at.record, expected, f"role {role}, hash {sha256}")
            return None
        return registered

    def gap(self, writer: str, first: int, last: int, at: At) -> None:
        """`log:gap`: the next places of a chain are missing."""
        self.findings.count("gaps")
        chain = self.of(writer)
        begins = chain.announced[-1].last + 2 if chain.announced else chain.next_seq
        exact = first >= begins if chain.announced else first == begins
        if not exact or last < first or chain.closed is not None:
            self.findings.fail(
                "gaps", at.object, at.record, f"a hole of {writer} from {begins} on", f"{first} to {last}"
            )
            return
        hole = Hole(first, last, at.time, at.record, at.object)
        chain.announced.append(hole)
        chain.holes.append(hole)

    def late(self, writer: str, first: int, last: int) -> None:
        """`log:late`: a segment in this commit comes after it was given up."""
        self._late[writer, first, last] += 1

    def lose(self, writer: str, first: int, at: At) -> None:
        """`log:writer_lost`: nothing was heard of a writer for long."""
        chain = self.of(writer)
        if first != chain.next_seq or chain.closed is not None:
            self.findings.note(
                "chains", f"{at.record} has no effect: {writer} goes on at {chain.next_seq}, not {first}"
            )
            return
        if chain.last is not None and at.time - chain.last_time < LOST_AFTER:
            found = f"its last record is of {format_time(chain.last_time)}"
            self.findings.fail("chains", at.object, at.record, f"30 minutes without a record of {writer}", found)
        chain.lost = True
        self.newly_lost.append(writer)
        self.living.pop(writer, None)

    # Segments, in the order of the log.

    def take(self, named: NamedSegment, facts: SegmentFacts, at: At) -> None:
        """Give a segment its place."""
        name = parse_segment_name(named.name)
        chain = self.of(name.writer)
        first, last = name.first_seq, name.first_seq + named.count - 1
        object_, record = f"evidence/{named.name}", f"{name.writer}/{name.first_seq}"
        if not chain.admitted and not chain.complained:
            chain.complained = True
            self.findings.fail("chains", object_, record, "a log:writer_admitted before it", "none")
        self._check_late(chain, first, last, object_, record)
        if facts.last_time > at.time + AHEAD:
            found = format_time(facts.last_time)
            expected = f"no record over a minute after its commit, {format_time(at.time)}"
            self.findings.fail("chains", object_, record, expected, found)
        self._count(chain, facts, first, named.count)
        if first >= chain.next_seq:
            self._advance(chain, named, facts, first, at)
        elif chain.fill(first, last):
            self.hearing.follow_late(chain, facts, first, last)
        else:
            expected = f"places from {chain.next_seq} on, or in a stated hole"
            self.findings.fail("chains", object_, record, expected, f"{first} to {last}")

    def _check_late(self, chain: Chain, first: int, last: int, object_: str, record: str) -> None:
        key = (chain.writer, first, last)
        stated = self._late[key] > 0
        if stated:
            self._late[key] -= 1
        given_up = bool(chain.announced) and first <= chain.announced[0].last
        if stated != (chain.lost or first < chain.next_seq or given_up):
            expected, found = ("its own log:late", "none") if not stated else ("a log:late only where it is", "one")
            self.findings.fail("chains", object_, record, expected, found)

    def _count(self, chain: Chain, facts: SegmentFacts, first: int, records: int) -> None:
        self.findings.count("chains", records)
        if facts.state != ABSENT and first >= chain.since:
            chain.segments += 1
        for retention_class in facts.bodies:
            chain.bodies[retention_class] = chain.bodies.get(retention_class, 0) + 1

    def _advance(self, chain: Chain, named: NamedSegment, facts: SegmentFacts, first: int, at: At) -> None:
        object_, record = f"evidence/{named.name}", f"{chain.writer}/{first}"
        if (chain.announced or first > chain.next_seq) and not chain.fill_announced(first, first + named.count - 1):
            self._meet_hole(chain, facts, first, object_, record)
        chain.next_seq = first + named.count
        if facts.state == WHOLE:
            judge_overdue(self.findings, chain, facts.first_time, facts.last_time)
            chain.last, chain.last_time = facts.last, max(chain.last_time, facts.last_time)
        else:  # nobody knows its times, so they are taken for the latest that they can be
            chain.overdue, chain.last, chain.last_time = None, None, max(chain.last_time, at.time)
        self.hearing.follow(chain, named, facts, first, object_)
        if chain.lives:
            self.living[chain.writer] = chain
        else:
            self.living.pop(chain.writer, None)

    def _meet_hole(self, chain: Chain, facts: SegmentFacts, first: int, object_: str, record: str) -> None:
        announced = chain.announced.pop(0) if chain.announced else None
        if announced is None or (announced.first, announced.last) != (chain.next_seq, first - 1):
            found = f"{announced.first} to {announced.last}" if announced else "none"
            expected = (
                f"a log:gap for {chain.next_seq} to {first - 1} before it" if first > chain.next_seq else "no log:gap"
            )
            self.findings.fail("chains", object_, record, expected, found)
            if announced is not None:
                chain.correct(announced, chain.next_seq, first - 1)
        elif facts.state == WHOLE and announced.stated - facts.first_time < GAP_AFTER:
            found = f"the record after it is of {format_time(facts.first_time)}"
            expected = "a log:gap only for a hole that is older than 10 minutes"
            self.findings.fail("gaps", announced.object, announced.record, expected, found)

    # After each commit, and at the end.

    def end_commit(self, at: At) -> None:
        """Judge what the whole commit must agree with."""
        for (writer, first, last), count in self._late.items():
            if count:
                found = f"{writer} {first} to {last}"
                self.findings.fail("chains", at.object, None, "for each log:late a segment in the same commit", found)
        self._late.clear()
        for chain in self.living.values():
            if chain.overdue is None and at.time - chain.last_time > LOST_AFTER:
                chain.overdue = at.object, at.time

    def expected_writers(self) -> Iterator[tuple[str, int, str | None]]:
        """Yield what a commit's `writers` must say now, the log's own chain left out; a hash may not be known."""
        for writer, chain in self.living.items():
            yield writer, chain.next_seq, chain.last

    def stop_expecting(self, writer: str) -> None:
        """Take note that a commit lists a writer no more: its last segment, which was not read, may have closed it."""
        del self.living[writer]

    def finish(self, as_of: Micros, heard: dict[str, tuple[Micros, Micros]]) -> bool:
        """Judge what time alone settles.

        Args:
            as_of: The time at which it is judged.
            heard: Writer to the first and last time of its records that are stored and not in the log.

        Returns:
            Whether a stated hole is still waiting.
        """
        for chain in self.living.values():
            judge_silence(self.findings, chain, as_of, heard.get(chain.writer))
        for chain in self.all.values():
            judge_overdue(self.findings, chain, *heard.get(chain.writer, (_NEVER, _NEVER)))
        waiting = [judge_holes(self.findings, chain, as_of) for chain in self.all.values()]
        return any(waiting)

    def list_calls(self) -> None:
        """List the calls that have not ended."""
        for chain in self.all.values():
            list_calls(self.findings, chain)
