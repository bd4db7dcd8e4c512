"""The records of each chain, heard in the order of their `seq`, whenever the log has them.

Source: evidence-format sections 4, 5 and 9; checks `chains` and `calls`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from affidavit.audit.commit import NamedSegment
from affidavit.audit.verify.approvals import Approvals
from affidavit.audit.verify.chain import Chain
from affidavit.audit.verify.facts import WHOLE, SegmentFacts
from affidavit.audit.verify.registrations import Registered, Registrations
from affidavit.audit.verify.report import Findings
from affidavit.audit.verify.survey import Survey
from affidavit.audit.verify.telling import POLICY, POLICY_NAMED, TOOL, TOOL_NAMED
from affidavit.clock import format_time

Examine = Callable[[NamedSegment, Registered | None], SegmentFacts]
_LOADED = {POLICY_NAMED: POLICY, TOOL_NAMED: TOOL}


@dataclass(frozen=True, slots=True)
class Hearing:
    """Listens to chains.

    Attributes:
        survey: Says which segments come late.
        examine: Examines a segment here and now, for what has to be heard before its place in the log.
    """

    findings: Findings
    registrations: Registrations
    approvals: Approvals
    survey: Survey
    examine: Examine

    def follow(self, chain: Chain, named: NamedSegment, facts: SegmentFacts, first: int, object_: str) -> None:
        """Hear a segment, and before it what lies in a hole before it and comes late."""
        if first > chain.followed:
            for late_first, late in self.survey.late_between(chain.writer, chain.followed, first - 1):
                if late_first > chain.followed:
                    chain.skip(late_first)
                late_facts = self.examine(late, chain.registered)
                self._hear(chain, late_facts, late_first, late.count, f"evidence/{late.name}")
            if first > chain.followed:
                chain.skip(first)
        self._hear(chain, facts, first, named.count, object_)

    def _hear(self, chain: Chain, facts: SegmentFacts, first: int, count: int, object_: str) -> None:
        if facts.state != WHOLE:
            chain.miss(first + count)
            return
        fail = self.findings.fail
        record = f"{chain.writer}/{first}"
        if chain.closed is not None:
            fail("chains", object_, record, f"nothing after writer:closed at {chain.closed}", "another segment")
        if chain.prev is not None and facts.prev is not None and facts.prev != chain.prev:
            fail("chains", object_, record, f"the `prev` {chain.prev}", facts.prev or "none")
        if facts.first_time < chain.heard_time:
            found = format_time(facts.first_time)
            fail("chains", object_, record, f"a time not before {format_time(chain.heard_time)}", found)
        chain.heard_time = max(chain.heard_time, facts.last_time)
        if facts.blind:
            chain.miss(first)
        self._hear_details(chain, facts, object_)
        self.findings.fail_all(chain.calls.feed(facts.calls, first, object_))
        chain.followed, chain.prev = first + count, facts.last
        if facts.closed:
            self._close(chain, object_)

    def _hear_details(self, chain: Chain, facts: SegmentFacts, object_: str) -> None:
        for what, record, *more in facts.details:
            if what in (POLICY, TOOL):
                chain.digests.add((what, more[0]))
            elif what in _LOADED:
                if (_LOADED[what], more[0]) not in chain.digests and not chain.missing:
                    self.findings.fail(
                        "chains", object_, record, f"a {_LOADED[what]} that was recorded before", more[0]
                    )
            else:
                self.approvals.hear(what, record, *more)

    def follow_late(self, chain: Chain, facts: SegmentFacts, first: int, last: int) -> None:
        """Hear what others wait for in a segment that comes after its chain was followed beyond its places.

        Only where a verification goes on from an earlier one; from the beginning, what is late is heard in its place.
        """
        if facts.state != WHOLE or not chain.was_skipped(first, last):
            return
        for what, record, *more in facts.details:
            if what in (POLICY, TOOL):
                chain.digests.add((what, more[0]))
            elif what not in _LOADED:
                self.approvals.hear(what, record, *more)

    def _close(self, chain: Chain, object_: str) -> None:
        chain.closed = chain.followed - 1
        for seq, _ in chain.calls.close():
            record = f"{chain.writer}/{seq}"
            self.findings.fail("calls", object_, record, "an end of this call before writer:closed", "none")
        chain.release()
        self.registrations.forget(chain.writer)
