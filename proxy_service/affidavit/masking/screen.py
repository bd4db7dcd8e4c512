"""The rules that apply to messages of one kind, ready to be tried: which of them can find anything in a text at all?

Nearly every message holds nothing to hide, and one search over its print tells.

Source: architecture "Speed": patterns matched as one set before any is run alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from affidavit.errors import Malformed
from affidavit.masking.checks import CHECKS
from affidavit.masking.detectors import FIELDS, SETS, known_since, loose_name
from affidavit.masking.expressions import Expression, ExpressionSet, Probe
from affidavit.masking.pointers import hint, parse_pointer
from affidavit.masking.rule import MaskingRule
from affidavit.masking.unescaped import searchable
from affidavit.mcp.strict_json import parse_json, print_json

_BLOBS = '"(?:blob|data)"'  # members of MCP's resources that hold base64


@dataclass(frozen=True, slots=True)
class Fields:
    """A rule's names of members.

    Attributes:
        deep: All that is below such a member is masked; else only its own text or number.
        loose: Names are compared without `-` and `_`.
    """

    rule: str
    names: frozenset[str]
    deep: bool
    loose: bool

    def has(self, name: str) -> bool:
        """Tell whether a member's name is one of them."""
        return (loose_name(name) if self.loose else name.lower()) in self.names


@dataclass(frozen=True, slots=True)
class Found:
    """What may find something in one text.

    Attributes:
        probes: With the rule's name, and whether the rule's match in a member's name withholds the message.
    """

    probes: tuple[tuple[str, Probe, bool], ...]
    fields: tuple[Fields, ...]
    pointers: tuple[tuple[str, tuple[str, ...]], ...]
    blobs: bool


class Screen:
    """Rules of one kind of message and one view.

    Args:
        rules: In the order of the file.
        version: Only detectors that this version knew; None for all.
    """

    def __init__(self, rules: Iterable[MaskingRule], version: tuple[int, ...] | None = None) -> None:
        self.rules = tuple(rules)
        self._patterns: list[str] = []
        self._what: list[Any] = []
        self._always: list[int] = []
        for rule in self.rules:
            self._add(rule, version)
        if self.rules:
            self._put(_BLOBS, "blobs", always=False)
        self._set = ExpressionSet(self._patterns)
        self._memory: dict[tuple[int, ...], Found] = {}

    def find(self, text: bytes) -> Found | None:
        """Return what may find something in a text, None when nothing can; the text is a print of JSON or plain."""
        found = self._set.found_in(text)
        if not found and not self._always:
            return None
        return self._found(tuple(sorted({*found, *self._always})))

    def find_in(self, value: Any) -> Found | None:
        """Return what may find something in a parsed JSON value, None when nothing can."""
        if not self.rules:
            return None
        return self.find(searchable(print_json(value)))

    def _found(self, key: tuple[int, ...]) -> Found:
        known = self._memory.get(key)
        if known is None:
            what = [self._what[i] for i in key]
            known = Found(
                probes=tuple(one for one in what if type(one) is tuple and type(one[1]) is Probe),
                fields=tuple(one for one in what if type(one) is Fields),
                pointers=tuple(one for one in what if type(one) is tuple and type(one[1]) is tuple),
                blobs="blobs" in what,
            )
            if len(self._memory) < _MEMORY:
                self._memory[key] = known
        return known

    def _add(self, rule: MaskingRule, version: tuple[int, ...] | None) -> None:
        if rule.fields:
            self._add_fields(Fields(rule.name, frozenset(name.lower() for name in rule.fields), deep=True, loose=False))
        for pointer in rule.pointers:
            steps = parse_pointer(pointer)
            name = hint(steps)
            self._put(_quoted(name or ""), (rule.name, steps), always=name is None)
        if rule.pattern is not None:
            expression = Expression(rule.pattern)
            probe = Probe(expression, CHECKS[rule.check] if rule.check else None)
            self._put(rule.pattern, (rule.name, probe, False), always=expression.anchored)
        for name in rule.sets:
            for detector in known_since(SETS[name], version):
                probe = Probe(Expression(detector.pattern), detector.check)
                self._put(detector.pattern, (rule.name, probe, name == "credentials"), always=False)
            self._add_fields(Fields(rule.name, FIELDS[name], deep=False, loose=True))

    def _add_fields(self, fields: Fields) -> None:
        between = "[-_ ]?" if fields.loose else ""
        names = "|".join(sorted(between.join(_quoted(char) for char in name) for name in fields.names))
        self._put(f'(?i)["?&;#\\s](?:{names})["=]', fields, always=False)
        probe = Probe(Expression(_beside(names)))
        self._put(probe.expression.pattern, (fields.rule, probe, False), always=False)

    def _put(self, pattern: str, what: Any, *, always: bool) -> None:
        if always:
            self._always.append(len(self._what))
        self._patterns.append(pattern or _NEVER)
        self._what.append(what)


_MEMORY = 256  # combinations of what was found
_NEVER = "[^\\x00-\\x{10FFFF}]"


def _beside(names: str) -> str:
    """Return what finds the values of members where text is no JSON: query parameters, forms, JSON that is cut off."""
    return (
        f'(?i)(?:^|["?&;#\\s])(?:{names})=([^&#\\s"\'<>]+)'
        f'|"(?:{names})"\\s*:\\s*(?:"((?:[^"\\\\]|\\\\.)+)|(-?[0-9][-+.0-9eE]*|true|false))'
    )


def _quoted(text: str) -> str:
    return "".join(char if char.isalnum() or char == "_" else f"\\x{{{ord(char):x}}}" for char in text)


def read_inner(text: str) -> Any:
    """Return the object or list that a text is the JSON of; None if it is none."""
    try:
        return parse_json(text.encode("utf-8", "surrogatepass"))
    except Malformed:
        return None
