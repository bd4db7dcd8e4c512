"""Conditions: CEL texts, compiled and type-checked once, evaluated often.

A name that is not declared is an error when the condition is compiled. Never calls back into Python: a Python function
inside CEL leaks some 200 bytes a call (cel-expr-python 0.1.3, measured).

Source: CEL language definition; architecture "Configuration".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import re2
from cel_expr_python import cel  # type: ignore[import-untyped]

from affidavit.policy.checked_tree import Node, read_tree
from affidavit.policy.pins import pins_of

TEXT: cel.Type = cel.Type.STRING
COUNT: cel.Type = cel.Type.INT
INSTANT: cel.Type = cel.Type.TIMESTAMP
TEXTS: cel.Type = cel.Type.List(cel.Type.STRING)
OBJECT: cel.Type = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)

MAX_TEXT = 8 * 1024  # characters of one condition; compiling takes 3 us each
MAX_PATTERN = 1_000  # characters of one pattern

_QUIET = re2.Options()
_QUIET.log_errors = False
_COMPLAINT = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'.*")


class BadCondition(ValueError):
    """A text is no condition.

    Attributes:
        line: 0-based, within the text.
    """

    def __init__(self, message: str, *, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One compiled text.

    Attributes:
        names: The declared variables that it mentions.
        pins: Texts that `upstream`, `method` and `target` may have; with any other it is false.
        loops: Whether it goes over the elements of something.
    """

    text: str
    names: frozenset[str]
    expression: cel.Expression
    pins: Mapping[str, frozenset[str]] = field(default_factory=dict)
    loops: bool = False

    def evaluate(self, variables: cel.Activation) -> bool | None:
        """Return what the condition comes to; None when it comes to an error, or to anything but true or false."""
        try:
            value = self.expression.eval(variables).value()
        except RuntimeError:  # the iteration budget is spent, or a text has no UTF-8 form
            return None
        # An error is returned as a text, which Python holds true: only True itself is true.
        return value if value is True or value is False else None


class Language:
    """The variables that a kind of condition may mention.

    Args:
        variables: Names to types. A name with a dot (`principal.email`) is one variable, so that a misspelt member is
            found at load and only mentioned members cost a conversion.
        hints: What to say about names that people will try in vain.
    """

    def __init__(self, variables: Mapping[str, cel.Type], hints: Mapping[str, str] | None = None) -> None:
        self._variables = dict(variables)
        self._hints = dict(hints or {})
        self._environment = cel.NewEnv(variables=self._variables)
        self._without = {name: cel.NewEnv(variables=self._all_but(name)) for name in self._variables}

    def compile(self, text: str) -> Condition:
        """Check and compile a text.

        Raises:
            BadCondition: It is too long, does not parse, its types do not fit, it mentions an unknown name, it is no
                yes or no, or a pattern of `matches` is none or is not written in it.
        """
        if len(text) > MAX_TEXT:
            raise BadCondition(f"a condition has at most {MAX_TEXT:,} characters, this has {len(text):,}")
        try:
            expression = self._environment.compile(text)
        except (RuntimeError, ValueError) as error:
            raise self._explain(str(error)) from error
        result = expression.return_type()
        if result not in (cel.Type.BOOL, cel.Type.DYN):
            raise BadCondition(f"the condition is of type {result.name().lower()}, not true or false")
        tree = read_tree(expression.serialize())
        _check_patterns(tree)
        return Condition(
            text=text,
            names=frozenset(self._mentioned(text, tree)),
            expression=expression,
            pins=pins_of(tree),
            loops=any(node.kind == "comprehension" for node in tree.walk()),
        )

    def bind(self, values: Mapping[str, Any]) -> cel.Activation:
        """Return values that any number of conditions can look at; each is converted at most once, when first used."""
        return self._environment.Activation(values)

    def _all_but(self, name: str) -> dict[str, cel.Type]:
        return {other: kind for other, kind in self._variables.items() if other != name}

    def _mentioned(self, text: str, tree: Node) -> Iterable[str]:
        said = {node.name.removeprefix(".") for node in tree.walk() if node.kind == "ident"}
        own = {node.name for node in tree.walk() if node.kind == "comprehension"}
        for name in said & self._without.keys():
            # What a macro calls its elements may be called as a variable is, and mean no variable.
            if name not in own or not _compiles(self._without[name], text):
                yield name

    def _explain(self, complaint: str) -> BadCondition:
        found = _COMPLAINT.findall(complaint)
        if not found:
            return BadCondition(complaint.partition("\n")[0])
        said = [self._reword(message) for _, _, message in found]
        # `princpal.email` is complained about once for each half.
        return BadCondition("; ".join(dict.fromkeys(filter(None, said))), line=int(found[0][0]) - 1)

    def _reword(self, message: str) -> str:
        undeclared = _UNDECLARED.fullmatch(message)
        if undeclared is None:
            return message.removesuffix(" [INVALID_ARGUMENT]")
        name = undeclared[1]
        if name in self._hints:
            return f"unknown name '{name}': {self._hints[name]}"
        return f"unknown name '{name}'{did_you_mean(name, self._variables)}; known are {', '.join(self._variables)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _check_patterns(tree: Node) -> None:
    """Refuse patterns that are not known now: whoever calls must not choose what is searched for, and how long."""
    for node in tree.walk():
        if node.kind != "call" or node.name != "matches":
            continue
        pattern = node.children[-1]
        if pattern.kind != "text":
            raise BadCondition("the pattern of matches must be a text that stands in the condition")
        if len(pattern.name) > MAX_PATTERN:
            raise BadCondition(f"a pattern has at most {MAX_PATTERN:,} characters, this has {len(pattern.name):,}")
        try:
            re2.compile(pattern.name, _QUIET)
        except re2.error as error:
            raise BadCondition(f"the pattern of matches is none: {_said(error)}") from error


def _said(error: re2.error) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _compiles(environment: cel.Env, text: str) -> bool:
    try:
        environment.compile(text)
    except RuntimeError:
        return False
    return True
