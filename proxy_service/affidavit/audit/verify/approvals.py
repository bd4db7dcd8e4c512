"""Approvals: a call that needed one had exactly one, for exactly that call, from a decision that is on record.

Steps stand in chains of several writers, so they come in any order. Keeps what is not complete, and a few bytes for
each approval that is.

Source: evidence-format sections 5 (`approval:` kinds, `binding_sha256`) and 9, `approvals`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from affidavit.audit.verify.ended import REMEMBERED
from affidavit.audit.verify.report import Findings, RawFinding
from affidavit.audit.verify.shapes import each, moment, pack, row, sha, text, unpack_each
from affidavit.audit.verify.telling import APPROVED_CALL, CONSUMED, DECIDED, ENDED, REQUESTED
from affidavit.clock import MINUTE, Micros, format_time
from affidavit.evidence.canonical import encode

PENDING: Micros = 10 * MINUTE
SKEW: Micros = MINUTE  # what ends an approval counts as before its use when it is over a minute earlier


class Step(NamedTuple):
    """One record about an approval; `more` depends on the kind, see `telling`."""

    record: str
    time: Micros
    sha256: str
    more: tuple[Any, ...]

    def save(self) -> list[Any]:
        """Return it as JSON."""
        return [self.record, self.time, self.sha256, list(self.more)]

    @classmethod
    def restore(cls, saved: Any) -> Step:
        """Return what `save` gave; raises `Malformed`."""
        record, time, sha256, more = row(saved, 4)
        return cls(text(record), moment(time), sha(sha256), tuple(each(more, lambda one: one)))


@dataclass(slots=True)
class Approval:
    """What is known of one approval that is not complete."""

    requested: list[Step] = field(default_factory=list)
    decided: dict[str, Step] = field(default_factory=dict)
    ended: list[Step] = field(default_factory=list)
    consumed: list[Step] = field(default_factory=list)
    calls: list[Step] = field(default_factory=list)

    def save(self) -> list[Any]:
        """Return it as JSON."""
        steps = self.requested, self.decided.values(), self.ended, self.consumed, self.calls
        return [[step.save() for step in some] for some in steps]

    @classmethod
    def restore(cls, saved: Any) -> Approval:
        """Return what `save` gave; raises `Malformed`."""
        requested, decided, ended, consumed, calls = (each(some, Step.restore) for some in row(saved, 5))
        for steps, length in ((requested, 3), (decided, 2), (ended, 1), (consumed, 4), (calls, 3)):
            for step in steps:
                row(list(step.more), length)
        for step in requested:
            moment(step.more[2])
        return cls(requested, {step.record: step for step in decided}, ended, consumed, calls)

    def newest(self) -> Micros:
        """Return the time of the latest step, or when it expires if that is later."""
        steps = *self.requested, *self.decided.values(), *self.ended, *self.consumed, *self.calls
        times: list[Micros] = [step.time for step in steps]
        ends: list[Micros] = [step.more[2] for step in self.requested]
        return max(*times, *ends, 0)

    @property
    def is_complete(self) -> bool:
        """Whether every step that its call needs is there."""
        return bool(self.requested and self.calls and self.consumed) and self.decision is not None

    @property
    def decision(self) -> Step | None:
        """The decision that its use names."""
        return self.decided.get(self.consumed[0].more[2]) if self.consumed else None


class Approvals:
    """All approvals of a log."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._open: dict[str, Approval] = {}
        self._used: dict[int, Micros] = {}  # short hash of those that are complete, to when they were used

    def save(self, now: Micros) -> list[Any]:
        """Return as JSON what may still be needed; what nobody can use any more is left out."""
        before = now - REMEMBERED
        open_ = [[name, one.save()] for name, one in sorted(self._open.items()) if one.newest() >= before]
        used = b"".join(
            short.to_bytes(8, "big") + at.to_bytes(8, "big", signed=True)
            for short, at in self._used.items()
            if at >= before
        )
        return [open_, pack(used)]

    def restore(self, saved: Any) -> None:
        """Go on from what `save` gave; raises `Malformed`."""
        open_, used = row(saved, 2)
        self._open = {text(name): Approval.restore(one) for name, one in each(open_, lambda one: row(one, 2))}
        for one in unpack_each(used, 16):
            self._used[int.from_bytes(one[:8], "big")] = int.from_bytes(one[8:], "big", signed=True)

    def last_words(self, now: Micros) -> Iterator[RawFinding]:
        """Yield what is wrong with the approvals that `save` leaves out, and would be said of them at every end."""
        for name, approval in self._open.items():
            if approval.newest() < now - REMEMBERED:
                for step, expected, found in (*_once(approval), *_never_complete(name, approval)):
                    yield "approvals", f"approval {name}", step.record, expected, found

    def hear(self, what: str, record: str, time: Micros, sha256: str, name: str, *more: Any) -> None:
        """Take note of one record about the approval `name`."""
        step = Step(record, time, sha256, more)
        used = self._used.get(_short(name))
        if used is not None:
            self._hear_again(what, step, name, used)
            return
        approval = self._open.setdefault(name, Approval())
        if what == DECIDED:
            approval.decided[record] = step
        else:
            {
                REQUESTED: approval.requested,
                ENDED: approval.ended,
                CONSUMED: approval.consumed,
                APPROVED_CALL: approval.calls,
            }[what].append(step)
        if approval.is_complete:
            del self._open[name]
            self._used[_short(name)] = approval.consumed[0].time
            self._check(name, approval)

    def finish(self, as_of: Micros, *, hole_waits: bool) -> None:
        """Judge what is not complete.

        Args:
            as_of: The time at which it is judged.
            hole_waits: A chain has a hole that is still waiting, so that a step may be in it.
        """
        for name, approval in self._open.items():
            for wrong in _once(approval):
                self._fail(name, *wrong)
            for call in approval.calls:
                self._judge_missing(name, approval, call, as_of, hole_waits=hole_waits)
            if approval.consumed and not approval.calls:
                self._findings.note(
                    "approvals", f"{approval.consumed[0].record} uses {name}, for a call that never began"
                )

    def _judge_missing(self, name: str, approval: Approval, call: Step, as_of: Micros, *, hole_waits: bool) -> None:
        if hole_waits or as_of - call.time <= PENDING:
            missing = ", ".join(_missing(approval))
            self._findings.note("approvals", f"{call.record} is pending: the approval {name} has no {missing} yet")
        else:
            self._fail(name, *_incomplete(name, approval, call))

    def _check(self, name: str, approval: Approval) -> None:
        self._findings.count("approvals")
        for wrong in (*_once(approval), *_bound(approval), *_in_time(approval)):
            self._fail(name, *wrong)

    def _hear_again(self, what: str, step: Step, name: str, used: Micros) -> None:
        if what in (CONSUMED, APPROVED_CALL, REQUESTED):
            self._fail(name, step, f"the approval {name} requested once and used once", f"{what} again")
        elif what == ENDED and step.time < used - SKEW:
            self._fail(name, step, f"no {step.more[0]} over a minute before the use of {name}", format_time(step.time))

    def _fail(self, name: str, step: Step, expected: str, found: str) -> None:
        self._findings.fail("approvals", f"approval {name}", step.record, expected, found)


