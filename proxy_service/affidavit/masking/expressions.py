"""Regular expressions of RE2: compiled once, searched for without surprises.

RE2 takes time linear in the text for one search, whatever the expression says.

Source: google/re2, syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from affidavit.masking.checks import Checker

MAX_PATTERN = 2_000  # characters
_MEMORY = 32 << 20  # bytes that one compiled expression may use for its automata
_ANCHORS = re.compile(r"(?<!\[)\^|\$|\\A|\\z")
_UNANCHORED = re2._Anchor.UNANCHORED  # noqa: SLF001 what `search` itself hands on; the rest of `search` costs ten times as much


class BadExpression(ValueError):
    """An expression that RE2 does not take; the message says why."""


class Expression:
    """One compiled expression.

    Attributes:
        anchored: It looks at where a text begins or ends, so it can be tried on single texts only.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        compiled = _compile(pattern)
        self._match = compiled._regexp.Match  # noqa: SLF001
        self._group = 1 if compiled.groups else 0
        self.anchored = _ANCHORS.search(pattern) is not None

    def occurs(self, text: bytes) -> bool:
        """Tell whether a text has anything of it."""
        return bool(self._match(_UNANCHORED, text, 0, len(text))[0][0] >= 0)

    def spans(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Yield what is found from left to right: the first group that took part, or all of the match."""
        at, end = 0, len(text)
        while at <= end:
            spans = self._match(_UNANCHORED, text, at, end)
            if spans[0][0] < 0:
                return
            start, stop = spans[0] if self._group == 0 else next((one for one in spans[1:] if one[0] >= 0), spans[0])
            if start < stop:
                yield start, stop
            at = max(stop, at + 1)  # from the group's end: what stood behind it may begin the next


@lru_cache(maxsize=512)
def _compile(pattern: str) -> Any:
    try:
        compiled = re2.compile(pattern, _options())
    except re2.error as error:
        said = error.args[0]
        raise BadExpression(said.decode(errors="replace") if isinstance(said, bytes) else str(said)) from error
    if compiled._regexp.Match(_UNANCHORED, b"", 0, 0)[0] == (0, 0):  # noqa: SLF001
        raise BadExpression("it matches even an empty text, so it would be found everywhere")
    return compiled


def check_expression(pattern: str) -> None:
    """Raise `BadExpression` if a pattern cannot be used."""
    if len(pattern) > MAX_PATTERN:
        raise BadExpression(f"a pattern has at most {MAX_PATTERN} characters")
    _compile(pattern)


@dataclass(frozen=True, slots=True)
class Probe:
    """One expression with what a match must satisfy as well."""

    expression: Expression
    check: Checker | None = None

    def spans(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Yield the parts of a text that count."""
        if self.check is None:
            yield from self.expression.spans(text)
            return
        for start, end in self.expression.spans(text):
            for first, last in self.check(text[start:end]):
                yield start + first, start + last


class ExpressionSet:
    """Tells in one pass which of many expressions occur in a text.

    Args:
        patterns: Known to compile.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._set = re2.Set.SearchSet(_options())
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Add(_SENTINEL)
        self._set.Compile()
        # A set that has too little memory for its automaton says "nothing" to everything.
        if len(patterns) not in (self._set.Match(_SENTINEL.encode()) or ()):
            raise BadExpression("the patterns together are too large")
        self._match = self._set._set.Match  # noqa: SLF001

    def found_in(self, text: bytes) -> Sequence[int]:
        """Return the positions of the expressions that occur, in no order."""
        found: Sequence[int] = self._match(text)
        return found


_SENTINEL = "\U0010fffd-affidavit-\U0010fffe"  # private characters, which nobody writes


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    return options
