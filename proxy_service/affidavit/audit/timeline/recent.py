"""The last calls of a data folder, without reading all that came before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from affidavit.audit.timeline.entries import CallEntry, Entry
from affidavit.audit.timeline.reader import Reader
from affidavit.audit.timeline.weave import Weaver
from affidavit.clock import DAY, MINUTE, SECOND, Micros

# How far back it is looked, until there are calls enough; the next is tried where there are not.
_WINDOWS: tuple[Micros, ...] = (5 * SECOND, MINUTE, 10 * MINUTE, 120 * MINUTE, DAY, 10 * DAY, 100 * DAY)

_NEWEST = 8  # writers that are asked: gateways that speak at the same time


class LastCalls:
    """Entries from the n-th last call on; so many are remembered, and no more.

    Attributes:
        count: How many calls there are among them.
    """

    def __init__(self, calls: int) -> None:
        self._most = calls
        self._entries: deque[Entry] = deque()
        self.count = 0

    def add(self, entry: Entry) -> None:
        """Take the next entry."""
        self._entries.append(entry)
        self.count += _counts(entry)
        while self._entries and self._is_too_much(self._entries[0]):
            self.count -= _counts(self._entries.popleft())

    def entries(self) -> list[Entry]:
        """Return them in order."""
        return list(self._entries)

    def _is_too_much(self, first: Entry) -> bool:
        return self.count > self._most or (self.count == self._most and not _counts(first))


def last_calls(reader: Reader, new_weaver: Callable[[], Weaver], calls: int) -> tuple[Weaver, list[Entry]]:
    """Return the entries from the n-th last call on, and the weaver that still waits for what goes on."""
    newest = _newest(reader)
    for window in (*_WINDOWS, newest):
        weaver, last = new_weaver(), LastCalls(calls)
        for item in reader.since(newest - window):
            weaver.take(item)
            for entry in weaver.ready(item.at):
                last.add(entry)
        if last.count >= calls:
            break
    return weaver, last.entries()


def _newest(reader: Reader) -> Micros:
    """Return a time with not much after it: of the newest commit, or of what the newest writers have said last."""
    return max([reader.commits.newest(), *(reader.chain(one).newest() for one in reader.writers()[-_NEWEST:])])


def _counts(entry: Entry) -> bool:
    return isinstance(entry, CallEntry) and (entry.acts or entry.refused)