Wrong = tuple[Step, str, str]  # the record, what is expected, what is found


def binding_of(bound: dict[str, Any], expires: str) -> str | None:
    """Return the binding of a call's fields; None for a call that cannot be approved."""
    if type(bound["arguments_hmac"]) is not str:
        return None
    return hashlib.sha256(encode({**bound, "expires": expires, "v": 1})).hexdigest()


def _missing(approval: Approval) -> Iterator[str]:
    if not approval.requested:
        yield "approval:requested"
    if not approval.consumed:
        yield "approval:consumed"
    if approval.decision is None:
        yield "approval:decided"


def _incomplete(name: str, approval: Approval, call: Step) -> Wrong:
    return call, f"{', '.join(_missing(approval))} of the approval {name}", "none in the log"


def _never_complete(name: str, approval: Approval) -> Iterator[Wrong]:
    return (_incomplete(name, approval, call) for call in approval.calls)


def _once(approval: Approval) -> Iterator[Wrong]:
    for step in approval.consumed[1:]:
        yield step, "one approval:consumed", "another one"
    for step in approval.calls[1:]:
        yield step, "one call with this approval", "another one"
    for step in approval.requested[1:]:
        if step.more != approval.requested[0].more:
            yield step, "one approval:requested", "another one that says something else"


def _bound(approval: Approval) -> Iterator[Wrong]:
    requested, consumed, call = approval.requested[0], approval.consumed[0], approval.calls[0]
    decision = approval.decision
    binding, expires, _ = requested.more
    for step in (consumed, call, *([decision] if decision else [])):
        if step.more[0] != binding:
            yield step, f"the binding {binding}, as {requested.record} says", step.more[0]
    if binding_of(call.more[2], expires) != binding:
        yield call, f"fields that give the binding {binding}", "others"
    if consumed.more[1] != call.more[1]:
        yield consumed, "the call that carries this approval", "another call"
    if decision is not None and consumed.more[3] != decision.sha256:
        yield consumed, f"the hash of {decision.record}, {decision.sha256}", consumed.more[3]
    if decision is not None and decision.more[1] != "approved":
        yield consumed, "a decision that approves", f"{decision.record}, which says {decision.more[1]}"


def _in_time(approval: Approval) -> Iterator[Wrong]:
    requested, consumed = approval.requested[0], approval.consumed[0]
    if consumed.time > requested.more[2] + SKEW:
        yield consumed, f"use before it expires, {requested.more[1]}", format_time(consumed.time)
    for step in approval.ended:
        if step.time < consumed.time - SKEW:
            yield consumed, f"no {step.more[0]} over a minute before it is used", step.record


def _short(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
