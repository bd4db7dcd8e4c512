"""Keeps this instance's people as the directories last said them: what one instance hears, all soon know.

Reads what is new in the store every `LOOK`. A directory that pushes is confirmed by every reading of the store, since
it says nothing while nothing changes; one that is read is confirmed by the time of its last complete reading. Where
the store or a directory is silent for too long, its people are nobody's sponsors any more.

Source: identity-and-approvals "Who tells us that Ana left".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from affidavit.clock import SECOND, Clock, Micros
from affidavit.errors import Unavailable
from affidavit.identity.directory import CONFIRMED, Directory, Heard, Person, Sponsor
from affidavit.identity.roster import Roster, RosterStore

LOOK = 2.0  # seconds between looks at the store: a change takes effect on every instance within 5

_diagnostics = logging.getLogger("affidavit.people")


class InactiveHeeded(Protocol):
    """Who is told which people the directories have locked out."""

    def directory(self, inactive: Mapping[str, str]) -> None:
        """Take all of them, by address, each with the directory that says so."""
        ...


class People:
    """The people of one instance.

    Args:
        store: What all instances share.
        pushing: The directories that push.
        reading: Those that are read.
        clock: Now.

    Attributes:
        roster: The newest state of every entry.
        heed: Called with the people whenever they have changed.
        standing: Told who is inactive whenever that has changed.
    """

    def __init__(self, store: RosterStore, *, pushing: Iterable[str], reading: Iterable[str], clock: Clock) -> None:
        self.store = store
        self._pushing, self._reading = tuple(pushing), tuple(reading)
        self.roster = Roster((*self._pushing, *self._reading))
        self.heed: Callable[[Directory], None] = lambda _: None
        self.standing: InactiveHeeded | None = None
        self._clock = clock
        self._confirmed: dict[str, Micros] = {}
        self._counting: frozenset[str] = frozenset()
        self._silent: frozenset[str] = frozenset()
        self._said: dict[str, str] = {}
        self._opened = clock()
        self._failed = False
        self._one_at_a_time = asyncio.Lock()
        self._people: tuple[Person, ...] = ()
        self._sponsors: tuple[Sponsor, ...] = ()

    def known(self, people: Iterable[Person], sponsors: Iterable[Sponsor]) -> Directory:
        """Take the file's people and sponsors; return everybody."""
        self._people, self._sponsors = tuple(people), tuple(sponsors)
        return self._directory()

    async def refresh(self) -> None:
        """Take what is new in the store; a change has taken effect here when this returns.

        Raises:
            Unavailable: The store does not answer.
        """
        async with self._one_at_a_time:
            began = self._clock()
            news = await asyncio.to_thread(self.store.since, self.roster.position)
            self._confirmed.update(dict.fromkeys(self._pushing, began))
            self._confirmed.update({name: at for name, at in news.confirmed.items() if name in self._reading})
            changed = self.roster.take(news)
            counting = self._judge()
            if changed or counting:
                self._tell()

    async def keep_current(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await sleep(LOOK)

    async def look(self) -> None:
        """Look once, and say it where that fails."""
        try:
            await self.refresh()
        except Unavailable as error:
            if not self._failed:
                _diagnostics.warning("what the directories say cannot be read now: %s", error)
            self._failed = True
            self._lapse()
        except Exception:  # noqa: BLE001 whatever it was: without another look nobody would ever be locked out
            _diagnostics.exception("what the directories say cannot be read, in a way that nobody foresaw")
            self._lapse()
        else:
            self._failed = False

    def confirmed(self, directory: str) -> Micros | None:
        """Return when a directory was last confirmed."""
        return self._confirmed.get(directory)

    def read(self) -> Mapping[str, Any]:
        """Return what `/readyz` shows: how long ago each directory was confirmed, in seconds; None for never."""
        now = self._clock()
        ages = {name: self._confirmed.get(name) for name in (*self._pushing, *self._reading)}
        return {name: None if at is None else round((now - at) / SECOND, 3) for name, at in ages.items()}

    def _judge(self) -> bool:
        """Find which directories count now, loudly where one does no longer; return whether that has changed."""
        now = self._clock()
        names = frozenset((*self._pushing, *self._reading))
        counting = frozenset(name for name in names if now < self._confirmed.get(name, 0) + CONFIRMED)
        patience = frozenset() if now >= self._opened + CONFIRMED else names - self._confirmed.keys()
        silent = names - counting - patience
        for name in sorted(silent - self._silent):
            _diagnostics.error(
                "the directory %s was not confirmed for %d minutes: its people are nobody's sponsors until it is",
                name,
                CONFIRMED // (60 * SECOND),
            )
        for name in sorted(self._silent & counting):
            _diagnostics.warning("the directory %s is confirmed again", name)
        changed, self._counting, self._silent = counting != self._counting, counting, silent
        return changed

    def _lapse(self) -> None:
        if self._judge():
            self._tell()

    def _tell(self) -> None:
        if self.standing is not None and self._said != self.roster.inactive:
            self._said = dict(self.roster.inactive)
            self.standing.directory(self._said)
        self.heed(self._directory())

    def _directory(self) -> Directory:
        heard = Heard(self.roster, self._confirmed)
        return Directory(self._people, self._sponsors, heard, clock=self._clock)
