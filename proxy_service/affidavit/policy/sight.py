"""What conditions see of one call, and why one of them fails; for looking back, not for the data path.

Source: architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from affidavit.policy.condition import Condition
from affidavit.policy.decide import RULES, Facts, Policy


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
