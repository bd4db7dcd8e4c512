"""What a refusal says of the token it wants: the challenge of `WWW-Authenticate`.

Source: RFC 9110 section 11.6.1; RFC 6750 section 3; RFC 9728 section 5.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))\s*(?:,|$)')
_BEARER = re.compile(r"(?:^|,)\s*Bearer(?:\s+|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One Bearer challenge; what it does not say is None."""

    resource_metadata: str | None = None
    error: str | None = None
    scope: str | None = None


def read_challenge(headers: Mapping[str, str]) -> Challenge | None:
    """Return the Bearer challenge of an answer, or None where there is none."""
    value = headers.get("www-authenticate", "")
    found = _BEARER.search(value)
    if found is None:
        return None
    said = _parameters(value[found.end() :])
    return Challenge(said.get("resource_metadata"), said.get("error"), said.get("scope"))


def _parameters(text: str) -> dict[str, str]:
    said: dict[str, str] = {}
    place = 0
    while (found := _PARAMETER.match(text, place)) is not None:
        name, quoted, plain = found.groups()
        said.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if plain is None else plain)
        place = found.end()
    return said
