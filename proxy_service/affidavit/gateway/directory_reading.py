"""Reads a directory again and again, and tells all instances what has changed.

One instance reads for all: whoever finds that the last complete reading is `EVERY` old. A reading that fails or is not
complete changes nothing and confirms nothing.

Source: identity-and-approvals "Who tells us that Ana left".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from affidavit.clock import MINUTE, SECOND, Clock, Micros
from affidavit.errors import AffidavitError
from affidavit.gateway.directory_changes import Changes
from affidavit.gateway.people import People
from affidavit.identity.reading import ReadUser, differences

EVERY: Micros = 5 * MINUTE  # identity-and-approvals
RETRY = 30.0  # seconds after one that failed: some twenty tries before its people are nobody's sponsors
SPREAD = 20.0  # seconds within which instances look, so that they do not all read at once

Read = Callable[[], Sequence[ReadUser]]

_diagnostics = logging.getLogger("affidavit.people")


class DirectoryReading:
    """Keeps one directory read.

    Args:
        name: The directory's.
        read: Reads all of it; blocks. Raises `Unavailable` or `Misconfigured` where it is not complete.
        spread: A number from 0 to 1 that is this instance's own.
    """

    def __init__(self, name: str, read: Read, *, people: People, changes: Changes, clock: Clock, spread: float) -> None:
        self._name = name
        self._read = read
        self._people = people
        self._changes = changes
        self._clock = clock
        self._spread = spread * SPREAD

    async def keep_current(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Read whenever it is time, until cancelled."""
        while True:
            await sleep(await self.step())

    async def step(self) -> float:
        """Read if it is time; return how many seconds to wait for the next look."""
        try:
            await self._people.refresh()
            due = self._due()
            if due > 0:
                return due
            await self.read()
        except AffidavitError as error:
            _diagnostics.error("the directory %s cannot be read: %s; tried again in %d s", self._name, error, RETRY)
            return RETRY
        except Exception:  # noqa: BLE001 whatever it was: without another try nobody would ever be locked out
            _diagnostics.exception("the directory %s cannot be read, in a way that nobody foresaw", self._name)
            return RETRY
        return self._due()

    async def read(self) -> None:
        """Read everything, store what has changed, and confirm it; raises what kept it from that."""
        began = self._clock()
        users = await asyncio.to_thread(self._read)
        made = await self._changes.make_all(lambda: differences(users, self._people.roster, self._name, began))
        await asyncio.to_thread(self._people.store.confirm, self._name, began)
        await self._people.refresh()
        if made:
            _diagnostics.info("the directory %s was read: %d of %d users changed", self._name, made, len(users))

    def _due(self) -> float:
        at = self._people.confirmed(self._name)
        return 0.0 if at is None else max(0.0, (at + EVERY - self._clock()) / SECOND + self._spread)
