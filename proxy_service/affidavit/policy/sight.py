"""What rules see of one call, and what one rule says of it, taken by itself; for looking back, not for the data path.

Source: architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from affidavit.policy.condition import Condition
from affidavit.policy.decide import RULES, Facts, Policy


def values(policy: Policy, facts: Facts, names: Iterable[str]) -> dict[str, Any]:
    """Return the values of variables, by their names; one that cannot be told is absent."""
    return policy.surroundings.values(names, facts)


def variables(policy: Policy, facts: Facts, without: Collection[str] = ()) -> Any:
    """Return what the conditions of a policy can look at; one that looks at what is left out fails."""
    named = frozenset[str]().union(*(rule.when.names for rule in policy.rules))
    return RULES.bind(policy.surroundings.values(named, facts, without))


def failure(condition: Condition, bound: Any) -> str:
    """Return why a condition came to neither true nor false."""
    try:
        value = condition.expression.eval(bound).value()
    except RuntimeError as error:
        return str(error)
    return value if isinstance(value, str) else f"it came to {value!r}"
