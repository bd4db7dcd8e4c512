"""Which role may say which kind of record.

Source: evidence-format section 5, the column "role".
"""

from __future__ import annotations

from collections.abc import Mapping

LOG = "log"  # the role of the log's own chain, which no registration can have

OPENED, CLOSED = "writer:opened", "writer:closed"
ISSUER_KEYS = "issuer:keys"

_ANY: frozenset[str] = frozenset()
_GATEWAY = frozenset({"gateway"})
_DECIDERS = frozenset({"function:resolve-approval", "console", "cli"})
_NOTIFIERS = frozenset({"function:notify-approver", "function:sweep-approvals", "gateway"})
_AUDITORS = frozenset({"console", "cli"})

SPEAKERS: Mapping[str, frozenset[str]] = {  # kind to roles; none named: every writer
    OPENED: _ANY,
    "writer:alive": frozenset({"gateway", "console"}),
    CLOSED: _ANY,
    "policy:loaded": _GATEWAY,
    ISSUER_KEYS: frozenset({"gateway", LOG}),
    "tool:defined": _GATEWAY,
    "tool:accepted": _GATEWAY,
    "identity:verified": _GATEWAY,
    "identity:proof": _GATEWAY,
    "identity:rejected": frozenset({"gateway", "console"}),
    "identity:revoked": frozenset({"gateway", "cli"}),
    "directory:changed": _GATEWAY,
    "session:opened": _GATEWAY,
    "session:closed": _GATEWAY,
    "call:requested": _GATEWAY,
    "call:refused": _GATEWAY,
    "call:streamed": _GATEWAY,
    "call:answered": _GATEWAY,
    "call:withheld": _GATEWAY,
    "approval:requested": _GATEWAY,
    "approval:consumed": _GATEWAY,
    "approval:decided": _DECIDERS,
    "approval:cancelled": _DECIDERS,
    "approval:revoked": _DECIDERS,
    "approval:notified": _NOTIFIERS,
    "approval:expired": _NOTIFIERS,
    "evidence:read": _AUDITORS,
    "evidence:exported": _AUDITORS,
}
STATEMENTS = frozenset(
    {
        "log:retention",
        "log:writer_admitted",
        "log:committed",
        "log:gap",
        "log:late",
        "log:writer_lost",
        ISSUER_KEYS,
    }
)


def is_known(kind: str) -> bool:
    """Tell whether the format names a kind; others are kept and counted."""
    return kind in SPEAKERS or kind in STATEMENTS


def may_say(role: str, kind: str) -> bool:
    """Tell whether a role may say a kind; of an unknown kind only its subject tells."""
    if role == LOG:
        return kind.startswith("log:") or kind == ISSUER_KEYS
    if kind.startswith("log:"):
        return False
    speakers = SPEAKERS.get(kind, _ANY)
    return not speakers or role in speakers
