"""What rules see of one call, and what one rule says of it, taken by itself; for looking back, not for the data path.

Source: architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from affidavit.policy.condition import Condition
from affidavit.policy.decide import RULES, Facts, Policy, Rule
from affidavit.policy.decision import Decision


def values(facts: Facts, names: Iterable[str]) -> dict[str, Any]:
    """Return the values of variables, by their names."""
    return {name: _value(facts, name) for name in names}


def variables(policy: Policy, facts: Facts, without: Collection[str] = ()) -> Any:
    """Return what the conditions of a policy can look at; one that looks at what is left out fails."""
    named = frozenset[str]().union(*(rule.when.names for rule in policy.rules))
    return RULES.bind(values(facts, named.difference(without)))


def by(policy: Policy, rule: Rule, facts: Facts) -> Decision:
    """Return what a rule says of a call that it matches."""
    return policy._by(rule, facts)  # noqa: SLF001


def failure(condition: Condition, bound: Any) -> str:
    """Return why a condition came to neither true nor false."""
    try:
        value = condition.expression.eval(bound).value()
    except RuntimeError as error:
        return str(error)
    return value if isinstance(value, str) else f"it came to {value!r}"


def _value(facts: Facts, name: str) -> Any:
    if name == "claims" or name.startswith("principal."):
        return facts.principal[name]
    return facts.ip if name == "client.ip" else getattr(facts, name)
