"""JSON text that two readers cannot understand differently, parsed and printed with its numbers exact.

Duplicate keys, lone surrogates, NaN, numbers without a value and deep nesting are refused.

Source: RFC 8259; RFC 7493 (I-JSON) section 2. Never does I/O.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Self

import orjson

from affidavit.errors import Malformed

MAX_DEPTH = 64  # objects and arrays inside each other; mcp "Duties"

_LONGEST_EXACT = 40  # characters; the shortest print of a double has at most 24
_64_BITS = range(-(2**63), 2**64)  # what orjson prints


class Unrounded(float):
    """A number whose text says more than a double holds: it computes as the double, and prints as the text."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Take the text of a number."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def parse_json(body: bytes) -> Any:
    """Read one JSON value, every number exact; one that is larger than any double is none.

    Raises:
        Malformed: With the code `not_utf8`, `not_json`, `bad_number`, `duplicate_key` or `too_deep`.
    """
    try:
        # The strict one: UTF-8, no NaN, no lone surrogates, no control characters, no stack to overflow.
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _not_json(body, error) from error
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    # Text that is its own print says no key twice and no number that a double rounds: most clients write so, and the
    # exact reader costs ten times as much.
    if orjson.dumps(value) == body:
        return value
    try:
        return _DECODER.decode(body.decode())
    except ValueError as error:  # two parsers, and a body is taken only if both understand it
        raise Malformed("The body is not JSON.", code="not_json") from error


def print_json(value: Any) -> bytes:
    """Return the compact print of a parsed value, its numbers as exact as they were."""
    try:
        return orjson.dumps(value, _unrounded)
    except TypeError:
        return orjson.dumps(_spelled(value), _unrounded)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("A key stands twice in one object.", code="duplicate_key")
    return members


def _float(text: str) -> float:
    number = float(text)
    shortest = repr(number)
    if shortest == text:
        return number
    if len(text) <= _LONGEST_EXACT and _equal(text, shortest):
        return number
    return Unrounded(text)


def _equal(text: str, shortest: str) -> bool:
    try:
        return Decimal(text) == Decimal(shortest)
    except ArithmeticError:  # an exponent beyond all bounds
        return False


# orjson has refused what is not finite before this one reads.
_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_float)


def _unrounded(value: Any) -> Any:
    if type(value) is Unrounded:
        return orjson.Fragment(value.text)
    raise TypeError(f"a {type(value).__name__} is no JSON")


def _spelled(value: Any) -> Any:
    """Return a value with each integer beyond 64 bits spelled out, which orjson does not print."""
    kind = type(value)
    if kind is dict:
        return {key: _spelled(member) for key, member in value.items()}
    if kind is list:
        return [_spelled(member) for member in value]
    if kind is int and value not in _64_BITS:
        return orjson.Fragment(str(value))
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) in (dict, list)
        ]
        if not level:
            return
    raise _too_deep()


def _not_json(body: bytes, error: orjson.JSONDecodeError) -> Malformed:
    if "depth limit" in error.msg:
        return _too_deep()
    if "infinity" in error.msg:
        return Malformed("A number in the body is larger than any double.", code="bad_number")
    try:
        body.decode()
    except UnicodeDecodeError:
        return Malformed("The body is not UTF-8.", code="not_utf8")
    return Malformed("The body is not JSON.", code="not_json")


def _too_deep() -> Malformed:
    return Malformed(f"The body is nested more than {MAX_DEPTH} deep.", code="too_deep")
