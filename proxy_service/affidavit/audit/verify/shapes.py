"""Strict reading of JSON values that were written here and have lain where somebody else may write.

Source: evidence-format section 1, for the form of hashes, times and base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

from affidavit.clock import Micros
from affidavit.errors import Malformed
from affidavit.evidence.canonical import MAX_INTEGER
from affidavit.evidence.segment import is_hash

T = TypeVar("T")


def wrong(what: str) -> Malformed:
    """Return the error that says what was expected."""
    return Malformed(f"a point of verification has no {what} where one must stand", code="bad_point")


def members(value: Any, *names: str) -> list[Any]:
    """Return the members of an object that has exactly these, in this order."""
    if type(value) is not dict or set(value) != set(names):
        raise wrong(f"object of {', '.join(names)}")
    return [value[name] for name in names]


def row(value: Any, length: int) -> list[Any]:
    """Return a list of so many members."""
    if type(value) is not list or len(value) != length:
        raise wrong(f"list of {length}")
    return value


def each(value: Any, read: Callable[[Any], T]) -> list[T]:
    """Return a list's members, each read."""
    if type(value) is not list:
        raise wrong("list")
    return [read(member) for member in value]


def maybe(value: Any, read: Callable[[Any], T]) -> T | None:
    """Return a value that was read, or None for null."""
    return None if value is None else read(value)


def text(value: Any) -> str:
    """Return a text."""
    if type(value) is not str:
        raise wrong("text")
    return value


def maybe_text(value: Any) -> str | None:
    """Return a text, or None for null."""
    return maybe(value, text)


def number(value: Any) -> int:
    """Return an integer from 0 on."""
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise wrong("number")
    return value


def moment(value: Any) -> Micros:
    """Return an instant."""
    if type(value) is not int or abs(value) > MAX_INTEGER:
        raise wrong("time")
    return value


def flag(value: Any) -> bool:
    """Return a truth value."""
    if type(value) is not bool:
        raise wrong("truth value")
    return value


def sha(value: Any) -> str:
    """Return a hash, as 64 hex digits."""
    if not is_hash(value):
        raise wrong("hash")
    return str(value)


def pack(data: bytes) -> str:
    """Return bytes as `unpack` reads them."""
    return base64.b64encode(data).decode("ascii")


def unpack(value: Any, width: int = 1) -> bytes:
    """Return packed bytes, a multiple of `width` of them."""
    try:
        data = base64.b64decode(text(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong("base64") from error
    if pack(data) != value or len(data) % width:
        raise wrong(f"base64 of a multiple of {width} bytes")
    return data


def unpack_each(value: Any, width: int) -> list[bytes]:
    """Return packed bytes in pieces of `width`."""
    data = unpack(value, width)
    return [data[at : at + width] for at in range(0, len(data), width)]
