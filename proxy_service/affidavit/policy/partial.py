"""Decisions where not everything is known any more: what the policy may say, whatever the unknown values are.

Never guesses: what could come out either way is said to.

Source: CEL language definition, "Logical Operators" (an error beside what decides alone counts for nothing).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any

from affidavit.policy.condition import Condition
from affidavit.policy.decide import RULES, VARIABLES, Facts, Policy, Rule
from affidavit.policy.reads import Hidden, Read, reads, touched
from affidavit.policy.sight import by, variables
from affidavit.policy.skeleton import Join, Part, Shape, skeleton


class Outcome(Flag):
    """What a condition may come to."""

    TRUE = auto()
    FALSE = auto()
    FAILED = auto()


ANY = Outcome.TRUE | Outcome.FALSE | Outcome.FAILED


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a condition, compiled, with what it reads."""

    condition: Condition
    reads: tuple[Read, ...]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Parts that are joined."""

    join: Join
    parts: tuple[Piece | Pieces, ...]


@dataclass(frozen=True, slots=True)
class Possible:
    """One decision that the policy may make."""

    decision: str
    rule: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """All decisions that the policy may make of one call.

    Attributes:
        unknown: What was read and is not known, where that matters.
    """

    possible: tuple[Possible, ...]
    unknown: tuple[Read, ...] = ()

    @property
    def decision(self) -> str | None:
        """The decision, None where it depends on what is not known."""
        decisions = {one.decision for one in self.possible}
        return self.possible[0].decision if len(decisions) == 1 else None

    @property
    def rule(self) -> str | None:
        """The rule that decides, None where none does or where that is not known."""
        return self.possible[0].rule if len(self.possible) == 1 else None


class PartialPolicy:
    """A policy, for calls of which not everything is known."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.reads = tuple(reads(rule.when.text, VARIABLES) for rule in policy.rules)
        self._pieces: dict[str, Piece | Pieces] = {}

    def decide(self, facts: Facts, hidden: Hidden) -> Answer:
        """Decide one request; `hidden` says what in `facts` is not known."""
        if not self._meets(hidden):
            decision = self.policy.decide(facts)
            return Answer((Possible(decision.decision, decision.rule),))
        possible: list[Possible] = []
        unknown: list[Read] = []
        bound = variables(self.policy, facts)
        for rule, read in zip(self.policy.rules, self.reads, strict=True):
            outcome = self._outcome(rule, read, bound, hidden)
            if len(outcome) > 1:
                unknown += [one for one in read if one.touches(hidden)]
            matching = outcome & _matching(rule)
            if matching:
                decision = by(self.policy, rule, facts)
                possible.append(Possible(decision.decision, decision.rule))
            if matching == outcome:
                return _answer(possible, unknown)
        return _answer([*possible, Possible("deny", None)], unknown)

    def could_use(self, facts: Facts, hidden: Hidden) -> Answer:
        """Decide a request that has no target; one that looks at something unknown may come out either way."""
        unknown = tuple(one for read in self.reads for one in read if one.touches(hidden))
        if unknown:
            return Answer((Possible("allow", None), Possible("deny", None)), unknown)
        decision = self.policy.could_use(facts)
        return Answer((Possible(decision.decision, decision.rule),))

    def _meets(self, hidden: Hidden) -> bool:
        return bool(hidden) and any(touched(read, hidden) for read in self.reads)

    def _outcome(self, rule: Rule, read: tuple[Read, ...], bound: Any, hidden: Hidden) -> Outcome:
        if not touched(read, hidden):
            return _known(rule.when.evaluate(bound))
        pieces = self._pieces.get(rule.name)
        if pieces is None:
            pieces = self._pieces[rule.name] = compiled(skeleton(rule.when.text))
        return _evaluate(pieces, bound, hidden)


def compiled(shape: Shape) -> Piece | Pieces:
    """Return a skeleton with its parts compiled."""
    if isinstance(shape, Part):
        return Piece(RULES.compile(shape.text), reads(shape.text, VARIABLES))
    return Pieces(shape.join, tuple(compiled(part) for part in shape.parts))


def _evaluate(pieces: Piece | Pieces, bound: Any, hidden: Hidden) -> Outcome:
    if isinstance(pieces, Piece):
        return ANY if touched(pieces.reads, hidden) else _known(pieces.condition.evaluate(bound))
    outcomes = [_evaluate(part, bound, hidden) for part in pieces.parts]
    if pieces.join == "!":
        return _either(_negated(one) for one in outcomes[0])
    outcome, *others = outcomes
    for other in others:
        outcome = _either(_joined(pieces.join, one, two) for one in outcome for two in other)
    return outcome


def _known(value: bool | None) -> Outcome:  # noqa: FBT001
    return Outcome.FAILED if value is None else Outcome.TRUE if value else Outcome.FALSE


def _negated(one: Outcome) -> Outcome:
    return {Outcome.TRUE: Outcome.FALSE, Outcome.FALSE: Outcome.TRUE}.get(one, Outcome.FAILED)


def _joined(join: Join, one: Outcome, two: Outcome) -> Outcome:
    decides, other = (Outcome.FALSE, Outcome.TRUE) if join == "&&" else (Outcome.TRUE, Outcome.FALSE)
    if decides in (one, two):
        return decides
    return other if one is two is other else Outcome.FAILED


def _either(outcomes: Iterator[Outcome]) -> Outcome:
    may = Outcome(0)
    for one in outcomes:
        may |= one
    return may


def _matching(rule: Rule) -> Outcome:
    return Outcome.TRUE if rule.then == "allow" else Outcome.TRUE | Outcome.FAILED


def _answer(possible: list[Possible], unknown: list[Read]) -> Answer:
    return Answer(tuple(dict.fromkeys(possible)), tuple(dict.fromkeys(unknown)))
