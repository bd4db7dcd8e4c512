"""Answers of an upstream: what of them may leave the house.

A listing loses what this principal could never use; what an upstream asks of a client passes only where the
policy allows it; what the rules mask is masked; the gateway's own headers replace the upstream's.

Source: mcp "Duties" (`tools/list`, SSE, sampling and its like, `_meta`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from affidavit.errors import Malformed
from affidavit.evidence.writer import Receipt
from affidavit.gateway.call import Call, Content, Released, Withheld
from affidavit.gateway.decisions import Decisions
from affidavit.gateway.definitions import Definitions
from affidavit.gateway.forward import EVENT_STREAM, SUCCESS, Answer, Head, UpstreamFailed
from affidavit.gateway.masks import Masks
from affidavit.gateway.trail import MAX_EVENT_ID
from affidavit.masking.mask import MaskingFailed
from affidavit.masking.schema import fit
from affidavit.mcp.calls import server_requests
from affidavit.mcp.definitions import LISTED, TOOLS, Listed, filtered
from affidavit.mcp.eras import Era
from affidavit.mcp.headers import SESSION, to_client
from affidavit.mcp.jsonrpc import Message, parse_message, print_message
from affidavit.mcp.sessions import SessionSeal
from affidavit.mcp.sse import EventParser, RawEvent, print_event

JSON = "application/json"
MAX_METHOD = 256  # characters of what an upstream asks for, in records and answers
Headers = list[tuple[bytes, bytes]]

_ACCEPTED = 202
_REFUSED_CREDENTIAL = (401, 407)
_REDIRECTS, _CLIENT_ERRORS = 300, 400
_STATUSES = range(200, 600)  # of an answer (RFC 9110 section 15); 1xx come before one


class Answers:
    """Looks at answers before they are recorded."""

    def __init__(self, decisions: Decisions, definitions: Definitions, masks: Masks, seal: SessionSeal) -> None:
        self._decisions = decisions
        self._definitions = definitions
        self._masks = masks
        self._seal = seal

    def headers(self, call: Call, head: Head, receipt: Receipt) -> Headers:
        """Return the headers that leave: the upstream's that may, the sealed session, and the call's record."""
        headers = to_client(head.headers, content_type=head.content_type, streams=head.content_type == EVENT_STREAM)
        headers.append((b"affidavit-record", receipt.id.encode()))
        session = next((value for name, value in head.headers if name.lower() == SESSION.encode()), None)
        if session is not None and call.era is Era.LEGACY and call.principal is not None:
            wrapped = self._seal.wrap(
                session.decode("latin-1"),
                upstream=call.inbound.upstream,
                issuer=call.principal.issuer,
                subject=call.principal.subject,
            )
            headers.append((SESSION.encode(), wrapped.encode()))
        return headers

    async def whole(self, call: Call, head: Head, came: bytes) -> Released:
        """Look at an answer that is no stream.

        Raises:
            UpstreamFailed: It is none that a client may be given.
            MaskingFailed: What may not be seen could not be hidden.
        """
        if head.status in _REFUSED_CREDENTIAL:
            raise UpstreamFailed("the upstream refused the gateway's own credential", outcome="failed")
        if _REDIRECTS <= head.status < _CLIENT_ERRORS:
            raise UpstreamFailed("the upstream answered with a redirect, which is not followed", outcome="failed")
        if head.status not in _STATUSES:
            raise UpstreamFailed("the upstream's answer has a status that no answer has", outcome="failed")
        if not came or head.content_type != JSON:
            # What a client may read as messages must have been read as such here. Some servers say a word under 202.
            unread = head.content_type == EVENT_STREAM or (head.status in SUCCESS and head.status != _ACCEPTED)
            if came and unread:
                raise UpstreamFailed("the upstream's answer is neither JSON nor a stream of events", outcome="failed")
            return Released(came, self._masks.data(call, came), head.content_type)
        try:
            message = parse_message(came)
        except Malformed as error:
            if head.status < _CLIENT_ERRORS:
                raise UpstreamFailed("the upstream's answer is no message", outcome="failed") from error
            return Released(came, self._masks.data(call, came), JSON)
        return await self._message(call, came, message, None)

    async def events(self, call: Call, answer: Answer) -> AsyncIterator[Released]:
        """Yield the events of a stream, each looked at.

        Raises:
            UpstreamFailed: It broke off, or sent what is no message.
        """
        parser = EventParser()
        try:
            async for chunk in answer.chunks():
                for event in parser.feed(chunk):
                    yield await self._event(call, event)
            for event in parser.end():
                yield await self._event(call, event)
        except Malformed as error:
            raise UpstreamFailed("the upstream sent an event that is no message", outcome="failed") from error

    async def _event(self, call: Call, event: RawEvent) -> Released:
        call.resumable = call.resumable or event.id is not None
        message = parse_message(event.data) if event.data else None
        try:
            if message is None or event.data is None:
                content = self._masks.data(call, event.raw)
                return Released(event.raw, content, EVENT_STREAM, event=event, framed=content.sent)
            released = await self._message(call, event.data, message, event)
            return released if _is_plain(event) else self._with_its_frame(call, released, event)
        except MaskingFailed as error:
            nothing, why = Content(None, b""), Withheld.unmasked(error)
            return Released(event.raw, nothing, EVENT_STREAM, message=message, withheld=why, event=event)

    async def _message(self, call: Call, came: bytes, message: Message, event: RawEvent | None) -> Released:
        content, value = self._masks.answer(call, came, message)
        if value is not message.value and call.method == "tools/call":
            value = self._fitted(call, message.value, value)
        for method in server_requests(message):
            if method != "ping" and not self._decisions.allows_server_request(call, method):
                why = Withheld.denied(self._masks.quoted(call, method[:MAX_METHOD]))
                return Released(came, replace(content, sent=b""), JSON, message=message, withheld=why, event=event)
        if message.kind != "response":
            self._notice(call, message)
            return _leaving(came, content, message, value, event)
        # A resumed stream brings the answers of other calls, listings among them.
        for listed in LISTED:
            if call.method in (listed.method, "stream"):
                value = await self._listing(call, message, value, listed)
        released = _leaving(came, content, message, value, event)
        return replace(released, value=value) if message.result else released

    def _with_its_frame(self, call: Call, released: Released, event: RawEvent) -> Released:
        """Return an event whose frame says something: then that is on record, too."""
        content, reframe = self._masks.frame(call, event, released.content)
        if reframe and released.framed is event.raw:
            released = replace(released, framed=print_event(event.data or b"", event))
        sent = event.raw if released.content.sent is event.data else released.content.sent
        return replace(released, came=event.raw, content=replace(content, sent=sent), media_type=EVENT_STREAM)

    def _fitted(self, call: Call, before: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
        """Return a masked result whose structured content is still what the tool's output schema says (MCP "Tools")."""
        was, now = before.get("result"), value.get("result")
        if type(was) is not dict or type(now) is not dict or call.upstream is None or call.target is None:
            return value
        original, masked = was.get("structuredContent"), now.get("structuredContent")
        if masked is original:
            return value
        fitted = fit(original, masked, self._definitions.output_schema(call.upstream, call.target))
        return {**value, "result": {**now, "structuredContent": fitted}}

    async def _listing(self, call: Call, message: Message, value: dict[str, Any], listed: Listed) -> dict[str, Any]:
        entries = (message.result or {}).get(listed.member)
        upstream = call.upstream
        if type(entries) is not list or upstream is None:
            return value
        if listed is not TOOLS:
            return filtered(value, lambda name: self._decisions.lists(call, listed, name), listed)
        await self._definitions.observe(upstream, entries)
        return filtered(
            value, lambda tool: self._definitions.stands(upstream, tool) and self._decisions.lists(call, TOOLS, tool)
        )

    def _notice(self, call: Call, message: Message) -> None:
        if message.method == "notifications/tools/list_changed" and call.upstream is not None:
            self._definitions.refresh(call.upstream)


def withheld(answer: Answer, error: MaskingFailed) -> Released:
    """Return a whole answer of which nothing is recorded and nothing leaves."""
    why = Withheld.unmasked(error)
    return Released(answer.body or b"", Content(None, b""), answer.head.content_type, withheld=why)


def _leaving(
    came: bytes, content: Content, message: Message, value: dict[str, Any], event: RawEvent | None
) -> Released:
    """Return a message as it leaves: the bytes that came, or a print of what it has become."""
    same = value is message.value
    content = replace(content, sent=came if same else print_message(value))
    framed = b"" if event is None else event.raw if same else print_event(content.sent, event)
    return Released(came, content, JSON, message=message, event=event, framed=framed)


def _is_plain(event: RawEvent) -> bool:
    """Tell whether an event's frame says nothing beside its data but an id that is on record anyway."""
    if event.name not in (None, "message") or event.retry is not None or len(event.id or "") > MAX_EVENT_ID:
        return False
    said = [line for line in event.raw.splitlines() if line and not line.startswith(b"data:")]
    once = (event.name is not None) + (event.id is not None)  # a second one would be said and not meant
    return len(said) == once and all(line.startswith((b"event:", b"id:")) for line in said)
