"""What the records of one segment tell, picked out for the ordered checks.

Each kind that a check depends on has one method; what it tells goes into a `Telling`. Judges only what one record
shows by itself: a field that a check needs is missing or not of its form.

Source: evidence-format section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.verify.bodies import Mention, read_mention
from affidavit.audit.verify.facts import CallEvent, CallEvents, CallKeys
from affidavit.audit.verify.kinds import CLOSED, OPENED
from affidavit.audit.verify.records import Record, Reference
from affidavit.audit.verify.report import RawFinding
from affidavit.clock import Micros, parse_time
from affidavit.errors import Malformed
from affidavit.evidence.segment import is_hash

POLICY, POLICY_NAMED, TOOL, TOOL_NAMED = "policy", "policy named", "tool", "tool named"
APPROVED_CALL, REQUESTED, DECIDED = "call:requested", "approval:requested", "approval:decided"
CONSUMED, ENDED = "approval:consumed", "approval ended"

_SHOWN = 80  # characters of a value that a finding quotes
_DECISIONS = ("allow", "deny", "require_approval")
_BINDING = ("arguments_hmac", "definition_digest", "method", "target", "upstream")
_BINDING_PRINCIPAL = ("issuer", "person", "run", "subject")


@dataclass(slots=True)
class Place:
    """Where a record stands: its writer, its offset in a segment, and what was found out about it.

    One moves along a segment; a new one for each of a million records would cost more than what it says.
    """

    writer: str
    first_seq: int
    offset: int = 0
    sha256: str = ""
    time: Micros = 0

    @property
    def id(self) -> str:
        """The record's id."""
        return f"{self.writer}/{self.first_seq + self.offset}"


