"""A call: one client message, from unverified bytes to what the path knows of it.

Source: evidence-format section 5 "Call fields"; RFC 9562 section 5.7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from affidavit.clock import Micros
from affidavit.evidence.writer import Receipt
from affidavit.gateway.credentials import Shown
from affidavit.gateway.in_force import InForce, Permit
from affidavit.gateway.upstreams import Upstream
from affidavit.identity.principal import Principal
from affidavit.masking.mask import Mask, MaskingFailed
from affidavit.mcp.eras import Era
from affidavit.mcp.jsonrpc import Message, stamped
from affidavit.mcp.sse import RawEvent, print_event
from affidavit.mcp.trace_context import TraceContext

Flaw = Literal["too_large", "incomplete", "overloaded"]


@dataclass(slots=True, kw_only=True)
class Inbound:
    """One HTTP request as it came: nothing in it is verified.

    Attributes:
        http_method: `POST`, `GET` or `DELETE`.
        headers: Raw ASGI headers; names in lower case.
        unverified: The same for looking up; of a repeated one, the first.
        repeated: Names that stand more than once.
        flaw: Why `body` is not the whole one.
        ip: The last trusted hop.
        cancel: Set by the path when a client that goes away cancels its call.
        cut: Set when whoever asks was locked out meanwhile, and its task cancelled.
    """

    http_method: str
    upstream: str
    headers: list[tuple[bytes, bytes]]
    unverified: dict[str, str]
    body: bytes
    ip: str
    has_query: bool
    repeated: set[str]
    flaw: Flaw | None = None
    cancel: Callable[[], object] | None = None
    cut: bool = False

    @property
    def unverified_token(self) -> str | None:
        """What follows `Bearer ` in the only place where a token may stand (RFC 6750 section 2.1)."""
        scheme, _, token = self.unverified.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    @property
    def unverified_assertion(self) -> str | None:
        """What Identity-Aware Proxy says of whoever asks; it replaces what a client puts there."""
        return self.unverified.get("x-goog-iap-jwt-assertion")

    @classmethod
    def read(
        cls, http_method: str, upstream: str, headers: list[tuple[bytes, bytes]], body: bytes, ip: str, *, query: bytes
    ) -> Inbound:
        """Take an HTTP request."""
        # Of a repeated one the first counts, so it comes last here. httptools keeps the blanks around a value, which
        # are no part of it (RFC 9110 section 5.5).
        unverified = {name.decode("latin-1"): value.decode("latin-1").strip(" \t") for name, value in reversed(headers)}
        repeated: set[str] = set()
        if len(unverified) != len(headers):
            names = Counter(name.decode("latin-1") for name, _ in headers)
            repeated = {name for name, times in names.items() if times > 1}
        return cls(
            http_method=http_method,
            upstream=upstream,
            headers=headers,
            unverified=unverified,
            body=body,
            ip=ip,
            has_query=bool(query),
            repeated=repeated,
        )


@dataclass(slots=True)
class Window:
    """What somebody has had through one rule since a window began.

    It begins with the first call after the window before it had ended.
    """

    began: Micros
    ends: Micros
    calls: int = 0
    answers: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """What was said, in its two views; each *is* what came where nothing was masked.

    Attributes:
        recorded: None where nothing of it may be recorded but its size and its HMAC.
        sent: As it goes on, before it names its record.
        masks: Of both views.
    """

    recorded: bytes | None
    sent: bytes
    masks: tuple[Mask, ...] = ()


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why something of an answer does not leave.

    Attributes:
        code: Stable.
        reason: For the records.
        message: For the client.
        more: For the client's program.
    """

    code: str
    reason: str
    message: str
    more: Mapping[str, str]

    @classmethod
    def denied(cls, method: str) -> Withheld:
        """The policy denies what is asked of the client."""
        message = f"The upstream asks for {method}, which the policy denies; its answer is withheld."
        return cls("withheld", f"the policy denies {method}", message, {"denied": method})

    @classmethod
    def unmasked(cls, error: MaskingFailed) -> Withheld:
        """What may not be seen could not be hidden."""
        message = f"The answer is withheld: {error}. Ask whoever keeps the gateway's policy to look at that rule."
        return cls("masking_failed", str(error), message, {"rule": error.rule})


