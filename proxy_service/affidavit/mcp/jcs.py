"""The canonical form of JSON values, by which two texts of the same value are the same bytes.

Source: RFC 8785. Never does I/O.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
import rfc8785

# Integers up to 2^53-1 (RFC 8785 section 3.2.2.3, by way of I-JSON).
_EXACT = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
# Where orjson and RFC 8785 may part: how a float is spelled, and the order of keys with characters beyond 16 bits. Text
# inside a string that looks like a float costs time, nothing else.
_MAY_DIFFER = re.compile(rb"(?:^|[:\[,])-?\d+[.e]|[\xf0-\xf4]")
_MAY_BE_FLOAT = re.compile(rb"[0-9][.e]")  # seldom true, and found at a tenth of the cost


def canonical(value: Any) -> bytes | None:
    """Return the RFC 8785 form of a parsed value.

    None where a number cannot be carried exactly: an integer beyond 2^53-1, or a text with more digits than its double
    has. Then two values that are not the same would have the same form.
    """
    try:
        printed = orjson.dumps(value, option=_EXACT)
    except TypeError:  # such an integer, or an `Unrounded`
        return None
    same = printed.isascii() and not _MAY_BE_FLOAT.search(printed)
    return printed if same or not _MAY_DIFFER.search(printed) else rfc8785.dumps(value)


def canonical_nearest(value: Any) -> bytes:
    """Return the RFC 8785 form of a parsed value with each number as the nearest double, as JavaScript reads it."""
    return canonical(value) or rfc8785.dumps(_nearest(value))


def _nearest(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return {key: _nearest(member) for key, member in value.items()}
    if kind is list:
        return [_nearest(member) for member in value]
    return float(value) if kind is int else value  # an `Unrounded` is its double already
