"""The bridge: messages of a client's stdio to the gateway, and what comes back as it comes.

Notifications and answers go in the order in which they came; requests go beside each other. A request that gets no
answer gets an error, so that no client waits for ever. Nothing of a message's bytes is changed in either direction.

Source: MCP 2025-11-25 and 2026-07-28 "Transports", "Cancellation", "Lifecycle" (shutdown).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from affidavit.connect import refusals
from affidavit.connect.answers import Answers, Incoming
from affidavit.connect.beginnings import Beginnings
from affidavit.connect.gateway import Gateway
from affidavit.connect.news import News
from affidavit.connect.outgoing import INITIALIZE, INITIALIZED, LIST_TOOLS, Outgoing
from affidavit.connect.refusals import Undelivered
from affidavit.connect.stdio import MAX_LINE, Output, TooLong
from affidavit.connect.telling import Tell
from affidavit.connect.tool_headers import unsound
from affidavit.errors import Malformed
from affidavit.mcp.jsonrpc import Id, MalformedMessage, error_response, print_message

MAX_AT_ONCE = 64  # requests that are sent and not answered; further ones wait
MAX_WAITING = 1024  # requests in all
DRAIN = 10.0  # seconds for answers after the client has said its last; one that wants us gone sends SIGTERM

_PARSE_ERROR, _INVALID_REQUEST = -32700, -32600  # JSON-RPC 2.0 section 5.1
_NOT_JSON = frozenset({"not_utf8", "not_json", "bad_number", "duplicate_key", "too_deep"})
_ERRORS = 400  # statuses from here on (RFC 9110 section 15)
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"


class Bridge:
    """Carries messages in both directions.

    Args:
        gateway: Where they go.
        output: Where what comes back is written.
        tell: Hears what goes wrong.
    """

    def __init__(self, gateway: Gateway, output: Output, tell: Tell) -> None:
        self._gateway = gateway
        self._session = gateway.session
        self._answers = Answers(gateway)
        self._news = News(gateway, self._take, tell)
        self._output = output
        self._tell = tell
        self._requests: dict[Id, tuple[Outgoing, asyncio.Task[None]]] = {}
        self._room = asyncio.Semaphore(MAX_AT_ONCE)
        self._hello: asyncio.Task[None] | None = None
        beginnings = Beginnings(gateway, self._answers, self._news, tell)
        gateway.reopen = beginnings.session
        gateway.relist = beginnings.tools

    async def run(self, lines: AsyncIterator[bytes | TooLong], stopping: asyncio.Event) -> None:
        """Carry until the client has said its last, has gone, or somebody stops it."""
        reading = asyncio.ensure_future(self._read(lines))
        ends = [asyncio.ensure_future(event.wait()) for event in (stopping, self._output.gone)]
        try:
            await asyncio.wait((reading, *ends), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()  # where it failed, so does this
                await self._drain(ends)
        finally:
            for task in (reading, *ends):
                task.cancel()
            await self._close()

    async def _read(self, lines: AsyncIterator[bytes | TooLong]) -> None:
        async for line in lines:
            if isinstance(line, TooLong):
                await self._refuse(None, _INVALID_REQUEST, f"A line has at most {MAX_LINE} bytes.", "too_large")
                continue
            try:
                outgoing = Outgoing.read(line)
            except Malformed as error:
                rpc = _PARSE_ERROR if error.code in _NOT_JSON else _INVALID_REQUEST
                named = error.message_id if isinstance(error, MalformedMessage) else None
                await self._refuse(named, rpc, str(error), error.code)
                continue
            await self._dispatch(outgoing)

    async def _dispatch(self, outgoing: Outgoing) -> None:
        if not outgoing.is_request:
            await self._pass_on(outgoing)
        elif len(self._requests) >= MAX_WAITING:
            await self._refuse(outgoing.message.id, refusals.UNAVAILABLE, "Too many requests wait.", "overloaded")
        else:
            task = asyncio.ensure_future(self._request(outgoing, self._hello))
            self._requests[outgoing.message.id] = outgoing, task
            task.add_done_callback(lambda done: self._forget(outgoing, done))
            if outgoing.message.method == INITIALIZE:
                self._hello = task

    def _forget(self, outgoing: Outgoing, task: asyncio.Task[None]) -> None:
        known = self._requests.get(outgoing.message.id)
        if known is not None and known[1] is task:
            del self._requests[outgoing.message.id]
        if self._hello is task:
            self._hello = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._tell(f"a request failed here: {type(error).__name__}")

    async def _request(self, outgoing: Outgoing, hello: asyncio.Task[None] | None) -> None:
        await _ended(hello)  # whoever does not wait for the answer to `initialize` is in the session all the same
        try:
            async with contextlib.nullcontext() if outgoing.lasts else self._room:
                await self._answered(outgoing)
        except Undelivered as error:
            self._tell(str(error))
            await self._output.write(error_response(outgoing.message.id, error.rpc, str(error), error.data))
        except Exception as error:
            sentence = "The bridge itself failed; whether the message was sent is not known."
            data = {"code": "internal_error", "kind": type(error).__name__}
            await self._output.write(error_response(outgoing.message.id, refusals.OUTCOME_UNKNOWN, sentence, data))
            raise

    async def _answered(self, outgoing: Outgoing) -> None:
        acknowledged = False
        async for incoming in self._answers.to(outgoing):
            if incoming.message.method == _ACKNOWLEDGED:
                if acknowledged:
                    continue  # the stream was begun again, which is our business
                acknowledged = True
            if incoming.message.kind == "response":
                self._learn(outgoing, incoming)
            await self._output.write(self._shown(outgoing, incoming))

    def _shown(self, outgoing: Outgoing, incoming: Incoming) -> bytes:
        """Return what the client sees: the bytes as they came, but for tools that no client may follow."""
        if outgoing.message.method != LIST_TOOLS or outgoing.version is None or incoming.message.kind != "response":
            return incoming.raw
        listed = (incoming.message.result or {}).get("tools")
        tools = listed if type(listed) is list else []
        wrong = [tool for tool in tools if unsound(tool)]
        if not wrong:
            return incoming.raw
        for tool in wrong:
            self._tell(f"the tool {tool.get('name')} is left out: its x-mcp-header is none that MCP allows")
        kept = [tool for tool in tools if not unsound(tool)]
        return print_message({**incoming.message.value, "result": {**incoming.message.value["result"], "tools": kept}})

    def _learn(self, outgoing: Outgoing, incoming: Incoming) -> None:
        if outgoing.message.method == INITIALIZE:
            self._session.open(outgoing, incoming.message, incoming.headers)
        elif outgoing.message.method == LIST_TOOLS and outgoing.version is not None:
            self._gateway.tools.learn(incoming.message)

    async def _pass_on(self, outgoing: Outgoing) -> None:
        """Send what has no answer."""
        cancelled = self._requests.get(outgoing.cancels) if outgoing.cancels is not None else None
        if cancelled is not None and cancelled[0].version is not None:
            cancelled[1].cancel()  # closing its stream is the cancel
            return
        if outgoing.cancels is not None and self._session.version is None:
            return  # nothing that is under way, in no session
        await _ended(self._hello)
        await self._deliver(outgoing)
        if cancelled is not None:
            cancelled[1].cancel()
        if outgoing.message.method == INITIALIZED:
            self._news.start()

    async def _deliver(self, outgoing: Outgoing) -> None:
        what = outgoing.message.method or "an answer"
        try:
            reply = await self._gateway.post(outgoing)
        except Undelivered as error:
            self._tell(f"{what} was not delivered: {error}")
            return
        reply.close()
        if reply.status >= _ERRORS:
            self._tell(f"{what} was not taken: {self._gateway.refusal(reply)}")

    async def _take(self, incoming: Incoming) -> None:
        await self._output.write(incoming.raw)

    async def _refuse(self, message_id: Id, rpc: int, sentence: str, code: str) -> None:
        self._tell(f"a line was not taken: {sentence}")
        await self._output.write(error_response(message_id, rpc, sentence, {"code": code}))

    async def _drain(self, ends: Sequence[asyncio.Future[Any]]) -> None:
        """Wait for the answers that still come; whoever waits for nothing more is not kept."""
        waiting = {task for outgoing, task in self._requests.values() if not outgoing.lasts}
        if waiting:
            drained = asyncio.ensure_future(asyncio.wait(waiting, timeout=DRAIN))
            await asyncio.wait((drained, *ends), return_when=asyncio.FIRST_COMPLETED)
            drained.cancel()

    async def _close(self) -> None:
        self._news.stop()
        tasks = [task for _, task in self._requests.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._gateway.goodbye()


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        await asyncio.wait((task,))
