"""What comes back: the messages of an answer, one JSON text or a stream that may break off and be taken up again.

Source: MCP 2025-11-25 "Resumability and Redelivery"; MCP 2026-07-28 "Receiving Messages" (no resuming).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from affidavit.connect import refusals
from affidavit.connect.gateway import Gateway
from affidavit.connect.http import SILENCE, Reply
from affidavit.connect.outgoing import Outgoing
from affidavit.connect.patience import Sleep
from affidavit.errors import Malformed, OutcomeUnknown
from affidavit.mcp.headers import JSON
from affidavit.mcp.jsonrpc import Message, parse_message
from affidavit.mcp.sse import EventParser, RawEvent

RETRY = 1.0  # seconds before a stream is taken up again, where it does not say
LONGEST_RETRY = 30.0  # seconds
RESUMPTIONS = 5  # in a row that bring nothing new
LINGER = 5.0  # seconds of silence after its answer until a stream is let go
MAX_EVENT = 40 * 1024 * 1024  # bytes

_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message for the client, in the bytes that it came in, under the headers of the answer that brought it."""

    raw: bytes
    message: Message
    headers: Mapping[str, str]


class Place:
    """Where in a stream one is.

    Attributes:
        last: The id of the last event that had one.
        pause: Seconds before the stream is taken up again.
        patience: Seconds of silence until the stream is given up.
        moved: Whether anything came since somebody last set it to False.
    """

    def __init__(self) -> None:
        self.last: str | None = None
        self.pause = RETRY
        self.patience = SILENCE
        self.moved = False

    def pass_by(self, event: RawEvent) -> None:
        """Notice an event."""
        self.moved = True
        if event.id is not None and "\0" not in event.id:
            self.last = event.id or None
        if event.retry is not None and event.retry.isascii() and event.retry.isdigit():
            self.pause = min(int(event.retry) / 1000, LONGEST_RETRY)


async def events(reply: Reply, place: Place) -> AsyncIterator[Incoming]:
    """Yield the messages of a stream until it ends.

    Raises:
        OutcomeUnknown: It broke off.
        Malformed: It brought what is no message.
    """
    parser = EventParser(MAX_EVENT)
    try:
        async for chunk in reply.chunks(lambda: place.patience):
            for event in parser.feed(chunk):
                place.pass_by(event)
                if event.data:
                    yield Incoming(event.data, parse_message(event.data), reply.headers)
    finally:
        reply.close()


class Answers:
    """Reads the answers to requests."""

    def __init__(self, gateway: Gateway, sleep: Sleep = asyncio.sleep) -> None:
        self._gateway = gateway
        self._sleep = sleep

    async def to(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        """Send a request and yield what comes until it is answered.

        Raises:
            Undelivered: No answer comes.
        """
        reply = await self._gateway.post(outgoing)
        if reply.body is not None:
            yield self._whole(outgoing, reply, reply.body)
            return
        try:
            async for incoming in self._streamed(outgoing, reply):
                yield incoming
        except Malformed as error:
            raise refusals.unreadable() from error

    def _whole(self, outgoing: Outgoing, reply: Reply, body: bytes) -> Incoming:
        if reply.status in (401, 403) or reply.content_type != JSON:
            raise self._refused(reply)
        try:
            message = parse_message(body)
        except Malformed as error:
            raise self._refused(reply) from error
        if message.kind == "response" and message.id == outgoing.message.id:
            return Incoming(body, message, reply.headers)
        # An error about a message that could not be read names none; the client would wait for ever.
        raise self._refused(reply)

    def _refused(self, reply: Reply) -> refusals.Undelivered:
        return refusals.unreadable() if reply.status in _SUCCESS else self._gateway.refusal(reply)

    async def _streamed(self, outgoing: Outgoing, reply: Reply) -> AsyncIterator[Incoming]:
        place, idle, answered = Place(), 0, False
        while not answered:
            place.moved = False
            try:
                async for incoming in events(reply, place):
                    if incoming.message.kind == "response" and incoming.message.id == outgoing.message.id:
                        answered = True
                        place.patience = LINGER
                    yield incoming
            except OutcomeUnknown:
                pass  # and what that means is decided below
            if not answered:
                idle = 0 if place.moved else idle + 1
                reply = await self._taken_up(outgoing, place, idle)

    async def _taken_up(self, outgoing: Outgoing, place: Place, idle: int) -> Reply:
        resumes = outgoing.version is None and place.last is not None
        if idle >= RESUMPTIONS or not (resumes or outgoing.is_safe):
            raise refusals.broken_off()
        await self._sleep(place.pause)
        reply = await (self._gateway.listen(place.last, resumes=True) if resumes else self._gateway.post(outgoing))
        if reply.body is not None:
            raise refusals.broken_off()
        return reply
