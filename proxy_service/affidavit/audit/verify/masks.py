"""Masks: does the token stand where the record says that something was hidden?

Knows tokens only by their form; whether a token is the right one, only the holder of the key can tell.

Source: evidence-format section 5, `masks`, and section 9.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from affidavit.errors import Malformed

RECORDED = "recorded"  # the view that bodies hold; the others went elsewhere
_BYTES = re.compile(r"bytes:(0|[1-9][0-9]{0,15})-([1-9][0-9]{0,15})", re.ASCII)
_ENTRY_KEYS = {"rule": str, "view": str, "count": int, "where": str}


def read_entries(value: Any) -> list[dict[str, Any]]:
    """Return mask entries; raises `Malformed` when it is no list of them."""
    if type(value) is not list:
        raise Malformed("masks are a list", code="bad_masks")
    for entry in value:
        if type(entry) is not dict or not all(type(entry.get(key)) is form for key, form in _ENTRY_KEYS.items()):
            raise Malformed("a mask says its rule, view, count and where", code="bad_masks")
    return value


def is_checkable(entry: dict[str, Any]) -> bool:
    """Tell whether an entry is about recorded bytes; headers are not kept as bytes."""
    return entry["view"] == RECORDED and not entry["where"].startswith("header:")


def find_tokens(entry: dict[str, Any], recorded: bytes) -> str | None:
    """Return what is wrong with an entry of the recorded view, or None when its tokens are where it says.

    Args:
        entry: Of the form that `read_entries` checks.
        recorded: The body's bytes.
    """
    token = re.compile(rb"\[masked:" + re.escape(entry["rule"].encode()) + rb":[0-9a-f]{12}\]")
    try:
        place = _place(entry["where"], recorded)
    except Malformed as error:
        return str(error)
    found = len(token.findall(place))
    return None if found == entry["count"] > 0 else f"{found} tokens of the rule there"


def _place(where: str, recorded: bytes) -> bytes:
    if where.startswith("pointer:"):
        return _pointed(where.removeprefix("pointer:"), recorded)
    match = _BYTES.fullmatch(where)
    if match is None:
        raise Malformed("no pointer, header or range of bytes", code="bad_mask")
    start, end = int(match[1]), int(match[2])
    if not start < end <= len(recorded):
        raise Malformed(f"the body has only {len(recorded)} bytes", code="bad_mask")
    return recorded[start:end]


def _pointed(pointer: str, recorded: bytes) -> bytes:
    """Return the text that a JSON pointer leads to (RFC 6901)."""
    try:
        value = orjson.loads(recorded)
    except orjson.JSONDecodeError as error:
        raise Malformed("the body is not JSON", code="bad_mask") from error
    if pointer and not pointer.startswith("/"):
        raise Malformed("a JSON pointer begins with a slash", code="bad_mask")
    for part in pointer.split("/")[1:]:
        value = _member(value, part.replace("~1", "/").replace("~0", "~"))
    if type(value) is not str:
        raise Malformed("the pointer leads to no text", code="bad_mask")
    return value.encode()


def _member(value: Any, name: str) -> Any:
    if type(value) is dict and name in value:
        return value[name]
    if (
        type(value) is list
        and name.isascii()
        and name.isdigit()
        and str(int(name[:9])) == name
        and int(name) < len(value)
    ):
        return value[int(name)]
    raise Malformed("the pointer leads nowhere", code="bad_mask")
