"""One line for each record that is no call.

Source: evidence-format section 5. A kind that is not known here is shown with its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.audit.timeline.entries import Note
from affidavit.audit.timeline.message import pretty
from affidavit.audit.timeline.values import mapping, text
from affidavit.cli.rendering import words

Fields = Mapping[str, Any]

GOOD, BAD, DOUBTFUL, QUIET = "green", "red", "yellow", "dim"
HOUSEKEEPING = frozenset({"writer:alive", "log:committed", "identity:proof"})

_OF_THE_CHAIN = frozenset({"kind", "prev", "salt", "seq", "time", "v", "writer"})


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of a record, and how it looks; nothing in it has been made harmless yet."""

    says: str
    style: str = QUIET


def line_of(note: Note) -> Line:
    """Return what a record says."""
    says = _SAYS.get(note.kind)
    return Line(_unknown(note)) if says is None else says(note.record)


def _opened(record: Fields) -> Line:
    return Line(f"{text(record.get('role'))} {text(record.get('writer'))} opened", GOOD)


def _closed(record: Fields) -> Line:
    return Line(f"writer {text(record.get('writer'))} closed")


def _policy(record: Fields) -> Line:
    return Line(f"policy {words.short(record.get('digest'))} loaded")


def _keys(record: Fields) -> Line:
    return Line(f"keys of the issuer {text(record.get('issuer'))} taken")


def _tool(record: Fields) -> Line:
    named = f"{text(record.get('upstream'))} · {text(record.get('target'))}"
    return Line(f"{named} is defined as {words.short(record.get('digest'))}")


def _verified(record: Fields) -> Line:
    principal = mapping(record.get("principal"))
    expires = text(principal.get("expires"))[:19].replace("T", " ")
    return Line(f"credential verified, until {expires}: {words.who(principal, text(record.get('writer')))}")


def _rejected(record: Fields) -> Line:
    count = record.get("count")
    times = "" if count == 1 else f", {count} times"
    address = text(mapping(record.get("client")).get("ip"))
    issuer = text(record.get("issuer"))
    claimed = "" if issuer == "other" else f" of the issuer {issuer}"
    return Line(f"credential{claimed} rejected: {text(record.get('reason'))}, from {address}{times}", BAD)


def _revoked(record: Fields) -> Line:
    return Line(f"{_flat(record.get('what'))} revoked by {_flat(record.get('by'))}: {text(record.get('reason'))}", BAD)


def _directory(record: Fields) -> Line:
    who = text(record.get("email")) or text(record.get("id"))
    active = "" if record.get("what") != "user" else ", active" if record.get("active") is True else ", not active"
    said = f"{text(record.get('what'))} {who} {text(record.get('how'))}{active}"
    return Line(
        f"the directory {text(record.get('directory'))} says: {said}", BAD if active == ", not active" else QUIET
    )


def _session_opened(record: Fields) -> Line:
    by = words.who(mapping(record.get("principal")), text(record.get("writer")))
    return Line(f"session {words.short(record.get('session'))} opened: {by}")


def _session_closed(record: Fields) -> Line:
    return Line(f"session {words.short(record.get('session'))} closed: {text(record.get('reason'))}")


def _withheld(record: Fields) -> Line:
    return Line(f"the answer of call {text(record.get('call'))} was withheld: {text(record.get('reason'))}", DOUBTFUL)


def _hole(what: str) -> Callable[[Fields], Line]:
    def says(record: Fields) -> Line:
        span = f"{record.get('from')} to {record.get('to')}"
        return Line(f"the log states: records {span} of {text(record.get('about'))} {what}", DOUBTFUL)

    return says


def _lost(record: Fields) -> Line:
    about = text(record.get("about"))
    return Line(f"the log states: writer {about} is lost from record {record.get('from')} on", BAD)


def _admitted(record: Fields) -> Line:
    account = f" as {text(record['account'])}" if record.get("account") else ""
    return Line(f"the log admits the {text(record.get('role'))} {text(record.get('about'))}{account}")


def _retention(record: Fields) -> Line:
    classes = (f"{name} {days} days" for name, days in mapping(record.get("classes")).items())
    return Line(f"the log states how long bodies are kept: {', '.join(classes)}")


def _approval(what: str, style: str) -> Callable[[Fields], Line]:
    def says(record: Fields) -> Line:
        by = text(mapping(record.get("by")).get("person"))
        decision = text(record.get("decision")) or what
        more = [f"by {by}" if by else "", f"rule {text(record['rule'])}" if record.get("rule") else ""]
        return Line(" ".join(filter(None, (f"approval {text(record.get('approval'))} {decision}", *more))), style)

    return says


def _unknown(note: Note) -> str:
    fields = {name: value for name, value in note.record.items() if name not in _OF_THE_CHAIN}
    return f"{note.kind} {_flat(fields)}" if fields else note.kind


def _flat(value: Any) -> str:
    return value if type(value) is str else " ".join(pretty(value).split())


_SAYS: Mapping[str, Callable[[Fields], Line]] = {
    "approval:cancelled": _approval("cancelled", DOUBTFUL),
    "approval:consumed": _approval("consumed", QUIET),
    "approval:decided": _approval("decided", GOOD),
    "approval:expired": _approval("expired", DOUBTFUL),
    "approval:notified": _approval("notified", QUIET),
    "approval:requested": _approval("requested", DOUBTFUL),
    "approval:revoked": _approval("revoked", BAD),
    "call:withheld": _withheld,
    "directory:changed": _directory,
    "identity:rejected": _rejected,
    "identity:revoked": _revoked,
    "identity:verified": _verified,
    "issuer:keys": _keys,
    "log:gap": _hole("are missing"),
    "log:late": _hole("have come after all"),
    "log:retention": _retention,
    "log:writer_admitted": _admitted,
    "log:writer_lost": _lost,
    "policy:loaded": _policy,
    "session:closed": _session_closed,
    "session:opened": _session_opened,
    "tool:defined": _tool,
    "writer:closed": _closed,
    "writer:opened": _opened,
}