@dataclass(slots=True)
class Telling:
    """What is told, and what is wrong with how it is told.

    Attributes:
        object: The segment, as findings name it.
        role: The writer's, as registered; None if that is not known.
        mentions: Of bodies, in the order of the records' bytes.
        digests: Offset, body hash and stated SHA-256 of bytes that must have it; with what they are.
        identities: What is said of credentials and keys, as `identities.Said`, with the hash of the body.
        masked: Offset, `masks` and the reference of the body that they are about.
        said: Of bodies of calls that are to be looked at again: event, offset, the call's number and, where they are
            known, policy, upstream and target. None where nothing of this writer is.
        closed: A `writer:closed` was met.
    """

    keys: CallKeys
    object: str
    role: str | None
    findings: list[RawFinding] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    calls: CallEvents = field(default_factory=CallEvents)
    details: list[tuple[Any, ...]] = field(default_factory=list)
    digests: list[tuple[int, str, str, str]] = field(default_factory=list)
    masked: list[tuple[int, Any, Any]] = field(default_factory=list)
    identities: list[tuple[str, int, str, Micros, str]] = field(default_factory=list)
    said: list[tuple[Any, ...]] | None = None
    closed: bool = False
    _named: set[tuple[str, str]] = field(default_factory=set)

    def hear(self, record: Record, place: Place) -> None:
        """Take note of one record."""
        method = _METHODS.get(record["kind"])
        if method is not None:
            method(self, record, place)

    def mention(self, references: Sequence[Reference], place: Place) -> None:
        """Take note of the bodies that one record refers to."""
        for reference in references:
            try:
                self.mentions.append(read_mention(reference, place.offset))
            except Malformed as error:
                self.wrong("bodies", place, "a body's hash, size and class", str(error))

    def wrong(self, check: str, place: Place, expected: str, found: str) -> None:
        """Say that a record is not what it must be."""
        self.findings.append((check, self.object, place.id, expected, found))

    def opened(self, record: Record, place: Place) -> None:
        """`writer:opened`: its role is the registered one."""
        if self.role is not None and record.get("role") != self.role:
            self.wrong("chains", place, f"the role {self.role}, as registered", shown(record.get("role")))

    def closes(self, *_: Any) -> None:
        """`writer:closed`: the end."""
        self.closed = True

    def policy_loaded(self, record: Record, place: Place) -> None:
        """`policy:loaded`: calls may name this digest from here on."""
        self._loaded(record, place, POLICY, "policy")

    def tool_defined(self, record: Record, place: Place) -> None:
        """`tool:defined`: calls may name this digest from here on."""
        self._loaded(record, place, TOOL, "definition")

    def identity(self, record: Record, place: Place) -> None:
        """`issuer:keys`, `identity:verified`, `identity:proof`: a credential, and what it is held against."""
        what, about, content = _IDENTITIES[record["kind"]]
        named, body, time = record.get(about), body_of(record.get(content)), _time(record.get("time"))
        if type(named) is str and body is not None and time is not None:
            self.identities.append((what, place.offset, named, time, body))

    def call_requested(self, record: Record, place: Place) -> None:
        """`call:requested`: a call begins, under a policy's decision, perhaps with an approval."""
        key = self._call(record, place)
        decision = self._policy(record, place, required=True)
        self._definition(record, place)
        approval = record.get("approval")
        allowed = decision == "allow" or (decision == "require_approval" and approval is not None)
        if key is not None:
            code = CallEvent.REQUESTED if allowed else CallEvent.REQUESTED_TO_REFUSE
            self.calls.add(key, code, place.offset)
            self._say(CallEvent.REQUESTED, record, place, key)
        if approval is not None:
            self._approved_call(record, approval, place)
        self._masks(record, "request", place)

    def call_refused(self, record: Record, place: Place) -> None:
        """`call:refused`: a call ends, begun or not."""
        key = self._call(record, place)
        if key is not None:
            self.calls.add(key, CallEvent.REFUSED, place.offset)
            self._say(CallEvent.REFUSED, record, place, key)
        self._policy(record, place, required=False)
        self._definition(record, place)
        self._masks(record, "request", place)

    def call_streamed(self, record: Record, place: Place) -> None:
        """`call:streamed`: one event of a call."""
        key, event = self._call(record, place), record.get("event")
        if type(event) is not int or event < 0:
            self.wrong("calls", place, "an event's number", shown(event))
        elif key is not None:
            self.calls.add(key, CallEvent.STREAMED, place.offset, event)
            self._say(CallEvent.STREAMED, record, place, key)
        self._masks(record, "response", place)

    def call_answered(self, record: Record, place: Place) -> None:
        """`call:answered`: a call ends."""
        key = self._call(record, place)
        if key is not None:
            self.calls.add(key, CallEvent.ANSWERED, place.offset)
            self._say(CallEvent.ANSWERED, record, place, key)
        self._masks(record, "response", place)

    def call_withheld(self, record: Record, place: Place) -> None:
        """`call:withheld`: what was answered did not go out."""
        key = self._call(record, place)
        if key is not None:
            self.calls.add(key, CallEvent.WITHHELD, place.offset)

    def approval_requested(self, record: Record, place: Place) -> None:
        """`approval:requested`: how long an approval may be used, and for what."""
        expires = _time(record.get("expires"))
        if expires is None or not _is_approval(record):
            self.wrong("approvals", place, "an approval with a binding and a time when it expires", "another form")
            return
        binding = record["binding_sha256"]
        self._tell(REQUESTED, place, record["approval"], binding, record["expires"], expires)

    def approval_decided(self, record: Record, place: Place) -> None:
        """`approval:decided`: somebody agreed, or did not."""
        decision = record.get("decision")
        if decision not in ("approved", "denied") or not _is_approval(record):
            self.wrong("approvals", place, "an approval with a binding and a decision", "another form")
            return
        self._tell(DECIDED, place, record["approval"], record["binding_sha256"], decision)

    def approval_ended(self, record: Record, place: Place) -> None:
        """`approval:cancelled`, `approval:revoked`, `approval:expired`: it may not be used any more."""
        approval = record.get("approval")
        if type(approval) is not str:
            self.wrong("approvals", place, "an approval's id", shown(approval))
            return
        self._tell(ENDED, place, approval, record["kind"])

    def approval_consumed(self, record: Record, place: Place) -> None:
        """`approval:consumed`: one call uses it, because of one decision."""
        decided, call = record.get("decided"), record.get("call")
        formed = type(decided) is dict and type(decided.get("record")) is str and is_hash(decided.get("hash"))
        if not formed or type(call) is not str or not _is_approval(record):
            self.wrong("approvals", place, "an approval with a binding, its call and its decision", "another form")
            return
        self._tell(
            CONSUMED,
            place,
            record["approval"],
            record["binding_sha256"],
            call,
            record["decided"]["record"],
            record["decided"]["hash"],
        )

    def _tell(self, what: str, place: Place, *more: Any) -> None:
        self.details.append((what, place.id, place.time, place.sha256, *more))

    def _call(self, record: Record, place: Place) -> int | None:
        call = record.get("call")
        if type(call) is not str or not call:
            self.wrong("calls", place, "a call's id", shown(call))
            return None
        return self.keys.of(call)

    def _policy(self, record: Record, place: Place, *, required: bool) -> str | None:
        policy = record.get("policy")
        if policy is None and not required:
            return None
        digest, decision = (policy.get("digest"), policy.get("decision")) if type(policy) is dict else (None, None)
        if not self._name(POLICY_NAMED, digest, place) or decision not in _DECISIONS:
            self.wrong("chains", place, "a policy's digest and its decision", shown(policy))
            return None
        return str(decision)

    def _definition(self, record: Record, place: Place) -> None:
        digest = record.get("definition_digest")
        if digest is not None and not self._name(TOOL_NAMED, digest, place):
            self.wrong("chains", place, "a tool definition's digest or null", shown(digest))

    def _name(self, what: str, digest: Any, place: Place) -> bool:
        """Take note of the mention of a digest; tell whether it is one."""
        # What was loaded stays loaded, so the first mention in a segment speaks for all that follow.
        if type(digest) is str and (what, digest) in self._named:
            return True
        if not is_hash(digest):
            return False
        self._named.add((what, digest))
        self.details.append((what, place.id, digest))
        return True

    def _loaded(self, record: Record, place: Place, what: str, bytes_field: str) -> None:
        digest, reference = record.get("digest"), record.get(bytes_field)
        if not is_hash(digest) or type(reference) is not dict or not is_hash(reference.get("body")):
            self.wrong("chains", place, f"a digest and a body reference `{bytes_field}`", "another form")
            return
        self.details.append((what, place.id, digest))
        self.digests.append((place.offset, reference["body"], str(digest), bytes_field))

    def _approved_call(self, record: Record, approval: Any, place: Place) -> None:
        principal, policy = record.get("principal"), record.get("policy")
        if (
            type(approval) is not dict
            or type(approval.get("id")) is not str
            or not is_hash(approval.get("binding_sha256"))
        ):
            self.wrong("approvals", place, "an approval's id and binding", shown(approval))
            return
        bound: dict[str, Any] = {name: record.get(name) for name in _BINDING}
        bound |= {name: principal.get(name) if type(principal) is dict else None for name in _BINDING_PRINCIPAL}
        bound["policy_digest"] = policy.get("digest") if type(policy) is dict else None
        self._tell(APPROVED_CALL, place, approval["id"], approval["binding_sha256"], record.get("call"), bound)

    def _say(self, code: CallEvent, record: Record, place: Place, key: int) -> None:
        if self.said is None:
            return
        policy, upstream, target = record.get("policy"), record.get("upstream"), record.get("target") or ""
        digest = policy.get("digest") if type(policy) is dict else None
        known = type(digest) is str and type(upstream) is str and type(target) is str
        if code != CallEvent.STREAMED or record.get("response") is not None:
            self.said.append((int(code), place.offset, key, (digest, upstream, target) if known else None))

    def _masks(self, record: Record, content: str, place: Place) -> None:
        masks = record.get("masks")
        if masks:
            self.masked.append((place.offset, masks, record.get(content)))


