"""The trail of a call: what happens to it, said in records.

Every method says one thing that happened. Those that are awaited return when the record is durable; the others put it
in the chain at once and do not wait, because nobody is told anything that rests on them.

Source: evidence-format section 5.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from affidavit.clock import Clock
from affidavit.errors import OutcomeUnknown
from affidavit.evidence.body import Body
from affidavit.evidence.canonical import encode
from affidavit.evidence.fingerprints import Fingerprints
from affidavit.evidence.recorder import Recorder
from affidavit.evidence.writer import Receipt
from affidavit.gateway.call import Call, Content, Released
from affidavit.gateway.introductions import MAX_LIST, Introductions
from affidavit.gateway.masks import Masks
from affidavit.gateway.ports import Telemetry
from affidavit.mcp.jsonrpc import Message

MAX_EVENT_ID = 256  # characters of an SSE event's id
NOT_FOUND, DONE = 404, range(200, 300)  # HTTP: "there is no such session", and "it is ended" (MCP 2025-11-25)
FEW = 64  # masks whose list is surely short
MAX_USER_AGENT = 256  # characters; longer ones are cut, they are self-reported anyway
CLIENTS = 512  # whose recorded form is kept; under 2 KiB each
Fields = dict[str, Any]
Bodies = tuple[Body, ...]


class Trail:
    """Writes the records of calls."""

    def __init__(
        self,
        recorder: Recorder,
        fingerprints: Fingerprints,
        introductions: Introductions,
        clock: Clock,
        telemetry: Telemetry | None = None,
        *,
        masks: Masks,
    ) -> None:
        self._recorder = recorder
        self._masks = masks
        self._values = fingerprints.values
        self._arguments = fingerprints.arguments
        self._introductions = introductions
        self._clock = clock
        self._telemetry = telemetry
        self.in_flight = 0

    async def requested(self, call: Call) -> Receipt:
        """Say that a call is about to be forwarded.

        Raises:
            Refused: There is no credential to show the upstream; nothing is said yet.
            Unavailable: It is not durable; `leave` says that nothing came of it.
        """
        self._recorder.check()
        assert call.upstream is not None  # noqa: S101 the doorman found it
        call.shown = call.upstream.credential.shown  # once: what is recorded is what is sent
        self._introductions.make(call)
        fields, bodies = self._call_fields(call)
        if call.shown.record is not None:
            fields["credential"] = call.shown.record
        call.open = True
        self.in_flight += 1
        return await self._recorder.intend("call:requested", fields, bodies)

    async def refused(self, call: Call, code: str, reason: str) -> Receipt:
        """Say that a call ends here; nothing was forwarded.

        Raises:
            Unavailable: Not even that is durable.
        """
        self._recorder.check()
        if call.principal is not None:
            self._introductions.make(call)
        fields, bodies = self._call_fields(call)
        receipt = await self._recorder.intend(
            "call:refused", {**fields, "code": code, "reason": self._masks.reason(call, reason)}, bodies
        )
        self._tell(call, code)
        return receipt

    def leave(self, call: Call) -> None:
        """Say of a call that is still open how it ends, with nobody left to tell."""
        if not call.open:
            return
        if call.sent:
            self.ended(call, "cancelled")
            return
        self._close(call)
        if call.cut:
            code, reason = "revoked", "whoever asked was locked out before it was forwarded"
        elif self._recorder.outage is not None:
            code, reason = "unavailable", "its record was not durable in time, so it was not forwarded"
        else:
            code, reason = "cancelled", "its client went away before it was forwarded"
        self._recorder.add("call:refused", {"call": call.id, "code": code, "reason": reason})
        self._tell(call, code)

    async def streamed(self, call: Call, event: Released) -> Receipt:
        """Say that one event is about to be released.

        Raises:
            OutcomeUnknown: It is in the chain, not known to be durable, and must not be released.
        """
        response, bodies = self._answer(call, event)
        masks, more = self._masked(call, event.content)
        fields = {"call": call.id, "event": call.events, "masks": masks, "response": response}
        if event.event is not None and event.event.id is not None:
            fields["sse_id"] = self._masks.quoted(call, event.event.id[:MAX_EVENT_ID])
        if event.withheld is not None:
            fields |= event.withheld.more
        call.events += 1
        if self._telemetry is not None and _answers(call, event.message):
            call.failure = _failure(event.message)
        return await self._recorder.conclude("call:streamed", fields, (*more, *bodies))

    async def answered(self, call: Call, outcome: str, status: int, answer: Released | None = None) -> Receipt:
        """Say how a forwarded call ended, before that is told.

        Args:
            call: The call.
            outcome: `answered`, `failed`, `timeout`, `cancelled` or `unreachable`.
            status: The HTTP status that the client gets.
            answer: None for a stream's end, and where there is no answer.

        Raises:
            OutcomeUnknown: The answer must be withheld; that it was is said already.
        """
        fields, bodies = self._ending(call, outcome, status, answer)
        try:
            receipt = await self._recorder.conclude("call:answered", fields, bodies)
        except OutcomeUnknown as error:
            self.withheld(call, str(error))
            self._tell(call, "outcome_unknown")
            raise
        if self._telemetry is not None:
            failure = call.failure if answer is None else _failure(answer.message)
            self._tell(call, failure if outcome == "answered" else outcome)
        return receipt

    def ended(self, call: Call, outcome: str) -> None:
        """Say how a forwarded call ended when there is nobody left to tell."""
        fields, bodies = self._ending(call, outcome, 0, None)
        self._recorder.add("call:answered", fields, bodies)
        self._tell(call, call.failure if outcome == "answered" else outcome)

    def session_over(self, call: Call, status: int) -> None:
        """Say that a call's session is closed, where its client has ended it or the upstream no longer knows it."""
        if call.upstream_session is None or call.session is None:
            return
        if status == NOT_FOUND:
            self._introductions.close_session(call.session, "the upstream no longer knows it")
        elif call.method == "delete" and status in DONE:
            self._introductions.close_session(call.session, "its client ended it")

    def locked_out(self, call: Call, code: str) -> None:
        """Say that a session is closed whose principal is not let in any more."""
        if code == "revoked" and call.session is not None:
            self._introductions.close_session(call.session, "revoked")

    def withheld(self, call: Call, reason: str) -> None:
        """Say that an answer was not given to the client after all."""
        self._recorder.add("call:withheld", {"call": call.id, "reason": reason})

    def _tell(self, call: Call, failure: str | int | None) -> None:
        if self._telemetry is not None:
            self._telemetry.call_ended(call, failure, self._clock())

    def _close(self, call: Call) -> None:
        call.open = False
        self.in_flight -= 1

    def _ending(self, call: Call, outcome: str, status: int, answer: Released | None) -> tuple[Fields, Bodies]:
        self._close(call)
        now = self._clock()
        response, bodies = (None, ()) if answer is None else self._answer(call, answer)
        masks, more = ([], ()) if answer is None else self._masked(call, answer.content)
        return {
            **({"reason": "revoked"} if call.cut else {}),
            "call": call.id,
            "duration_us": max(0, now - call.received),
            "masks": masks,
            "outcome": outcome,
            "response": response,
            "status": status,
            "upstream_us": max(0, now - call.sent) if call.sent else 0,
        }, (*more, *bodies)

    def _answer(self, call: Call, said: Released) -> tuple[Fields | None, Bodies]:
        return self._said(call, said.came, said.content, said.media_type) if said.came else (None, ())

    def _said(self, call: Call, came: bytes, content: Content, media_type: str) -> tuple[Fields, Bodies]:
        received = self._values.of(came)
        fingerprints = {
            "media_type": media_type,
            "received_hmac": received,
            "sent_hmac": received if content.sent is came else self._values.of(content.sent),
        }
        if call.upstream is None or content.recorded is None or self._recorder.crowded:
            return fingerprints, ()
        body = self._recorder.body(content.recorded, call.upstream.retention_class)
        return {**body.reference(), **fingerprints}, (body,)

    # Bodies are stored in the order in which a record's bytes mention them, and its members are sorted: masks come
    # before the principal, and both before the request or the response.

    def _masked(self, call: Call, content: Content | None) -> tuple[Any, Bodies]:
        """Return the list of masks, as a body where it is long."""
        if content is None or not content.masks:
            return [], ()
        masks = [one.record() for one in content.masks]
        if len(masks) < FEW or call.upstream is None or len(encoded := encode(masks)) <= MAX_LIST:
            return masks, ()
        body = self._recorder.body(encoded, call.upstream.retention_class)
        return body.reference(), (body,)

    def _call_fields(self, call: Call) -> tuple[Fields, Bodies]:
        if call.principal is None:
            return self._unverified_fields(call), ()
        content = call.inbound.body
        request, bodies = self._request(call, content) if content else (None, ())
        masks, more = self._masked(call, call.content)
        principal, others = self._introductions.principal(call)
        return {
            "arguments_hmac": None if call.arguments is None else self._arguments.of(call.arguments),
            "call": call.id,
            "client": _client(call.inbound.ip, self._agent(call), *call.client_info),
            "definition_digest": call.definition_digest,
            "masks": masks,
            "method": call.method,
            "policy": None if call.permit is None else call.permit.record,
            "principal": principal,
            "protocol": call.protocol,
            "request": request,
            "session": call.session,
            "target": call.recorded_target,
            "trace": None if call.trace is None else call.trace.trace_id,
            "upstream": call.inbound.upstream if call.upstream is not None else None,
        }, (*more, *others, *bodies)

    def _request(self, call: Call, came: bytes) -> tuple[Fields, Bodies]:
        if call.content is None or call.content.recorded is None:
            return self._unverified_fields(call)["request"], ()
        return self._said(call, came, call.content, "application/json")

    def _agent(self, call: Call) -> str | None:
        agent = call.inbound.unverified.get("user-agent")
        return None if agent is None else self._masks.agent(call, agent[:MAX_USER_AGENT])

    def _unverified_fields(self, call: Call) -> Fields:
        content = call.inbound.body
        return {"call": call.id, "request": {"received_hmac": self._values.of(content), "size": len(content)}}


@lru_cache(maxsize=CLIENTS)
def _client(ip: str, agent: str | None, name: str | None, version: str | None) -> orjson.Fragment:
    return orjson.Fragment(encode({"ip": ip, "name": name, "user_agent": agent, "version": version}))


def _answers(call: Call, message: Message | None) -> bool:
    """Tell whether a message on a stream is this call's answer; a resumed one brings those of others."""
    if message is None or message.kind != "response" or call.message is None:
        return False
    return message.id == call.message.id


def _failure(message: Message | None) -> str | int | None:
    """Return how an answer says that it failed (semantic conventions for MCP, `error.type`)."""
    if message is None:
        return None
    if message.error is not None:
        code = message.error.get("code")
        return code if type(code) is int else "error"
    return "tool_error" if (message.result or {}).get("isError") is True else None
