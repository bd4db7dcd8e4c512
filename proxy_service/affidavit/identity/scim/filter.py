"""Filters: `userName eq "ana@example.com" and active eq true`.

Source: RFC 7644 section 3.4.2.2. What a text can ask for is bounded by its length and by how deep it nests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from affidavit.identity.scim.problem import bad_filter

Matches = Callable[[Mapping[str, Any]], bool]

MAX_FILTER = 4096  # characters
MAX_DEPTH = 16

_TOKEN = re.compile(r"\s*(?:([()\[\]])|(\"(?:[^\"\\]|\\.)*\")|([^\s()\[\]\"]+))")
_NAME = re.compile(r"(?:urn:[A-Za-z0-9:._-]+:)?([A-Za-z$][\w$-]*)((?:\.[A-Za-z$][\w$-]*)?)", re.ASCII)
_EXACT = frozenset({"id", "externalid", "members", "members.value", "groups.value", "groups"})
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, asked: bool(found == asked),
    "co": lambda found, asked: asked in found,
    "sw": lambda found, asked: bool(found.startswith(asked)),
    "ew": lambda found, asked: bool(found.endswith(asked)),
    "gt": lambda found, asked: bool(found > asked),
    "ge": lambda found, asked: bool(found >= asked),
    "lt": lambda found, asked: bool(found < asked),
    "le": lambda found, asked: bool(found <= asked),
}


def parse_filter(text: str) -> Matches:
    """Return what tells whether a resource, in SCIM's form, matches.

    Raises:
        ScimProblem: `invalidFilter`.
    """
    if len(text) > MAX_FILTER:
        raise bad_filter(f"a filter may have at most {MAX_FILTER} characters")
    reader = _Reader(tokens(text), text)
    matches = reader.either(0)
    if reader.peek() is not None:
        raise bad_filter(f"'{reader.peek()}' is one word too many")
    return matches


def tokens(text: str) -> list[str]:
    """Take a text apart; raises `ScimProblem` where it holds what no filter can."""
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise bad_filter("a quotation mark has no end")
        found.append(match[1] or match[2] or match[3])
        at = match.end()
    return found


def split_name(text: str) -> tuple[str, str]:
    """Return an attribute's name and its sub-attribute's or nothing, both in small letters, without their schema.

    Raises:
        ScimProblem: It is no name.
    """
    found = _NAME.fullmatch(text)
    if found is None:
        raise bad_filter(f"'{text}' names no attribute")
    return found[1].lower(), found[2].removeprefix(".").lower()


class _Reader:
    """Reads tokens from the left; each method is one rule of the grammar."""

    def __init__(self, words: Sequence[str], text: str) -> None:
        self._words = words
        self._text = text
        self._at = 0

    def peek(self) -> str | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def either(self, depth: int) -> Matches:
        return self._chain("or", any, self._both, depth)

    def _both(self, depth: int) -> Matches:
        return self._chain("and", all, self._one, depth)

    def _chain(self, word: str, how: Callable[[Any], bool], part: Callable[[int], Matches], depth: int) -> Matches:
        parts = [part(depth)]
        while (self.peek() or "").lower() == word:
            self._next()
            parts.append(part(depth))
        return parts[0] if len(parts) == 1 else lambda resource: how(one(resource) for one in parts)

    def _one(self, depth: int) -> Matches:
        if depth > MAX_DEPTH:
            raise bad_filter(f"a filter may be nested {MAX_DEPTH} deep")
        word = self._next()
        if word == "(":
            return self._closed(")", depth)
        if word.lower() == "not" and self.peek() == "(":
            self._next()
            inner = self._closed(")", depth)
            return lambda resource: not inner(resource)
        name, sub = split_name(word)
        if self.peek() == "[":
            self._next()
            return self._among(name, self._closed("]", depth))
        return self._compared(name, sub, lambda resource: values(resource, name, sub))

    def _among(self, name: str, inner: Matches) -> Matches:
        """Read what may follow `emails[…]`: nothing, or `.value eq "…"`."""

        def elements(resource: Mapping[str, Any]) -> list[Any]:
            return [one for one in listed(look_up(resource, name)) if isinstance(one, dict) and inner(one)]

        follows = self.peek() or ""
        if not follows.startswith("."):
            return lambda resource: bool(elements(resource))
        sub = split_name(self._next().removeprefix("."))[0]
        return self._compared(
            name, sub, lambda resource: [found for one in elements(resource) for found in values(one, sub, "")]
        )

    def _closed(self, end: str, depth: int) -> Matches:
        inner = self.either(depth + 1)
        if self._next() != end:
            raise bad_filter(f"'{end}' is missing")
        return inner

    def _compared(self, name: str, sub: str, read: Callable[[Mapping[str, Any]], list[Any]]) -> Matches:
        operator = self._next().lower()
        if operator == "pr":
            return lambda resource: any(one not in (None, "", [], {}) for one in read(resource))
        if operator == "ne":
            equal = _comparison("eq", _literal(self._next()), exact=_is_exact(name, sub))
            return lambda resource: not any(map(equal, read(resource)))
        if operator not in _COMPARISONS:
            raise bad_filter(f"'{operator}' is no comparison")
        compare = _comparison(operator, _literal(self._next()), exact=_is_exact(name, sub))
        return lambda resource: any(map(compare, read(resource)))

    def _next(self) -> str:
        word = self.peek()
        if word is None:
            raise bad_filter("the filter ends too early")
        self._at += 1
        return word


def _is_exact(name: str, sub: str) -> bool:
    return (f"{name}.{sub}" if sub else name) in _EXACT


def _comparison(operator: str, asked: Any, *, exact: bool) -> Callable[[Any], bool]:
    compare = _COMPARISONS[operator]
    if not isinstance(asked, str):
        if operator != "eq":
            raise bad_filter(f"'{operator}' compares texts")
        return lambda found: type(found) is type(asked) and bool(found == asked)
    wanted = asked if exact else asked.lower()
    return lambda found: isinstance(found, str) and compare(found if exact else found.lower(), wanted)


def _literal(word: str) -> Any:
    try:
        value = json.loads(word)
    except (ValueError, RecursionError) as error:
        # Entra has been seen to write True.
        if word.lower() in ("true", "false"):
            return word.lower() == "true"
        raise bad_filter(f"'{word}' is no value: texts stand in quotation marks") from error
    if isinstance(value, dict | list):
        raise bad_filter("a filter compares single values")
    return value


def values(resource: Mapping[str, Any], name: str, sub: str) -> list[Any]:
    """Return an attribute's values; of a complex one without a sub-attribute, its `value`."""
    found = listed(look_up(resource, name))
    if sub:
        return [look_up(one, sub) for one in found if isinstance(one, dict)]
    return [look_up(one, "value") or one if isinstance(one, dict) else one for one in found]


def look_up(resource: Mapping[str, Any], name: str) -> Any:
    """Return an attribute by its name in whatever case."""
    return next((value for key, value in resource.items() if key.lower() == name.lower()), None)


def listed(value: Any) -> list[Any]:
    """Return a value, or several, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
