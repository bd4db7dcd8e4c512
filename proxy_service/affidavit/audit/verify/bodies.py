"""One bodies object against what the records of its segment say of it.

Source: evidence-format sections 4 and 6.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Container
from functools import lru_cache
from typing import Any, NamedTuple

from affidavit.errors import Malformed
from affidavit.evidence.names import RETENTION_CLASS
from affidavit.evidence.segment import is_hash

# A line has one form only, so it is compared with it instead of being parsed: canonical by construction.
_HEAD, _MIDDLE, _SALT, _TAIL = b'{"base64":"', b'","body":"', b'","salt":"', b'"}'
_HASH_LENGTH, _SALT_LENGTH = 64, 32
_AFTER_BASE64 = len(_MIDDLE) + _HASH_LENGTH + len(_SALT) + _SALT_LENGTH + len(_TAIL)
_HASH = slice(-_AFTER_BASE64 + len(_MIDDLE), -_AFTER_BASE64 + len(_MIDDLE) + _HASH_LENGTH)
_SALT_HEX = slice(-len(_TAIL) - _SALT_LENGTH, -len(_TAIL))


class Mention(NamedTuple):
    """One body as a record mentions it.

    Attributes:
        offset: Of the record in its segment.
        body: Its hash.
        size: Bytes.
        retention_class: Where it is kept.
    """

    offset: int
    body: str
    size: int
    retention_class: str


def read_mention(reference: dict[str, Any], offset: int) -> Mention:
    """Return what a body reference says; raises `Malformed`."""
    body, size, retention_class = reference["body"], reference["size"], reference.get("class")
    if not is_hash(body) or type(size) is not int or size < 0:
        raise Malformed("a body reference names no hash, or no size", code="bad_reference")
    if type(retention_class) is not str or not _is_class(retention_class):
        raise Malformed("a body reference names no retention class", code="bad_reference")
    return Mention(offset, body, size, retention_class)


@lru_cache(maxsize=64)
def _is_class(text: str) -> bool:
    return RETENTION_CLASS.fullmatch(text) is not None


def first_mentions(mentions: list[Mention]) -> tuple[dict[str, list[Mention]], list[tuple[Mention, Mention]]]:
    """Return what each class's bodies object must hold: each body once, in the order of first mention.

    Returns:
        That, by class; and pairs of mentions of one body that cannot both be true, since they differ in size.
    """
    by_class: dict[str, dict[str, Mention]] = {}
    contradictions: list[tuple[Mention, Mention]] = []
    for mention in mentions:
        first = by_class.setdefault(mention.retention_class, {}).setdefault(mention.body, mention)
        if first.size != mention.size:
            contradictions.append((first, mention))
    return {name: list(members.values()) for name, members in by_class.items()}, contradictions


def read_line(line: bytes) -> tuple[str, bytes, bytes]:
    """Return a body line's hash, as it states it, its salt and its bytes.

    Raises:
        Malformed: It is not spelled as the one form that it may have.
    """
    body, salt = line[_HASH], line[_SALT_HEX]
    spelled = line[len(_HEAD) : -_AFTER_BASE64]
    try:
        data = binascii.a2b_base64(spelled, strict_mode=True)
        salt_bytes = bytes.fromhex(salt.decode("ascii"))
    except (binascii.Error, ValueError) as error:
        raise Malformed("a body line is not of the form", code="bad_bodies") from error
    # Written again it must be the same bytes: that settles alphabet, padding, surplus bits, case and lengths at once.
    again = b"".join(
        (
            _HEAD,
            binascii.b2a_base64(data, newline=False),
            _MIDDLE,
            body,
            _SALT,
            salt_bytes.hex().encode(),
            _TAIL,
        )
    )
    if again != line or len(salt_bytes) != _SALT_LENGTH // 2:
        raise Malformed("a body line is not of the form", code="bad_bodies")
    return body.decode("ascii", "replace"), salt_bytes, data


def check_bodies(
    unpacked: bytes, expected: list[Mention], wanted: Container[str]
) -> tuple[dict[str, bytes], list[tuple[Mention | None, str]]]:
    """Hold a bodies object against what must be in it.

    Args:
        unpacked: Its lines.
        expected: In order.
        wanted: Hashes of the bodies whose bytes the caller needs.

    Returns:
        The wanted bytes, as far as they are what they must be; and what is wrong, with the mention that it is about.
    """
    if not unpacked.endswith(b"\n"):
        return {}, [(expected[0], "the last line has no end")]
    surplus = unpacked.count(b"\n") - len(expected)
    lines = unpacked[:-1].split(b"\n", len(expected))  # no further: 64 MiB of line ends come packed in 64 KiB
    kept: dict[str, bytes] = {}
    wrong: list[tuple[Mention | None, str]] = []
    for mention, line in zip(expected, lines, strict=False):
        try:
            stated, salt, data = read_line(line)
        except Malformed as error:
            wrong.append((mention, str(error)))
            continue
        if hashlib.sha256(salt + data).hexdigest() != mention.body or stated != mention.body:
            wrong.append((mention, f"in its place is a line that says it is {stated}, with other bytes or salt"))
        elif len(data) != mention.size:
            wrong.append((mention, f"{len(data)} bytes"))
        elif mention.body in wanted:
            kept[mention.body] = data
    wrong += [(mention, "no line for it") for mention in expected[len(lines) :]]
    if surplus > 0:
        wrong.append((None, f"{surplus} lines that no record mentions"))
    return kept, wrong
