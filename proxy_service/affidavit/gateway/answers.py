"""Answers of an upstream: what of them may leave the house.

A listing loses what this principal could never use; what an upstream asks of a client passes only where the
policy allows it; the gateway's own headers replace the upstream's.

Source: mcp "Duties" (`tools/list`, SSE, sampling and its like, `_meta`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from affidavit.errors import Malformed
from affidavit.evidence.writer import Receipt
from affidavit.gateway.call import Call, Released
from affidavit.gateway.decisions import Decisions
from affidavit.gateway.definitions import Definitions
from affidavit.gateway.forward import EVENT_STREAM, SUCCESS, Answer, Head, UpstreamFailed
from affidavit.gateway.trail import MAX_EVENT_ID
from affidavit.mcp.calls import server_requests
from affidavit.mcp.definitions import LISTED, TOOLS, Listed, filtered
from affidavit.mcp.eras import Era
from affidavit.mcp.headers import SESSION, to_client
from affidavit.mcp.jsonrpc import Message, parse_message, print_message
from affidavit.mcp.sessions import SessionSeal
from affidavit.mcp.sse import EventParser, RawEvent

JSON = "application/json"
MAX_METHOD = 256  # characters of what an upstream asks for, in records and answers
Headers = list[tuple[bytes, bytes]]

_ACCEPTED = 202
_REFUSED_CREDENTIAL = (401, 407)
_REDIRECTS, _CLIENT_ERRORS = 300, 400
_STATUSES = range(200, 600)  # of an answer (RFC 9110 section 15); 1xx come before one


class Answers:
    """Looks at answers before they are recorded."""

    def __init__(self, decisions: Decisions, definitions: Definitions, seal: SessionSeal) -> None:
        self._decisions = decisions
        self._definitions = definitions
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
            return Released(came, came, head.content_type)
        try:
            message = parse_message(came)
        except Malformed as error:
            if head.status < _CLIENT_ERRORS:
                raise UpstreamFailed("the upstream's answer is no message", outcome="failed") from error
            return Released(came, came, JSON)
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
        if not event.data:
            return Released(event.raw, event.raw, EVENT_STREAM, event=event)
        released = await self._message(call, event.data, parse_message(event.data), event)
        return released if _is_plain(event) else _with_its_frame(released, event)

    async def _message(self, call: Call, came: bytes, message: Message, event: RawEvent | None) -> Released:
        for method in server_requests(message):
            if method != "ping" and not self._decisions.allows_server_request(call, method):
                return Released(came, b"", JSON, message=message, denied=method[:MAX_METHOD], event=event)
        if message.kind != "response":
            self._notice(call, message)
            return Released(came, came, JSON, message=message, event=event)
        # A resumed stream brings the answers of other calls, listings among them.
        value = message.value
        for listed in LISTED:
            if call.method in (listed.method, "stream"):
                value = await self._listing(call, value, listed)
        went = came if value is message.value else print_message(value)
        stamps = bool(message.result)
        return Released(came, went, JSON, message=message, value=value if stamps else None, event=event)

    async def _listing(self, call: Call, value: dict[str, Any], listed: Listed) -> dict[str, Any]:
        result = value.get("result")
        entries = result.get(listed.member) if type(result) is dict else None
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


def _is_plain(event: RawEvent) -> bool:
    """Tell whether an event's frame says nothing beside its data but an id that is on record anyway."""
    if event.name not in (None, "message") or event.retry is not None or len(event.id or "") > MAX_EVENT_ID:
        return False
    said = [line for line in event.raw.splitlines() if line and not line.startswith(b"data:")]
    once = (event.name is not None) + (event.id is not None)  # a second one would be said and not meant
    return len(said) == once and all(line.startswith((b"event:", b"id:")) for line in said)


def _with_its_frame(released: Released, event: RawEvent) -> Released:
    """Return an event whose frame says something: then that is on record, too."""
    went = event.raw if released.went is released.came else released.went
    return replace(released, came=event.raw, went=went, media_type=EVENT_STREAM)
