"""Canonical JSON: the one spelling of a value that is written as evidence.

RFC 8785 restricted to objects, arrays, strings, booleans, null and integers up to 2^53-1; keys are ASCII `[a-z0-9_]`.

Source: evidence-format section 1.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from affidavit.errors import Malformed

MAX_INTEGER = 2**53 - 1  # what every JSON reader carries exactly (RFC 8785 section 3.2.2.3)

_KEY = re.compile(r"[a-z0-9_]+", re.ASCII)


def encode(value: Any) -> bytes:
    """Return the canonical bytes of a value that holds nothing but what the format allows."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def decode(data: bytes, *, free_keys: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the object that canonical bytes spell.

    Args:
        data: The stored bytes, without a line end.
        free_keys: Top-level members whose own keys are names, not words (`writers` of a commit).

    Raises:
        Malformed: Not one JSON object, not spelled canonically, or it holds what the format does not allow.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed("not JSON", code="not_json") from error
    if type(value) is not dict:
        raise Malformed("not a JSON object", code="not_an_object")
    try:
        _check_spelling(value, data, free_keys)
    except (TypeError, RecursionError) as error:  # it can be read, and is too deep to be printed
        raise Malformed("it is nested too deep", code="not_canonical") from error
    return value


def _check_spelling(value: dict[str, Any], data: bytes, free_keys: frozenset[str]) -> None:
    # A duplicate key, a float's other spelling, white space, a wrong order: all of them print differently.
    if encode(value) != data:
        raise Malformed("not canonical JSON", code="not_canonical")
    for key, member in value.items():
        _check_key(key)
        if key in free_keys and type(member) is dict:
            for inner in member.values():
                _check(inner)
        else:
            _check(member)


def _check(value: Any) -> None:
    kind = type(value)
    if kind is dict:
        for key, member in value.items():
            _check_key(key)
            _check(member)
    elif kind is list:
        for member in value:
            _check(member)
    elif kind is float:
        raise Malformed("a float stands in canonical JSON", code="not_canonical")
    elif kind is int and not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise Malformed("an integer beyond 2^53-1 stands in canonical JSON", code="not_canonical")


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise Malformed("a key is not of the form [a-z0-9_]+", code="not_canonical")
