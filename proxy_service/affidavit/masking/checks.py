"""What a match must satisfy beside its pattern: check digits, and how random a text is.

Each check takes the bytes that were found and returns those parts of them, as ranges, that satisfy it.

Source: ISO/IEC 7812-1 annex B (Luhn); ISO 13616-1 (IBAN); Shannon, "A Mathematical Theory of Communication" (entropy).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from affidavit.masking.rule import Check

Ranges = Iterator[tuple[int, int]]
Checker = Callable[[bytes], Ranges]

MIN_ENTROPY = 3.0  # bits a character; words have less, random hex of 16 digits and more has more
_CARD_DIGITS = range(12, 20)
_RUNS = re.compile(rb"[0-9]+")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
# How long an IBAN is, by country; registry of ISO 13616.
_IBAN_LENGTHS: Mapping[bytes, int] = {
    key.encode(): length
    for length, keys in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH CR HR LI LV", 22: "BG BH DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
        33: "RU",
    }.items()
    for key in keys.split()
}  # fmt: skip


def is_luhn(digits: bytes) -> bool:
    """Tell whether the last digit is right for those before it."""
    total = 0
    for i, digit in enumerate(reversed(digits)):
        value = digit - 48
        total += _DOUBLED[value] if i % 2 else value
    return total % 10 == 0


def luhn(found: bytes) -> Ranges:
    """Yield numbers of 12 to 19 digits: all of it, or else such as begin and end where groups of digits do."""
    digits = _digits(found)
    if len(digits) in _CARD_DIGITS and is_luhn(digits) and len(set(digits)) > 1:
        yield 0, len(found)
        return
    runs = [match.span() for match in _RUNS.finditer(found)]
    first = 0
    while first < len(runs):
        last = _card_from(found, runs, first)
        if last is not None:
            yield runs[first][0], runs[last][1]
        first = first + 1 if last is None else last + 1


def _card_from(found: bytes, runs: list[tuple[int, int]], first: int) -> int | None:
    digits = b""
    best = None
    for i in range(first, len(runs)):
        digits += found[slice(*runs[i])]
        if len(digits) >= _CARD_DIGITS.stop:
            break
        if len(digits) in _CARD_DIGITS and is_luhn(digits) and len(set(digits)) > 1:
            best = i
    return best


def is_iban(text: bytes) -> bool:
    """Tell whether a text without spaces, in capitals, is of its country's length and its remainder is 1."""
    if len(text) != _IBAN_LENGTHS.get(text[:2], 0):
        return False
    turned = text[4:] + text[:4]
    return int("".join(str(int(chr(char), 36)) for char in turned)) % 97 == 1


def iban(found: bytes) -> Ranges:
    """Yield the account number that a text begins with: words may follow that look as if they were of it."""
    length = _IBAN_LENGTHS.get(found[:2].upper())
    if length is None:
        return
    taken = 0
    for end, char in enumerate(found, 1):
        taken += char not in b" -"
        if taken == length:
            alone = not found[end : end + 1].isalnum()
            if alone and is_iban(found[:end].upper().replace(b" ", b"").replace(b"-", b"")):
                yield 0, end
            return


def entropy_of(text: bytes) -> float:
    """Return the bits a character that a text has by its own frequencies."""
    if not text:
        return 0.0
    length = len(text)
    return -sum(count / length * math.log2(count / length) for count in Counter(text).values())


def entropy(found: bytes) -> Ranges:
    """Yield a text that looks random."""
    if entropy_of(found[:4096]) >= MIN_ENTROPY:  # more would say nothing else
        yield 0, len(found)


def _digits(text: bytes) -> bytes:
    return bytes(char for char in text if 48 <= char <= 57)  # noqa: PLR2004 ASCII


CHECKS: Mapping[Check, Checker] = {"luhn": luhn, "iban": iban, "entropy": entropy}
