"""Reads segments before they are asked for: a bucket answers in some 30 ms, and a chain is read one by one.

Source: evidence-format section 2 (objects are created once and never change, so it does not matter when one is read).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from affidavit.evidence.ports import EvidenceStore

AHEAD = 16  # objects that are read at once; half as many as there are connections that stay open
MAX_LISTED = 200_000  # names whose followers are in memory
MAX_AHEAD = 128  # objects that were read and not asked for yet
SMALL = 2 * 1024 * 1024  # bytes of the longest that is read ahead; a recorder's segments have half of it


class ReadAhead:
    """An `EvidenceStore` for one thread, which reads in the order in which it lists.

    Args:
        store: What it reads.
        small: The same, which refuses what is longer than `SMALL`, for reading ahead: anybody's objects are, and 128 of
            64 MiB would end the process. None: the store itself.
    """

    def __init__(self, store: EvidenceStore, small: EvidenceStore | None = None) -> None:
        self._store = store
        self._small = small or store
        self._pool = ThreadPoolExecutor(AHEAD, "read-ahead")
        self._follower: dict[str, str] = {}
        self._ahead: dict[str, Future[bytes | None]] = {}

    def create(self, objects: Mapping[str, bytes]) -> frozenset[str]:
        """See `EvidenceStore.create`."""
        return self._store.create(objects)

    def names(self, prefix: str, start: str = "") -> Iterator[str]:
        """See `EvidenceStore.names`; takes note of the order of segments."""
        before = ""
        for name in self._store.names(prefix, start):
            if before and name.startswith("segment/"):
                if len(self._follower) >= MAX_LISTED:
                    self._follower.clear()
                self._follower[before] = name
            before = name
            yield name

    def read(self, name: str) -> bytes | None:
        """See `EvidenceStore.read`."""
        future = self._ahead.pop(name, None)
        self._look_ahead(name)
        # What failed while nobody asked is no answer, only lost time.
        data = future.result() if future is not None and future.exception() is None else None
        return self._store.read(name) if data is None else data

    def _look_ahead(self, name: str) -> None:
        following = self._follower.pop(name, None)
        for _ in range(AHEAD):
            if following is None:
                return
            if following not in self._ahead:
                self._ahead[following] = self._pool.submit(self._small.read, following)
            following = self._follower.get(following)
        while len(self._ahead) > MAX_AHEAD:
            self._ahead.pop(next(iter(self._ahead))).cancel()
