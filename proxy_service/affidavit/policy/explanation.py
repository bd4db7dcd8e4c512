"""Why the policy decides as it does: each rule up to the one that decides, with what its condition came to, and why.

Never decides anything else than `Policy.decide` does.

Source: architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from affidavit.mcp.calls import needs_target
from affidavit.policy.condition import Condition
from affidavit.policy.decide import RULES, Explained, Facts, Policy, Rule
from affidavit.policy.decision import Decision
from affidavit.policy.sight import failure, variables
from affidavit.policy.skeleton import Part, Shape, skeleton

Outcome = Literal["true", "false", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOutcome:
    """One part of a condition.

    Attributes:
        join: How it is joined with what stands before it; empty for the first.
        why: Why it failed.
    """

    depth: int
    join: str
    text: str
    outcome: Outcome
    why: str | None
    leaf: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutcome:
    """One rule.

    Attributes:
        matched: Whether it counts as matched: a condition that fails does, for a rule that denies.
        decides: Whether the decision is this rule's.
        parts: Of its condition, where it has more than one.
        values: Of all variables that its condition names; one that cannot be told is absent.
    """

    rule: Rule
    outcome: Outcome
    why: str | None
    matched: bool
    decides: bool
    parts: tuple[PartOutcome, ...]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision with everything that led to it.

    Attributes:
        rules: Up to the one that decides, in the order of the file; all of them where none does.
        after: How many rules stand below the one that decides.
        by_use: Whether the request has no target, so that it was decided by whether the upstream is of any use.
    """

    decision: Decision
    rules: tuple[RuleOutcome, ...]
    after: int
    by_use: bool


def explain(policy: Policy, facts: Facts) -> Explanation:
    """Return why a policy decides a call as it does."""
    by_use = not needs_target(facts.method)
    decision = policy.could_use(facts) if by_use else policy.decide(facts)
    bound = variables(policy, facts)
    rules: list[RuleOutcome] = []
    for one in policy.explain(facts):
        rules.append(_outcome(one, bound, decides=one.rule.name == decision.rule))
        if rules[-1].decides:
            break
    return Explanation(decision=decision, rules=tuple(rules), after=len(policy.rules) - len(rules), by_use=by_use)


def _outcome(one: Explained, bound: Any, *, decides: bool) -> RuleOutcome:
    condition = one.rule.when
    shape = skeleton(condition.text)
    return RuleOutcome(
        rule=one.rule,
        outcome=_word(one.outcome),
        why=failure(condition, bound) if one.outcome is None else None,
        matched=one.matches,
        decides=decides,
        parts=() if isinstance(shape, Part) else tuple(_parts(shape, bound)),
        values=one.values,
    )


def _parts(shape: Shape, bound: Any, depth: int = 0, join: str = "") -> Iterator[PartOutcome]:
    """Yield the parts of what is joined; of parts that are joined themselves, their own parts below them."""
    leaf = isinstance(shape, Part)
    if depth or leaf:
        outcome, why = _came_to(RULES.compile(shape.text), bound)
        yield PartOutcome(
            depth=depth, join=join, text=shape.text, outcome=outcome, why=why if leaf else None, leaf=leaf
        )
    if not isinstance(shape, Part):
        for at, part in enumerate(shape.parts):
            yield from _parts(part, bound, depth + 1, shape.join if at or shape.join == "!" else "")


def _came_to(condition: Condition, bound: Any) -> tuple[Outcome, str | None]:
    value = condition.evaluate(bound)
    return _word(value), failure(condition, bound) if value is None else None


def _word(value: bool | None) -> Outcome:  # noqa: FBT001
    return "failed" if value is None else "true" if value else "false"
