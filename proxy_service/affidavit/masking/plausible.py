"""What tells a secret from a text that only stands where one could.

Each takes the bytes that were found and yields the ranges of them that count, as `checks.py` does.

Source: ISO/IEC 7812-1 and the card schemes' ranges; E.164 (phone numbers).
"""

from __future__ import annotations

import base64
import binascii
import re

from affidavit.masking.checks import Ranges, entropy_of, is_luhn

_PLACEHOLDER = re.compile(
    rb"""(?ix)[*.x_-]+ | <[^<>]*>? | \$[\w{(].* | \{+[\w\s.:$-]*\}* | %\w+% | \[[\w\s.:-]*\]? | \(.* | [\w.]+[(\[].*
    |null|none|nil|true|false|undefined|required|optional|string|redacted|hidden|secret|password|changeme
    |.*(?:your|example|placeholder|insert|dummy).*
    |(?:process\.env|os\.environ|config|settings|self|this|env|request)\..*"""
)
_RANDOM_BITS = 3.0  # bits a character
_LETTER, _DIGIT, _UPPER, _LOWER = (re.compile(one) for one in (rb"[A-Za-z]", rb"[0-9]", rb"[A-Z]", rb"[a-z]"))
_WORDS = re.compile(rb"[A-Za-z]?[a-z]*(?:[_./-][A-Za-z]?[a-z]*)*[0-9]?")  # some_name, path/to/thing, version-2
_UUID = re.compile(rb"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_FILES = frozenset(
    b"png jpg jpeg gif svg webp js ts css json html htm md txt pdf zip gz py go rs java xml yml yaml".split()
)

_CARDS = (  # prefix ranges, their digits, and how long such numbers are
    (4, 4, 1, (13, 16, 19)),  # Visa
    (51, 55, 2, (16,)),
    (2221, 2720, 4, (16,)),  # Mastercard
    (34, 34, 2, (15,)),
    (37, 37, 2, (15,)),  # American Express
    (6011, 6011, 4, (16, 19)),
    (644, 649, 3, (16, 19)),
    (65, 65, 2, (16, 19)),  # Discover
    (300, 305, 3, (14,)),
    (36, 36, 2, (14,)),
    (38, 39, 2, (14, 16)),  # Diners Club
    (3528, 3589, 4, (16, 17, 18, 19)),  # JCB
    (62, 62, 2, (16, 17, 18, 19)),  # UnionPay
    (5018, 5018, 4, (13, 14, 15, 16, 17, 18, 19)),
    (5020, 5020, 4, (13, 14, 15, 16, 17, 18, 19)),
    (5038, 5038, 4, (13, 14, 15, 16, 17, 18, 19)),
    (6304, 6304, 4, (13, 14, 15, 16, 17, 18, 19)),
    (6759, 6763, 4, (13, 14, 15, 16, 17, 18, 19)),  # Maestro
)


def given(found: bytes) -> Ranges:
    """Yield what is no placeholder."""
    if not _PLACEHOLDER.fullmatch(found):
        yield 0, len(found)


def has_digit_and_letter(found: bytes) -> Ranges:
    """Yield what is no word."""
    if _DIGIT.search(found) and _LETTER.search(found) and not _PLACEHOLDER.fullmatch(found):
        yield 0, len(found)


def random(found: bytes) -> Ranges:
    """Yield what has letters and digits without being words, and looks random."""
    if (
        _DIGIT.search(found)
        and _LETTER.search(found)
        and not _PLACEHOLDER.fullmatch(found)
        and not _WORDS.fullmatch(found)
        and entropy_of(found[:256]) >= _RANDOM_BITS
    ):
        yield 0, len(found)


def mixed(found: bytes) -> Ranges:
    """Yield what has capitals, small letters and digits."""
    if _UPPER.search(found) and _LOWER.search(found) and _DIGIT.search(found):
        yield 0, len(found)


def user_and_password(found: bytes) -> Ranges:
    """Yield base64 of a text with a colon (RFC 7617)."""
    try:
        decoded = base64.b64decode(found + b"=" * (-len(found) % 4), validate=True)
        decoded.decode()
    except (binascii.Error, ValueError):
        return
    if b":" in decoded:
        yield 0, len(found)


def card(found: bytes) -> Ranges:
    """Yield the number of a payment card."""
    digits = bytes(char for char in found if char not in b" -")
    if is_luhn(digits) and any(
        low <= int(digits[:size]) <= high and len(digits) in lengths for low, high, size, lengths in _CARDS
    ):
        yield 0, len(found)


def email(found: bytes) -> Ranges:
    """Yield an address, and not `logo@2x.png` or `git@host`."""
    local, _, domain = found.partition(b"@")
    if local != b"git" and domain.rpartition(b".")[2].lower() not in _FILES:
        yield 0, len(found)


def phone(found: bytes) -> Ranges:
    """Yield numbers of 8 to 15 digits."""
    digits = sum(48 <= char <= 57 for char in found.removeprefix(b"00"))  # noqa: PLR2004 ASCII
    if digits in range(8, 16):
        yield 0, len(found)
