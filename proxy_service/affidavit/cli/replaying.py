"""Deciding recorded calls again: what another policy would have said of each, and what came of comparing that.

Holds one entry for each kind of difference, not for each call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from affidavit.audit.review.calls import RecordedCall
from affidavit.audit.timeline.values import text
from affidavit.cli.recorded_facts import seen
from affidavit.cli.written_calls import attributed
from affidavit.clock import Micros
from affidavit.errors import Misconfigured
from affidavit.mcp.calls import needs_target
from affidavit.policy.configuration import Configuration
from affidavit.policy.partial import Answer, PartialPolicy, Possible
from affidavit.policy.reads import Hidden, Read

Kind = Literal["changed", "undecidable", "other_rule"]

EXAMPLES = 3  # record ids that are shown of a difference
MAX_DIFFERENCES = 10_000  # kinds of difference that are told apart; the rest are counted together
NO_RULE = "(no rule)"
UNKNOWN_ISSUER = "unauthenticated"  # in the place of a decision: nobody would have asked a rule
_OTHERS = "(others)"


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One kind of difference.

    Attributes:
        kind: Decided otherwise, not decidable, or decided alike by another rule.
        now, rule: Of the new policy; of what is undecidable, everything that is possible.
        unknown: What the new policy reads and nobody knows.
    """

    kind: Kind
    was: str
    was_rule: str
    now: str
    rule: str
    upstream: str
    method: str
    target: str
    principal: str
    unknown: str = ""


@dataclass(slots=True)
class Tally:
    """How often a difference occurs, and where to look."""

    count: int = 0
    first: Micros = 0
    last: Micros = 0
    examples: list[str] = field(default_factory=list)

    def add(self, call: RecordedCall) -> None:
        """Count one call."""
        at = call.record.at
        self.first = min(self.first or at, at)
        self.last = max(self.last, at)
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(call.record.id)


@dataclass(slots=True)
class Replay:
    """Decides recorded calls by another policy.

    Attributes:
        attributes: Whether who somebody was is told anew, by the new file's issuers, people and sponsors.
        calls: Looked at.
        same: Of them, decided as before.
        unasked: Of them, refused before the policy was asked.
    """

    configuration: Configuration
    attributes: bool = False
    differences: dict[Difference, Tally] = field(default_factory=dict)
    calls: int = 0
    same: int = 0
    unasked: int = 0
    _policy: PartialPolicy = field(init=False)
    _named: frozenset[str] = field(init=False)
    _last: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        self._policy = PartialPolicy(self.configuration.policy())
        self._named = frozenset(read.variable for reads in self._policy.reads for read in reads)

    @property
    def reads_claims(self) -> bool:
        """Whether a rule looks at the claims of the credential."""
        return self.attributes or "claims" in self._named

    def take(self, call: RecordedCall) -> None:
        """Decide one call again and compare."""
        self.calls += 1
        was = text(call.policy.get("decision"))
        if not was:
            self.unasked += 1
            return
        found = _compared(call, was, *self._answer(call))
        if found is None:
            self.same += 1
        else:
            self._count(found, call)

    def of(self, *kinds: Kind) -> Iterator[tuple[Difference, Tally]]:
        """Yield the differences of some kinds, the most frequent first."""
        mine = ((found, tally) for found, tally in self.differences.items() if found.kind in kinds)
        yield from sorted(mine, key=lambda one: (one[0].kind, -one[1].count, one[0]))

    def _answer(self, call: RecordedCall) -> tuple[Answer, Hidden]:
        around = self._policy.policy.surroundings
        try:
            what = seen(call, around, self._named, self._attribute if self.attributes else None)
        except Misconfigured:
            return Answer((Possible(UNKNOWN_ISSUER, None),)), {}
        ask = self._policy.decide if needs_target(what.facts.method) else self._policy.could_use
        return ask(what.facts, what.hidden), what.hidden

    def _attribute(self, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return who bears a credential; its claims are the same object for all its calls."""
        if self._last is None or self._last[0] is not claims:
            self._last = claims, attributed(claims, self.configuration)
        return self._last[1]

    def _count(self, found: Difference, call: RecordedCall) -> None:
        tally = self.differences.get(found)
        if tally is None:
            if len(self.differences) >= MAX_DIFFERENCES:
                found = _blurred(found)
            tally = self.differences.setdefault(found, Tally())
        tally.add(call)


def _compared(call: RecordedCall, was: str, answer: Answer, hidden: Hidden) -> Difference | None:
    was_rule = text(call.policy.get("rule")) or NO_RULE
    now, rule = answer.decision, answer.rule or NO_RULE
    if now == was and (len(answer.possible) > 1 or rule == was_rule):
        return None
    kind: Kind = "undecidable" if now is None else "changed" if now != was else "other_rule"
    return Difference(
        kind=kind,
        was=was,
        was_rule=was_rule,
        now=now or " or ".join(sorted({one.decision for one in answer.possible})),
        rule=rule if len(answer.possible) == 1 else " or ".join(one.rule or NO_RULE for one in answer.possible),
        upstream=call.said("upstream"),
        method=call.said("method"),
        target=call.said("target"),
        principal=_name(call),
        unknown="" if now else ", ".join(sorted({_told(read, hidden) for read in answer.unknown})),
    )


def _name(call: RecordedCall) -> str:
    """Return who acted, as short as it can be and not taken for somebody else."""
    principal = call.principal
    person, email = text(principal.get("person")), text(principal.get("email"))
    acting = email or text(principal.get("subject"))
    return person if acting in ("", person) or not person else f"{acting} of {person}" if person else acting


def _told(read: Read, hidden: Hidden) -> str:
    name = ".".join(map(str, (read.variable, *read.path)))
    return name if () in hidden.get(read.variable, ()) else f"{name} (masked)"


def _blurred(found: Difference) -> Difference:
    return Difference(
        kind=found.kind,
        was=found.was,
        was_rule=_OTHERS,
        now=found.now,
        rule=_OTHERS,
        upstream=found.upstream,
        method=_OTHERS,
        target=_OTHERS,
        principal=_OTHERS,
        unknown=_OTHERS if found.unknown else "",
    )
