"""The rules that could match a request, found by what they pin, so that most are never evaluated.

A rule is left out only where its condition is false for certain: what is decided is what all rules would decide.

Source: architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from affidavit.policy.condition import Condition
from affidavit.policy.facts import STATEMENT
from affidavit.policy.pins import PINNABLE

REMEMBERED = 4_096  # sets of candidates; what callers choose is told apart only where some rule pins it


class Conditioned(Protocol):
    """What is found: a rule, for whoever indexes it."""

    @property
    def when(self) -> Condition:
        """When it matches."""


R = TypeVar("R", bound=Conditioned)


@dataclass(frozen=True, slots=True)
class Candidates(Generic[R]):
    """Rules that could match, in the order of the file.

    Attributes:
        names: All that they name.
        cheap: The same without what a statement must be parsed for.
    """

    rules: tuple[R, ...]
    names: frozenset[str]
    cheap: tuple[str, ...]


class RuleIndex(Generic[R]):
    """Finds candidates."""

    def __init__(self, rules: Iterable[R]) -> None:
        self._rules = tuple(rules)
        self._pinned = tuple(
            frozenset[str]().union(*(rule.when.pins.get(name, frozenset()) for rule in self._rules))
            for name in PINNABLE
        )
        self._known: dict[tuple[str | bool, ...], Candidates[R]] = {}
        self.everything = _candidates(self._rules)

    def candidates(self, upstream: str | None, method: str | None, target: str | None) -> Candidates[R]:
        """Return the rules that are not false for certain; None stands for what is not known."""
        asked = (upstream, method, target)
        if not all(map(_is_text, asked)):
            return self.everything
        # False: some text that no rule pins. True: any text.
        key = tuple(
            True if value is None else (value in pinned and value)
            for value, pinned in zip(asked, self._pinned, strict=True)
        )
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[key] = _candidates(tuple(rule for rule in self._rules if _could_match(rule, key)))
        return known


def _candidates(rules: tuple[R, ...]) -> Candidates[R]:
    names = frozenset[str]().union(*(rule.when.names for rule in rules))
    return Candidates(rules, names, tuple(sorted(names - STATEMENT)))


def _could_match(rule: Conditioned, key: tuple[str | bool, ...]) -> bool:
    return all(
        value is True or name not in rule.when.pins or value in rule.when.pins[name]
        for name, value in zip(PINNABLE, key, strict=True)
    )


def _is_text(value: str | None) -> bool:
    """Tell whether CEL can be shown a text: one with half a surrogate pair makes every condition fail."""
    if value is None or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
