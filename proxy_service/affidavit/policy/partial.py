"""Decisions where not everything is known any more: what the policy may say, whatever the unknown values are.

Never guesses: what could come out either way is said to.

Source: CEL language definition, "Logical Operators" (an error beside what decides alone counts for nothing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from affidavit.policy.condition import Condition
from affidavit.policy.decide import RULES, VARIABLES, Facts, Policy, Rule
from affidavit.policy.facts import LOOPED
from affidavit.policy.reads import Hidden, Read, reads, touched
from affidavit.policy.sight import variables
from affidavit.policy.skeleton import Join, Part, Shape, skeleton

Outcomes = int  # what a condition may come to: a set of the next three
TRUE, FALSE, FAILED = 1, 2, 4
ANY = TRUE | FALSE | FAILED
_SINGLE = (TRUE, FALSE, FAILED)
_ATTRIBUTION, _SCOPES = Read("principal.attribution", ()), Read("claims", ())  # a token's scopes stand in its claims


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


@dataclass(frozen=True, slots=True)
class _Sight:
    """What conditions can look at.

    Attributes:
        all: With tokens where something was masked.
        certain: Without the variables of which something is not known: what comes to true or false without them
            does so whatever they are.
    """

    hidden: Hidden
    all: Any
    certain: Any


class PartialPolicy:
    """A policy, for calls of which not everything is known."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.reads = tuple(reads(rule.when.text, VARIABLES) + _beside(rule) for rule in policy.rules)
        self._pieces: dict[str, Piece | Pieces] = {}

    def decide(self, facts: Facts, hidden: Hidden) -> Answer:
        """Decide one request; `hidden` says what in `facts` is not known."""
        if not self._meets(hidden):
            decision = self.policy.decide(facts)
            return Answer((Possible(decision.decision, decision.rule),))
        possible: list[Possible] = []
        unknown: list[Read] = []
        sight = _Sight(hidden, variables(self.policy, facts), variables(self.policy, facts, hidden))
        for rule, read in zip(self.policy.rules, self.reads, strict=True):
            if _excluded(rule, facts, hidden):
                continue
            # As `Policy` has it: what goes over very long arguments fails.
            loops = facts.size > LOOPED and rule.when.loops and "arguments" in rule.when.names
            outcome = FAILED if loops else self._outcome(rule, read, sight)
            if outcome not in _SINGLE:
                unknown += [one for one in read if one.touches(hidden)]
            matching = outcome & _matching(rule)
            if matching:
                possible += self._says(rule, facts, hidden)
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

    def _says(self, rule: Rule, facts: Facts, hidden: Hidden) -> Iterable[Possible]:
        """Yield what a rule that matches may say: it denies whom it does not serve, or whose token lacks a scope."""
        yield Possible(self.policy.says(rule, facts).decision, rule.name)
        if touched(_beside(rule), hidden):
            yield Possible("deny", rule.name)
            yield Possible(rule.then, rule.name)

    def _outcome(self, rule: Rule, read: tuple[Read, ...], sight: _Sight) -> Outcomes:
        if not touched(read, sight.hidden):
            return _known(rule.when.evaluate(sight.all))
        outcome = rule.when.evaluate(sight.certain)
        if outcome is not None:
            return _known(outcome)
        pieces = self._pieces.get(rule.name)
        if pieces is None:
            pieces = self._pieces[rule.name] = compiled(skeleton(rule.when.text))
        return _evaluate(pieces, sight.all, sight.hidden)


def _beside(rule: Rule) -> tuple[Read, ...]:
    """Return what a rule reads beside its condition."""
    if rule.then == "deny":
        return ()
    return (_ATTRIBUTION, _SCOPES) if rule.scopes else (_ATTRIBUTION,)


def _excluded(rule: Rule, facts: Facts, hidden: Hidden) -> bool:
    """Tell whether a rule is about other upstreams, methods or targets, so that its condition is false."""
    asked = {"upstream": facts.upstream, "method": facts.method, "target": facts.target}
    return any(name not in hidden and asked[name] not in words for name, words in rule.when.pins.items())


def compiled(shape: Shape) -> Piece | Pieces:
    """Return a skeleton with its parts compiled."""
    if isinstance(shape, Part):
        return Piece(RULES.compile(shape.text), reads(shape.text, VARIABLES))
    return Pieces(shape.join, tuple(compiled(part) for part in shape.parts))


def _evaluate(pieces: Piece | Pieces, bound: Any, hidden: Hidden) -> Outcomes:
    if isinstance(pieces, Piece):
        return ANY if touched(pieces.reads, hidden) else _known(pieces.condition.evaluate(bound))
    outcomes = (_evaluate(part, bound, hidden) for part in pieces.parts)
    if pieces.join == "!":
        return _NEGATED[next(outcomes)]
    table = _JOINED[pieces.join]
    return reduce(lambda one, two: table[one][two], outcomes)


def _known(value: bool | None) -> Outcomes:  # noqa: FBT001
    return FAILED if value is None else TRUE if value else FALSE


def _of(outcomes: Outcomes) -> Iterable[int]:
    return (one for one in _SINGLE if one & outcomes)


def _table(join: Callable[[int, int], int]) -> list[list[Outcomes]]:
    """Return what two sets of outcomes may come to together, by the one and the other."""
    sets = range(ANY + 1)
    return [[reduce(or_, (join(a, b) for a in _of(one) for b in _of(two)), 0) for two in sets] for one in sets]


def _both(one: int, two: int) -> int:
    if FALSE in (one, two):
        return FALSE
    return TRUE if one == two == TRUE else FAILED


def _one_of(one: int, two: int) -> int:
    if TRUE in (one, two):
        return TRUE
    return FALSE if one == two == FALSE else FAILED


_JOINED = {"&&": _table(_both), "||": _table(_one_of)}
_NEGATED = [
    (outcomes & FAILED) | (outcomes & TRUE and FALSE) | (outcomes & FALSE and TRUE) for outcomes in range(ANY + 1)
]


def _matching(rule: Rule) -> Outcomes:
    return TRUE | FAILED if rule.matches(None) else TRUE


def _answer(possible: list[Possible], unknown: list[Read]) -> Answer:
    return Answer(tuple(dict.fromkeys(possible)), tuple(dict.fromkeys(unknown)))
