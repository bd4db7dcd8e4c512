"""A token as its bearer knows it: a text that says something of itself, which nobody here verifies.

Source: RFC 6750 section 2.1; RFC 7519 section 4.1.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.clock import SECOND, Micros
from affidavit.errors import Unavailable

MAX_TOKEN = 16 * 1024  # characters; what servers allow for all headers
MARGIN: Micros = 60 * SECOND  # before its end a token is replaced
SHARE = 5  # of a short life, its last fifth is the margin

_FORM = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
_LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z
_JWT_PARTS = 3


@dataclass(frozen=True, slots=True)
class Token:
    """A token.

    Attributes:
        text: The secret; it is left out of the print.
        expires: None where it is not known.
        renew: When it shall be replaced; None where that is not known.
        unverified_claims: Of a JWT, else empty.
    """

    text: str = field(repr=False)
    expires: Micros | None
    renew: Micros | None
    unverified_claims: Mapping[str, Any] = field(repr=False)

    @property
    def unverified_holder(self) -> str:
        """What it says of whom it is for."""
        claims = self.unverified_claims
        who = next((claims[name] for name in ("email", "actor", "user_email", "sub") if _is_text(claims.get(name))), "")
        return who or "somebody"

    @property
    def unverified_issuer(self) -> str | None:
        """What it says of who made it."""
        issuer = self.unverified_claims.get("iss")
        return issuer if _is_text(issuer) else None


def read_token(text: str, *, source: str, now: Micros, expires: Micros | None = None) -> Token:
    """Take a token from a source.

    Args:
        text: Blanks around it are not part of it.
        source: For the error: where it comes from.
        now: The clock.
        expires: As the source says; a JWT's own `exp` counts where it is sooner.

    Raises:
        Unavailable: It is empty, or no token; the text is not in the error.
    """
    text = text.strip()
    if not text:
        raise Unavailable(f"{source} gives no token")
    if len(text) > MAX_TOKEN or not _FORM.fullmatch(text):
        raise Unavailable(
            f"what {source} gives is no token: one word of at most {MAX_TOKEN} letters, digits and -._~+/"
        )
    claims = unverified_claims(text)
    known = [one for one in (expires, _instant(claims.get("exp"))) if one is not None]
    ends = min(known, default=None)
    return Token(text, ends, None if ends is None else ends - min(MARGIN, max(ends - now, 0) // SHARE), claims)


def unverified_claims(text: str) -> Mapping[str, Any]:
    """Return what a JWT says of itself; of anything else, nothing."""
    parts = text.split(".")
    if len(parts) != _JWT_PARTS:
        return {}
    try:
        raw = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _instant(value: Any) -> Micros | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        return None
    return int(value * SECOND)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and value != ""
