"""YAML with line numbers: the part of YAML 1.2 that a configuration file needs.

No tags, no anchors or aliases, no second document, no empty values, and no key twice: all of them are ways to mean
something else than a reader sees.

Source: YAML 1.2.2, core schema (section 10.3).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from affidavit.policy.problems import Place, Problem, show

MAX_FILE = 1024 * 1024  # bytes
MAX_DEPTH = 16  # the deepest key that means anything is at 6

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_OTHER_NUMBER = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|0o[0-7]+|0x[0-9a-fA-F]+"
)
_BLOCK_STYLES = ("|", ">")


class Unreadable(ValueError):
    """The text is no YAML at all; reading ended at `problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(slots=True)
class Tree:
    """A file's values, and where they stand.

    Attributes:
        value: Built of dict, list, str, int, float and bool.
        lines: 1-based, by place; a member of a mapping stands where its key does.
        texts: The 1-based line on which a text begins, by place.
        empty: Places whose value is missing, which is among the problems.
        problems: What was found beside.
    """

    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    texts: dict[Place, int] = field(default_factory=dict)
    empty: set[Place] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def line(self, place: Place) -> int:
        """Return the line of a place, or of the nearest thing around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def problem(self, place: Place, message: str, *, line: int | None = None) -> Problem:
        """Return a problem at a place."""
        return Problem(line or self.line(place), show(place), message)


def read_yaml(text: bytes) -> Tree:
    """Read a file.

    Raises:
        Unreadable: It is no UTF-8 or no YAML.
    """
    if len(text) > MAX_FILE:
        raise Unreadable(Problem(1, "", f"the file has more than {MAX_FILE} bytes"))
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(Problem(text.count(b"\n", 0, error.start) + 1, "", "this is not UTF-8")) from error
    try:
        return _Reader(YAML(typ="safe", pure=True).parse(decoded)).read()
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable(Problem(line, "", f"not YAML: {error.problem}")) from error
    except (YAMLError, ValueError) as error:  # ruamel lets some of Python's own errors through
        raise Unreadable(Problem(1, "", f"not YAML: {' '.join(str(error).split())}")) from error


class _Reader:
    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._tree = Tree()

    def read(self) -> Tree:
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1 or event.tags or (event.version or (1, 2)) != (1, 2):
                    raise Unreadable(Problem(_line(event), "", "one YAML 1.2 document, please"))
            elif isinstance(event, NodeEvent):
                self._tree.value = self._node(event, ())
        return self._tree

    def _node(self, event: NodeEvent, place: Place) -> Any:
        self._tree.lines.setdefault(place, _line(event))
        if len(place) > MAX_DEPTH:
            raise Unreadable(Problem(_line(event), show(place), "too deep"))
        if isinstance(event, AliasEvent) or event.anchor is not None:
            self._complain(event, place, "anchors and aliases are not allowed: write it out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._complain(event, place, f"tags ({tag}) are not allowed")
        if isinstance(event, MappingStartEvent):
            return self._mapping(place)
        if isinstance(event, SequenceStartEvent):
            return [self._node(item, (*place, i)) for i, item in enumerate(self._until_end())]
        return self._scalar(event, place) if isinstance(event, ScalarEvent) else ""

    def _mapping(self, place: Place) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for event in self._until_end():
            key = event.value if isinstance(event, ScalarEvent) else None
            if key is None:
                raise Unreadable(Problem(_line(event), show(place), "a key is a word"))
            here = (*place, key)
            if key in members:
                # What stands under the second one is read, for its own errors, and dropped.
                self._complain(event, here, f"this key stands already on line {self._tree.lines[here]}")
            if key == "<<":
                self._complain(event, here, "merge keys are not allowed: write it out")
            self._tree.lines.setdefault(here, _line(event))
            members.setdefault(key, self._node(self._value(), here))
        return members

    def _scalar(self, event: ScalarEvent, place: Place) -> Any:
        self._tree.texts[place] = _line(event) + (event.style in _BLOCK_STYLES)
        value = event.value if event.style else _plain(event.value)
        if value is None:
            self._tree.empty.add(place)
            # An empty value's own mark stands at whatever comes next.
            self._tree.problems.append(self._tree.problem(place, "this is empty: give a value, or leave the key out"))
            return ""
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            self._complain(event, place, "a lone surrogate is no character")
            return ""
        return value

    def _value(self) -> NodeEvent:
        event = next(self._events)
        if not isinstance(event, NodeEvent):  # the parser gives every key a value, if need be an empty one
            raise Unreadable(Problem(_line(event), "", "a key without a value"))
        return event

    def _until_end(self) -> Iterator[NodeEvent]:
        for event in self._events:
            if not isinstance(event, NodeEvent):
                return
            yield event

    def _complain(self, event: Event, place: Place, message: str) -> None:
        self._tree.problems.append(Problem(_line(event), show(place), message))


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def _plain(text: str) -> Any:
    """Resolve an unquoted scalar by the core schema."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _INTEGER.fullmatch(text):
        return int(text)
    # 010, 1.5, 0x1f: numbers to YAML, so not the texts that they look like, and nothing here is measured in them.
    return math.nan if _OTHER_NUMBER.fullmatch(text) else text
