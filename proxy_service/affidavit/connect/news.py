"""The stream on which a legacy server says what nobody asked for: opened once a session is there, and kept open.

Source: MCP 2025-11-25 "Listening for Messages from the Server".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from affidavit.connect.answers import Incoming, Place, events
from affidavit.connect.gateway import Gateway
from affidavit.connect.patience import LONGEST, Sleep
from affidavit.connect.refusals import Undelivered
from affidavit.connect.telling import Tell
from affidavit.errors import Malformed, OutcomeUnknown

_OK = 200

Take = Callable[[Incoming], Awaitable[None]]


class News:
    """Listens, one stream at a time.

    Args:
        gateway: Where.
        take: Given each message that comes.
        tell: Hears why it ended.
    """

    def __init__(self, gateway: Gateway, take: Take, tell: Tell, sleep: Sleep = asyncio.sleep) -> None:
        self._gateway = gateway
        self._take = take
        self._tell = tell
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None
        self._session = 0

    def start(self) -> None:
        """Listen for the session that there is now; a stream of the one before is let go."""
        session, task = self._gateway.session.opened, self._task
        # The task that found the old session gone goes on in the new one by itself.
        if task is not None and not task.done() and (session == self._session or task is asyncio.current_task()):
            self._session = session
            return
        self.stop()
        if self._gateway.session.id is not None:
            self._session = session
            self._task = asyncio.ensure_future(self._run())

    def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        place = Place()
        pause = place.pause
        while True:
            place.moved = False
            if not await self._listened(place):
                return
            pause = place.pause if place.moved else min(max(pause, place.pause) * 2, LONGEST)
            await self._sleep(pause)

    async def _listened(self, place: Place) -> bool:
        """Listen until the stream ends; return whether it is worth asking for another."""
        try:
            reply = await self._gateway.listen(place.last)
        except Undelivered as error:
            self._tell(f"listening for news: {error}")
            return True
        if reply.body is not None:  # 405: there is no such stream
            return False
        try:
            async for incoming in events(reply, place):
                await self._take(incoming)
        except OutcomeUnknown:
            pass  # it broke off, as streams do
        except Malformed:
            self._tell("what came on the stream of news is no message; listening again")
        return True
