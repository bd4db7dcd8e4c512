"""National ids: what their numbers satisfy beside their form.

Source: US Social Security Administration, "Randomization" (areas never issued); German Federal Central Tax Office,
"Steuerliche Identifikationsnummer", check digit by ISO/IEC 7064 MOD 11,10; INSEE (NIR); Spanish Ministry of the
Interior (NIF); HMRC NIM39110; Italian DM 12 March 1974; Dutch BSN eleven test.
"""

from __future__ import annotations

from collections import Counter

from affidavit.masking.checks import Ranges

_DNI_LETTERS = b"TRWAGMYFPDXBNJZSQVHLCKE"
_NINO_NEVER = frozenset({b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"})
_ODD_DIGITS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ODD_LETTERS = (*_ODD_DIGITS, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD = dict(zip(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", _ODD_DIGITS + _ODD_LETTERS, strict=True))


def us_ssn(found: bytes) -> Ranges:
    """Yield numbers that may have been issued."""
    area, group, serial = found[:3], found[4:6], found[7:]
    if area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000":
        yield 0, len(found)


def german_tax_id(found: bytes) -> Ranges:
    """Yield numbers of which one digit occurs two or three times among the first ten, and whose last is right."""
    digits = found.replace(b" ", b"")
    repeated = sorted(Counter(digits[:10]).values(), reverse=True)
    if repeated[0] not in (2, 3) or repeated[1] != 1:
        return
    product = 10
    for digit in digits[:10]:
        rest = (digit - 48 + product) % 10 or 10
        product = 2 * rest % 11
    if (11 - product) % 10 == digits[10] - 48:
        yield 0, len(found)


def french_nir(found: bytes) -> Ranges:
    """Yield numbers whose last two digits are 97 less the rest of the others."""
    text = found.replace(b" ", b"")
    number = int(text[:13].replace(b"2A", b"19").replace(b"2B", b"18"))
    if 97 - number % 97 == int(text[13:]):
        yield 0, len(found)


def spanish_dni(found: bytes) -> Ranges:
    """Yield numbers with the right letter."""
    text = found.replace(b"-", b"").translate(bytes.maketrans(b"XYZ", b"012")) if found[:1] in b"XYZ" else found
    digits = text.replace(b"-", b"")[:8]
    if digits.isdigit() and _DNI_LETTERS[int(digits) % 23] == found[-1]:
        yield 0, len(found)


def uk_nino(found: bytes) -> Ranges:
    """Yield numbers with a prefix that is in use."""
    if found[:2] not in _NINO_NEVER:
        yield 0, len(found)


def italian_fiscal_code(found: bytes) -> Ranges:
    """Yield codes with the right last letter."""
    code = found.upper()
    total = sum(_ODD[char] if i % 2 == 0 else _even(char) for i, char in enumerate(code[:15]))
    if total % 26 + 65 == code[15]:
        yield 0, len(found)


def _even(char: int) -> int:
    return char - 48 if char <= 57 else char - 65  # noqa: PLR2004 ASCII


def dutch_bsn(found: bytes) -> Ranges:
    """Yield numbers that pass the eleven test."""
    digits = [char - 48 for char in found.rjust(9, b"0")]
    weighted = sum(weight * digit for weight, digit in zip((9, 8, 7, 6, 5, 4, 3, 2, -1), digits, strict=True))
    if weighted % 11 == 0 and any(digits):
        yield 0, len(found)
