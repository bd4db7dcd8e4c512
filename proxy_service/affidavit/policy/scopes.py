"""What a token is good for, and what of it is missing.

Source: RFC 9068 section 2.2.3 and RFC 8693 section 4.2 (`scope`, separated by spaces); `scp`, as Entra (a text) and
Okta (a list) write it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def missing_scopes(wanted: Iterable[str], principal: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the wanted scopes that a principal's token has not, in their order."""
    granted = granted_scopes(principal["claims"])
    return tuple(scope for scope in wanted if scope not in granted)


def granted_scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes in verified claims."""
    return frozenset(scope for name in ("scope", "scp") for scope in _listed(claims.get(name)))


def _listed(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return value.split(" ")
    return (scope for scope in value if isinstance(scope, str)) if isinstance(value, list) else ()
