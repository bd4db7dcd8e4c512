"""Records: is it canonical, and does it stand where it says?

The same rules as `evidence.canonical`, for a million records: one pass finds what is not allowed and every body
reference. Bytes in, values out.

Source: evidence-format sections 1 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from affidavit.clock import Micros, parse_time
from affidavit.errors import Malformed
from affidavit.evidence.segment import MAX_RECORD_BYTES

Record = dict[str, Any]
Reference = dict[str, Any]

MOST_REMEMBERED = 4_096  # words that were checked; a hostile copy has no end of them
_SALT_LENGTH = 32
_TIME_LENGTH = 27
_SECONDS = slice(0, 20)  # `2026-11-22T12:25:57.`
_MICROS = slice(20, 26)
_KEY = re.compile(r"[a-z0-9_]+", re.ASCII)
_KIND = re.compile(r"[a-z0-9_-]+:[a-z0-9_-]+", re.ASCII)
_HEX = "0123456789abcdef"
_PLAIN = frozenset({str, int, bool, type(None)})  # nothing is in them; how large integers are is seen in printing
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


class RecordReader:
    """Reads records, remembering words that it has checked already."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._seconds: dict[str, Micros] = {}
        self._kinds: set[str] = set()

    def read(self, line: bytes) -> tuple[Record, list[Reference]]:
        """Return a record and its body references, in the order of their bytes.

        Raises:
            Malformed: Not one canonical JSON object of a record's length.
        """
        if len(line) > MAX_RECORD_BYTES:
            raise Malformed(f"{len(line)} bytes, more than a log entry has", code="record_too_long")
        try:
            record = orjson.loads(line)
            # A duplicate key, another spelling, white space, a wrong order: all of them print differently.
            if orjson.dumps(record, option=_CANONICAL) != line:
                raise Malformed("not canonical JSON", code="not_canonical")
        except orjson.JSONDecodeError as error:
            raise Malformed("not JSON that a record may have", code="not_json") from error
        except orjson.JSONEncodeError as error:  # it was read, and cannot be printed: nothing else is not printable
            why = "an integer beyond 2^53-1 stands in it, or it is nested too deep"
            raise Malformed(why, code="not_canonical") from error
        if type(record) is not dict:
            raise Malformed("not a JSON object", code="not_an_object")
        references: list[Reference] = []
        self._scan(record, references)
        return record, references

    def has_form(self, record: Record) -> bool:
        """Tell whether `v`, `salt` and `kind` are of their form."""
        version, salt, kind = record.get("v"), record.get("salt"), record.get("kind")
        if version != 1 or type(version) is not int:
            return False
        if type(salt) is not str or len(salt) != _SALT_LENGTH or salt.strip(_HEX):
            return False
        return type(kind) is str and (kind in self._kinds or self._is_kind(kind))

    def time(self, text: Any) -> Micros:
        """Return the instant that a record's `time` names; raises `ValueError`."""
        if type(text) is not str or len(text) != _TIME_LENGTH:
            raise ValueError("not a time")
        known = self._seconds.get(text[_SECONDS])
        micros = text[_MICROS]
        if known is None or not (micros.isdigit() and micros.isascii() and text[-1] == "Z"):
            at = parse_time(text)
            if len(self._seconds) >= MOST_REMEMBERED:
                self._seconds.clear()
            self._seconds[text[_SECONDS]] = at - int(micros)
            return at
        return known + int(micros)

    def _is_kind(self, kind: str) -> bool:
        if not _KIND.fullmatch(kind):
            return False
        if len(self._kinds) < MOST_REMEMBERED:
            self._kinds.add(kind)
        return True

    def _scan(self, value: Record, references: list[Reference]) -> None:
        if not self._keys.issuperset(value):
            self._learn(value)
        if "body" in value and "size" in value:
            self._scan_reference(value, references)
            return
        for member in value.values():
            kind = type(member)
            if kind is str:  # by far the most, so they are not asked anything else
                continue
            if kind is dict:
                self._scan(member, references)
            elif kind not in _PLAIN:
                self._scan_other(member, references)

    def _scan_reference(self, value: Reference, references: list[Reference]) -> None:
        for key, member in value.items():
            if key == "body":  # in byte order, one inside another comes before it or after it
                references.append(value)
            if type(member) not in _PLAIN:
                self._scan_other(member, references)

    def _scan_other(self, member: Any, references: list[Reference]) -> None:
        kind = type(member)
        if kind is dict:
            self._scan(member, references)
        elif kind is list:
            for one in member:
                if type(one) not in _PLAIN:
                    self._scan_other(one, references)
        else:
            raise Malformed("a float stands in it", code="not_canonical")

    def _learn(self, keys: Iterable[str]) -> None:
        for key in keys:
            if not _KEY.fullmatch(key):
                raise Malformed("a key is not of the form [a-z0-9_]+", code="not_canonical")
            if len(self._keys) < MOST_REMEMBERED:
                self._keys.add(key)
