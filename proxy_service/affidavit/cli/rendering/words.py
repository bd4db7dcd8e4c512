"""Values of records in words: who, through what, how long, how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affidavit.audit.timeline.values import mapping, number, text
from affidavit.clock import SECOND, Micros

_MILLISECOND: Micros = 1_000
_SHORT = 12  # hex digits that tell sessions and hashes apart for people


def who(principal: Mapping[str, Any], writer: str) -> str:
    """Return who acted, and through which job or machine."""
    subject, person = text(principal.get("subject")), text(principal.get("person"))
    machine = text(principal.get("email")) or subject
    run = f", run {text(principal['run'])}" if principal.get("run") else ""
    job = f"{machine}{run}, of {text(principal.get('issuer'))}"
    attribution = text(principal.get("attribution"))
    if subject == f"writer/{writer}":
        return "the gateway itself"
    if attribution == "person":
        return person if machine == person else f"{person} ({job})"
    if attribution == "ci-person":
        return f"{person} through the job they started ({job})"
    if attribution == "sponsored":
        return f"{person} as sponsor ({job})"
    if attribution == "delegated":
        return f"{text(principal.get('on_behalf_of')) or person} through {text(principal.get('actor'))} ({job})"
    return f"nobody known ({job})"


def client(fields: Mapping[str, Any]) -> str:
    """Return what called, as it says of itself, and from where."""
    name = " ".join(filter(None, (text(fields.get("name")), text(fields.get("version")))))
    address = text(fields.get("ip"))
    return f"{name or text(fields.get('user_agent')) or 'a client without a name'} from {address or 'nowhere'}"


def short(value: Any) -> str:
    """Return the beginning of a hash or of a session's HMAC, less its key id."""
    return text(value).rpartition(":")[2][:_SHORT]


def duration(micros: Any) -> str:
    """Return how long something took."""
    length = number(micros)
    if length is None:
        return "?"
    if length < 10 * _MILLISECOND:
        return f"{length / _MILLISECOND:.1f} ms"
    return f"{length / _MILLISECOND:.0f} ms" if length < SECOND else f"{length / SECOND:,.1f} s"


def size(value: Any) -> str:
    """Return how many bytes something has."""
    length = number(value)
    return "? bytes" if length is None else f"{length:,} byte{'s' * (length != 1)}"


def credential(shown: Any) -> str:
    """Return what the gateway showed the upstream in its own name; records have names and versions, never values."""
    fields = mapping(shown)
    kind, account = text(fields.get("kind")), text(fields.get("account")) or "an account that did not say its name"
    if kind == "google_id_token":
        return f"an ID token of {account} for {text(fields.get('audience'))}"
    if kind == "google_access_token":
        return f"an access token of {account}"
    if kind == "secret":
        return f"version {text(fields.get('version'))} of {text(fields.get('secret'))}"
    return f"a credential of a kind not known here: {kind}"


def rule(policy: Any) -> str:
    """Return which rule decided what."""
    fields = mapping(policy)
    if not fields:
        return ""
    return f"{text(fields.get('rule')) or 'no rule'}: {text(fields.get('decision'))}"