@dataclass(slots=True, kw_only=True)
class Call:
    """What is known of a call so far; each step adds what it found out.

    Attributes:
        id: UUIDv7.
        received: When it came.
        session: HMAC of what holds calls together (evidence-format section 5).
        upstream_session: The upstream's own session id, unsealed.
        headers: Those of the client's that go on; None for a call of the gateway's own.
        shown: The gateway's own credential, as its record says it; None until it is requested.
        recorded_target: `target` as records name it.
        content: The views of the request; None until it is masked, and where there is none.
        in_force: The policy file that it is decided and masked by; None until it is decided.
        window: Where it is counted; None where nobody counts it.
        arguments: The RFC 8785 form that is bound; None where there is none.
        cut: Whether whoever asks was locked out meanwhile.
        open: Whether it was requested and has not ended.
        resumable: Whether its stream has shown an event id, so that a client can come back for the rest.
        streaming: Whether its answer is a stream, which ends the call itself.
        events: How many events were recorded.
        answered: Whether a response has come on its stream.
        withheld: Why its stream's answer did not leave.
        failure: How the answer on its stream says that it failed; looked at only where somebody wants to know.
    """

    id: str
    inbound: Inbound
    received: Micros
    era: Era = Era.LEGACY
    protocol: str | None = None
    method: str | None = None
    target: str | None = None
    principal: Principal | None = None
    upstream: Upstream | None = None
    audience: str = ""
    message: Message | None = None
    upstream_session: str | None = None
    session: str | None = None
    headers: Mapping[str, str] | None = None
    shown: Shown | None = None
    arguments: bytes | None = None
    recorded_target: str | None = None
    content: Content | None = None
    definition_digest: str | None = None
    in_force: InForce | None = None
    permit: Permit | None = None
    window: Window | None = None
    client_info: tuple[str | None, str | None] = (None, None)
    trace: TraceContext | None = None
    sent: Micros = 0
    cut: bool = False
    open: bool = False
    resumable: bool = False
    streaming: bool = False
    events: int = 0
    answered: bool = False
    withheld: Withheld | None = None
    failure: str | int | None = None

    @property
    def awaits_answer(self) -> bool:
        """Whether a client would wait for ever if its stream ended here."""
        asked = self.message is not None and self.message.kind == "request"
        return asked and not self.answered and not self.resumable


@dataclass(frozen=True, slots=True)
class Released:
    """One answer or event, as it came and as it may leave.

    Attributes:
        came: Exact bytes; of an event, its data, or all of it where its frame says something, too.
        content: Its views.
        media_type: Of `came`.
        message: What it was read as; None where it is no message.
        value: What is printed with the record's name in it; None where `content.sent` leaves as it is.
        withheld: Why nothing of it leaves.
        event: The event's frame; None for a whole answer.
        framed: The event as it leaves where it has no `value`.
    """

    came: bytes
    content: Content
    media_type: str
    message: Message | None = None
    value: dict[str, Any] | None = None
    withheld: Withheld | None = None
    event: RawEvent | None = None
    framed: bytes = b""

    def stamped(self, record: Receipt) -> bytes:
        """Return the bytes that leave, naming the record that vouches for them."""
        if self.value is None:
            return self.content.sent if self.event is None else self.framed
        body = stamped(self.value, record.id, record.sha256)
        return body if self.event is None else print_event(body, self.event)


def call_id(at: Micros, random: bytes) -> str:
    """Return a UUIDv7: 48 bits of milliseconds, then ten random bytes."""
    value = (at // 1000 << 80) | int.from_bytes(random, "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