def shown(value: Any) -> str:
    """Return a value as a finding quotes it: short, on one line."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def body_of(reference: Any) -> str | None:
    """Return the hash in a body reference of a well-formed record, None where there is none."""
    if type(reference) is not dict or "body" not in reference or "size" not in reference:
        return None
    try:
        return read_mention(reference, 0).body
    except Malformed:
        return None


def _is_approval(record: Record) -> bool:
    return type(record.get("approval")) is str and is_hash(record.get("binding_sha256"))


def _time(value: Any) -> Micros | None:
    try:
        return parse_time(value) if type(value) is str else None
    except ValueError:
        return None


_IDENTITIES = {  # kind: what it is called, and which members say whose and what
    "issuer:keys": ("keys", "iss", "keys"),
    "identity:verified": ("verified", "token_sha256", "claims"),
    "identity:proof": ("proof", "token_sha256", "token"),
}
_METHODS: Mapping[str, Callable[[Telling, Record, Place], None]] = {
    OPENED: Telling.opened,
    CLOSED: Telling.closes,
    "policy:loaded": Telling.policy_loaded,
    "tool:defined": Telling.tool_defined,
    "issuer:keys": Telling.identity,
    "identity:verified": Telling.identity,
    "identity:proof": Telling.identity,
    "call:requested": Telling.call_requested,
    "call:refused": Telling.call_refused,
    "call:streamed": Telling.call_streamed,
    "call:answered": Telling.call_answered,
    "call:withheld": Telling.call_withheld,
    "approval:requested": Telling.approval_requested,
    "approval:decided": Telling.approval_decided,
    "approval:cancelled": Telling.approval_ended,
    "approval:revoked": Telling.approval_ended,
    "approval:expired": Telling.approval_ended,
    "approval:consumed": Telling.approval_consumed,
}
