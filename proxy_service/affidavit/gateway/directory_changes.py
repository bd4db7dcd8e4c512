"""A change of a person or a group: stored for all instances, and on record.

What gives somebody more is on record before it is stored; what takes away is stored first. So nobody is let in
unrecorded, and nobody stays in because records fail.

Source: evidence-format section 5, `directory:changed`; identity-and-approvals "Who tells us that Ana left".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from affidavit.errors import Conflict, Unavailable
from affidavit.evidence.recorder import Recorder
from affidavit.gateway.people import People
from affidavit.identity.roster import Entry

TRIES = 5  # to put a change; each time somebody else changed the same meanwhile
_CLASS = "standard"  # of the bodies: as all that belongs to no upstream

Make = Callable[[], tuple[Entry | None, Entry]]


class Changes:
    """Makes changes, one at a time in this process."""

    def __init__(self, people: People, recorder: Recorder) -> None:
        self._people = people
        self._recorder = recorder
        self._writing = asyncio.Lock()

    async def make(self, make: Make) -> Entry:
        """Make a change, store it, and have it on record.

        Raises:
            ScimProblem: `make` says that it cannot be made.
            Unavailable, OutcomeUnknown: It may have been stored, and may not be on record; doing it again is right.
        """
        async with self._writing:
            for _ in range(TRIES):
                await self._people.refresh()
                before, after = make()
                try:
                    await (self._take_away if takes_away(before, after) else self._give)(before, after)
                except Conflict:
                    continue
                return after
        raise Unavailable("others change the same all the time")

    async def _give(self, before: Entry | None, after: Entry) -> None:
        self._recorder.check()
        await self._record(before, after, self._recorder.intend)
        await self._put(before, after)

    async def _take_away(self, before: Entry | None, after: Entry) -> None:
        await self._put(before, after)
        await self._record(before, after, self._recorder.conclude)

    async def _put(self, before: Entry | None, after: Entry) -> None:
        if after is not before:
            await asyncio.to_thread(self._people.store.put, [after])
            await self._people.refresh()

    async def _record(self, before: Entry | None, after: Entry, say: Callable[..., Awaitable[object]]) -> None:
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
