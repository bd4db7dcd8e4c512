"""A store of users and groups in memory, with every fault twice: failed, and failed *but persisted*."""

from __future__ import annotations

from collections.abc import Sequence

from affidavit.clock import Micros
from affidavit.errors import Conflict
from affidavit.identity.roster import Entry, News
from fakes.stores import Faults


class MemoryRoster:
    """A `RosterStore`. Laws: the next version once, a living name once, all or none."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.reads = 0
        self.silent: Exception | None = None  # what reading raises
        self._entries: dict[tuple[str, str, str], tuple[int, Entry]] = {}
        self._confirmed: dict[str, Micros] = {}
        self._last = 0

    def put(self, entries: Sequence[Entry]) -> None:
        self.faults.write(lambda: self._put(entries))

    def since(self, position: int) -> News:
        self.reads += 1
        if self.silent is not None:
            raise self.silent
        rest = sorted((one for one in self._entries.values() if one[0] > position), key=lambda one: one[0])
        return News(max(position, self._last), [entry for _, entry in rest], dict(self._confirmed))

    def confirm(self, directory: str, at: Micros) -> None:
        self.faults.write(lambda: self._confirmed.update({directory: max(at, self._confirmed.get(directory, 0))}))

    def close(self) -> None:
        pass

    def _put(self, entries: Sequence[Entry]) -> None:
        fresh = [one for one in entries if self._known(one) != one]
        for one in fresh:
            known = self._known(one)
            if one.version != (known.version if known else 0) + 1:
                raise Conflict("it was changed meanwhile")
        places = {one.place for one in fresh}
        living = [one for _, one in self._entries.values() if one.place not in places]
        claims = [one.claim for one in (*living, *fresh) if not one.deleted]
        if len(set(claims)) != len(claims):
            raise Conflict("the name is taken")
        for one in fresh:
            self._last += 1
            self._entries[one.place] = self._last, one

    def _known(self, entry: Entry) -> Entry | None:
        return self._entries.get(entry.place, (0, None))[1]
