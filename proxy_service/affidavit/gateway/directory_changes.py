"""A change of a person or a group: stored for all instances, and on record.

What gives somebody more is on record before it is stored; what takes away is stored first. So nobody is let in
unrecorded, and nobody stays in because records fail.

Source: evidence-format section 5, `directory:changed`; identity-and-approvals "Who tells us that Ana left".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

from affidavit.errors import Conflict, Unavailable
from affidavit.evidence.recorder import Recorder
from affidavit.gateway.people import People
from affidavit.identity.reading import Change
from affidavit.identity.roster import MANY, Entry

TRIES = 5  # to put a change; each time somebody else changed the same meanwhile
_CLASS = "standard"  # of the bodies: as all that belongs to no upstream

Make = Callable[[], Change]
Say = Callable[..., Awaitable[object]]


class Changes:
    """Makes changes, one at a time in this process."""

    def __init__(self, people: People, recorder: Recorder) -> None:
        self._people = people
        self._recorder = recorder
        self._writing = asyncio.Lock()

    async def make(self, make: Make) -> Change:
        """Make a change, store it, and have it on record; return what was before, and what is now.

        Raises:
            ScimProblem: `make` says that it cannot be made.
            Unavailable, OutcomeUnknown: It may have been stored, and may not be on record; doing it again is right.
        """
        async with self._writing:
            for _ in range(TRIES):
                await self._people.refresh()
                change = make()
                try:
                    await (self._take_away if takes_away(*change) else self._give)([change])
                except Conflict:
                    continue
                return change
        raise Unavailable("others change the same all the time")

    async def make_all(self, find: Callable[[], Sequence[Change]]) -> int:
        """Make many changes, what takes away first; return how many.

        Args:
            find: Returns them, by what the roster says now.

        Raises:
            Unavailable, OutcomeUnknown: Some may have been made; finding the rest and making it again is right.
        """
        async with self._writing:
            for _ in range(TRIES):
                await self._people.refresh()
                changes = find()
                less = [one for one in changes if takes_away(*one)]
                more = [one for one in changes if not takes_away(*one)]
                try:
                    for start in range(0, len(less), MANY):
                        await self._take_away(less[start : start + MANY])
                    for start in range(0, len(more), MANY):
                        await self._give(more[start : start + MANY])
                except Conflict:
                    continue
                return len(changes)
        raise Unavailable("others change the same all the time")

    async def _give(self, changes: Sequence[Change]) -> None:
        self._recorder.check()
        await self._record(changes, self._recorder.intend)
        await self._put(changes)

    async def _take_away(self, changes: Sequence[Change]) -> None:
        await self._put(changes)
        await self._record(changes, self._recorder.conclude)

    async def _put(self, changes: Sequence[Change]) -> None:
        fresh = [after for before, after in changes if after is not before]
        if fresh:
            await asyncio.to_thread(self._people.store.put, fresh)
            await self._people.refresh()

    async def _record(self, changes: Sequence[Change], say: Say) -> None:
        said = await asyncio.gather(*(self._say(*one, say) for one in changes), return_exceptions=True)
        for one in said:
            if isinstance(one, BaseException):
                raise one

    async def _say(self, before: Entry | None, after: Entry, say: Say) -> None:
        kept = json.dumps(after.attributes, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        body = self._recorder.body(kept.encode(), _CLASS)
        fields = {
            "directory": after.directory,
            "what": after.kind,
            "id": after.id,
            "how": "deleted" if after.deleted else "created" if before is None else "changed",
            "email": after.addresses[0] if after.kind == "user" and after.addresses else None,
            "active": after.active,
            "resource": {**body.reference(), "media_type": "application/json"},
        }
        await say("directory:changed", fields, (body,))


def takes_away(before: Entry | None, after: Entry) -> bool:
    """Tell whether a change gives nobody anything: someone inactive, something deleted, members fewer."""
    if before is None:
        return False
    if after.kind == "user":
        return not after.active
    return after.deleted or (after.name == before.name and set(after.members) <= set(before.members))
