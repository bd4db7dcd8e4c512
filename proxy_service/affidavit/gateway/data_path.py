"""One call from unverified bytes to released answer: admit, know, read, decide, mask, record, forward, mask, record.

Read this file first. Each step is one object, given at construction; what a step finds out it writes on the call. Two
things are the product: nothing is sent before `trail.requested` returns, and nothing is released before
`trail.answered` or `trail.streamed` does.

Source: architecture "The way of one call". Never knows HTTP frameworks, Google Cloud or chat.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from affidavit.errors import Malformed, OutcomeUnknown, Refused, Unauthenticated, Unavailable
from affidavit.evidence.writer import Receipt
from affidavit.gateway import problems
from affidavit.gateway.answers import Answers, withheld
from affidavit.gateway.budgets import Budgets
from affidavit.gateway.call import Call, Inbound, Released
from affidavit.gateway.decisions import Decisions
from affidavit.gateway.definitions import Definitions
from affidavit.gateway.doorman import Doorman
from affidavit.gateway.forward import Answer, UpstreamFailed
from affidavit.gateway.masks import Masks
from affidavit.gateway.open_calls import OpenCalls
from affidavit.gateway.problems import Reply
from affidavit.gateway.proofs import Proofs
from affidavit.gateway.reading import Reading
from affidavit.gateway.rejections import Rejections
from affidavit.gateway.server_requests import ServerRequests
from affidavit.gateway.trail import Trail
from affidavit.identity.authenticator import Authenticator
from affidavit.identity.principal import Principal
from affidavit.identity.standing import Standing
from affidavit.masking.mask import MaskingFailed

_diagnostics = logging.getLogger("affidavit.gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPath:
    """The steps of a call, in order."""

    doorman: Doorman
    authenticator: Authenticator
    rejections: Rejections
    reading: Reading
    decisions: Decisions
    budgets: Budgets
    definitions: Definitions
    masks: Masks
    proofs: Proofs
    trail: Trail
    standing: Standing
    calls: OpenCalls
    answers: Answers
    server_requests: ServerRequests

    async def handle(self, inbound: Inbound) -> Reply:
        """Take one HTTP request to a reply; a reply that streams is recorded event by event while it is read."""
        call = self.reading.open(inbound)
        self.calls.begin(call)
        try:
            return await self._serve(call)
        except Unauthenticated as error:
            return await self._turn_away(call, error)
        except (Malformed, Refused) as error:
            return await self._refuse(call, error)
        except OutcomeUnknown:
            return problems.outcome_unknown(call)
        except Exception as error:  # noqa: BLE001 where the call was sent, its client must hear so
            return self._give_up(call, error)
        except asyncio.CancelledError:  # the client has gone, or the gateway goes; whoever is still there is told
            if call.cut:
                if call.sent and not call.open:
                    self.trail.withheld(call, "whoever asked was locked out before the answer left")
                return self._cut(call)
            return problems.outcome_unknown(call) if call.sent else problems.unavailable(call)
        finally:
            self.budgets.settle(call)
            if not call.streaming:
                self._ended(call)

    async def _serve(self, call: Call) -> Reply:
        self.doorman.admit(call)
        call.principal = await self._who(call)
        await self.reading.read(call)
        self.standing.check(call.principal, call.session)
        self.decisions.decide(call)
        await self.definitions.look_up(call)
        self._mask(call)
        self.budgets.take(call)
        self._keep_proof(call)
        receipt = await self.trail.requested(call)  # durable before the next line, or Unavailable
        try:
            answer = await self.reading.send(call)
            if answer.body is None:
                return self._open_stream(call, answer, receipt)
            released = await self.answers.whole(call, answer.head, answer.body)
            self.budgets.answered(call, released)
        except UpstreamFailed as error:
            return problems.upstream_failed(call, error, await self.trail.answered(call, error.outcome, 200))
        except MaskingFailed as error:
            released = withheld(answer, error)
        record = await self.trail.answered(call, "answered", answer.head.status, released)  # durable before it leaves
        self.trail.session_over(call, answer.head.status)
        if released.withheld is not None:
            self.trail.withheld(call, released.withheld.reason)
            return problems.withheld(call, released.withheld, record)
        return Reply(answer.head.status, self.answers.headers(call, answer.head, receipt), released.stamped(record))

    def _keep_proof(self, call: Call) -> None:
        """Keep what proves who asks; `trail.requested` says that it was verified."""
        assertion = call.inbound.unverified_assertion if self.authenticator.behind_iap else None
        token = assertion or call.inbound.unverified_token
        if token is not None and call.principal is not None:
            self.proofs.keep(call.principal, token)

    async def _who(self, call: Call) -> Principal:
        assertion = call.inbound.unverified_assertion
        if assertion is not None and self.authenticator.behind_iap:
            return await self.authenticator.authenticate(assertion, call.audience, asserted=True)
        return await self.authenticator.authenticate(call.inbound.unverified_token, call.audience)

    def _mask(self, call: Call) -> None:
        try:
            self.masks.request(call)
        except MaskingFailed as error:
            text = f"The request is not sent: {error}. Ask whoever keeps the gateway's policy to look at that rule."
            raise Refused(text, code="masking_failed") from error

    def _open_stream(self, call: Call, answer: Answer, receipt: Receipt) -> Reply:
        call.streaming = True
        headers = self.answers.headers(call, answer.head, receipt)
        return Reply(answer.head.status, headers, self._stream(call, answer), leave=lambda: self._leave(call, answer))

    async def _stream(self, call: Call, answer: Answer) -> AsyncIterator[bytes]:
        failed = None
        try:
            async for event in self.answers.events(call, answer):
                chunk = await self._recorded(call, event)
                if chunk is not None:
                    yield chunk
            if call.awaits_answer:
                failed = UpstreamFailed("the upstream ended its stream without an answer", outcome="failed")
        except UpstreamFailed as error:
            failed = error
        except OutcomeUnknown as error:
            self.trail.ended(call, "answered")
            self.trail.withheld(call, str(error))
            yield problems.as_event(problems.outcome_unknown(call))
            return
        except asyncio.CancelledError:
            self._leave(call, answer)
            reply = self._cut(call) if call.cut else problems.outcome_unknown(call)
            if call.awaits_answer:
                yield problems.as_event(reply)
            return
        except Exception as error:  # noqa: BLE001 whatever went wrong here, the call has been sent
            yield problems.as_event(self._give_up(call, error))
            return
        async for chunk in self._end(call, failed):
            yield chunk

    async def _recorded(self, call: Call, event: Released) -> bytes | None:
        self.budgets.answered(call, event)
        record = await self.trail.streamed(call, event)  # durable before it leaves
        answer = event.message if event.message is not None and event.message.kind == "response" else None
        if event.withheld is not None:
            await self.server_requests.deny(call, event)
        call.answered = call.answered or answer is not None
        if event.withheld is None:
            return event.stamped(record)
        if answer is None:
            return None
        call.withheld = event.withheld
        return problems.withheld_event(call, answer, event.withheld, record)

    async def _end(self, call: Call, failed: UpstreamFailed | None) -> AsyncIterator[bytes]:
        try:
            receipt = await self.trail.answered(call, failed.outcome if failed else "answered", 200)
        except OutcomeUnknown:
            yield problems.as_event(problems.outcome_unknown(call))
            return
        if call.withheld is not None:
            self.trail.withheld(call, call.withheld.reason)
        if failed is not None and call.awaits_answer:
            yield problems.as_event(problems.upstream_failed(call, failed, receipt))

    def _leave(self, call: Call, answer: Answer) -> None:
        answer.close()
        self._ended(call)

    def _ended(self, call: Call) -> None:
        self.calls.end(call)
        self.trail.leave(call)
        if call.cut:
            self.trail.locked_out(call, "revoked")

    def _cut(self, call: Call) -> Reply:
        """Answer a call whose asker was locked out while it was under way, and go on to its end."""
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        return problems.cut(call)

    def _give_up(self, call: Call, error: Exception) -> Reply:
        """Answer where the gateway itself failed; what was sent is not sent again by anybody who hears that."""
        if not call.sent:
            if isinstance(error, Unavailable):
                return problems.unavailable(call)
            raise error
        said = {"call": call.id, "trace": call.trace}
        _diagnostics.error(
            "call %s was sent, and its answer could not be dealt with", call.id, exc_info=error, extra=said
        )
        if call.open:
            self.trail.ended(call, "failed")
        return problems.outcome_unknown(call)

    async def _refuse(self, call: Call, error: Malformed | Refused) -> Reply:
        """Answer with the record that says why; where none can be made, that is the answer."""
        if call.principal is not None and call.content is None:
            with contextlib.suppress(MaskingFailed):  # then nothing of what was asked is on record
                self.masks.request(call)
        if call.principal is None and not self.rejections.admits(call.inbound.ip):
            return problems.refused(call, error, None)
        try:
            receipt = await self.trail.refused(call, error.code, str(error))
            self.trail.locked_out(call, error.code)
            if error.code == "insufficient_scope":
                return problems.insufficient_scope(call, error, self.doorman.metadata_url(call), receipt)
            return problems.refused(call, error, receipt)
        except Unavailable:
            return problems.unavailable(call)

    async def _turn_away(self, call: Call, error: Unauthenticated) -> Reply:
        try:
            receipt = await self.rejections.identity(error, call.inbound.ip)
        except Unavailable:
            return problems.unavailable(call)
        return problems.unauthenticated(call, error, self.doorman.metadata_url(call), receipt)
