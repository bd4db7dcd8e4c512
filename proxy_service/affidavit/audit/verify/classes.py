"""Which retention classes a copy speaks of, before anything in it is verified.

Source: evidence-format section 5 (`log:retention`) and section 6 (a segment's header).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import orjson

from affidavit.evidence.names import RETENTION_CLASS

HEADER_BYTES = 64 * 1024  # a header names one hash a class
_GZIP_WBITS = 31


def stated_classes(unverified_commit: bytes) -> frozenset[str]:
    """Return the classes that a commit's statements give a period; what is no commit states none."""
    if b"log:retention" not in unverified_commit:
        return frozenset()
    statements = _member(_parsed(unverified_commit), "statements")
    records = (_parsed(one.encode()) for one in statements if type(one) is str) if type(statements) is list else ()
    return _classes(name for one in records for name in _keys(_member(one, "classes")))


def mentioned_classes(unverified_segment: bytes) -> frozenset[str]:
    """Return the classes that a segment's header names; `HEADER_BYTES` of it are enough."""
    try:
        begin = zlib.decompressobj(wbits=_GZIP_WBITS).decompress(unverified_segment[:HEADER_BYTES], HEADER_BYTES)
    except zlib.error:
        return frozenset()
    return _classes(_keys(_member(_parsed(begin.partition(b"\n")[0]), "bodies")))


def _classes(names: Iterator[str]) -> frozenset[str]:
    return frozenset(name for name in names if RETENTION_CLASS.fullmatch(name))


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def _member(value: Any, key: str) -> Any:
    return value.get(key) if type(value) is dict else None


def _keys(value: Any) -> Iterator[str]:
    yield from value if type(value) is dict else ()
