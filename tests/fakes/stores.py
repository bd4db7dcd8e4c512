"""Stores in memory that enforce their ports' laws, with every fault twice: failed, and failed *but persisted*."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from affidavit.errors import Conflict, OutcomeUnknown, Unavailable
from affidavit.evidence.intake import Stores

T = TypeVar("T")


class Stopped(BaseException):
    """The process ends here: nobody catches this, as nobody catches `kill -9`."""


class Faults:
    """Counts writes and breaks the ones that a test names.

    `stop_at(n, done=False)` ends the process before the n-th write from now (1 is the next), `done=True` after it;
    `fail(times, persisted=…)` makes the next writes fail, `fail_at(n, persisted=…)` the n-th.
    """

    def __init__(self) -> None:
        self.writes = 0
        self._stop: tuple[int, bool] | None = None
        self._failing: dict[int, bool] = {}

    def stop_at(self, number: int, *, done: bool) -> None:
        self._stop = (self.writes + number, done)

    def fail(self, times: int = 1, *, persisted: bool) -> None:
        for number in range(1, times + 1):
            self.fail_at(number, persisted=persisted)

    def fail_at(self, number: int, *, persisted: bool) -> None:
        self._failing[self.writes + number] = persisted

    def clear(self) -> None:
        self._stop = None
        self._failing.clear()

    def write(self, act: Callable[[], T]) -> T:
        """Do one write, or what a test wants instead."""
        self.writes += 1
        failing = self._failing.pop(self.writes, None)
        if failing is False:
            raise Unavailable("no space left: free some")
        if self._stop == (self.writes, False):
            raise Stopped
        result = act()
        if self._stop == (self.writes, True):
            raise Stopped
        if failing is True:
            raise OutcomeUnknown("the answer was lost")
        return result


class MemoryStore:
    """An `EvidenceStore`. Law: what was created once is never another."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults = faults or Faults()

    def create(self, objects: Mapping[str, bytes]) -> frozenset[str]:
        return self.faults.write(lambda: self._create(objects))

    def _create(self, objects: Mapping[str, bytes]) -> frozenset[str]:
        taken = frozenset(self.objects.keys() & objects.keys())
        self.objects.update({name: bytes(data) for name, data in objects.items() if name not in taken})
        return taken

    def read(self, name: str) -> bytes | None:
        return self.objects.get(name)

    def holds(self, name: str) -> bool:
        return name in self.objects

    def names(self, prefix: str, start: str = "") -> Iterator[str]:
        yield from sorted(name for name in self.objects if name.startswith(prefix) and name >= start)


def memory_stores(faults: Faults | None = None) -> Stores:
    """Return all buckets of one deployment, in memory; `faults` counts the writes of the evidence bucket alone."""
    bodies: dict[str, MemoryStore] = {}
    return Stores(
        evidence=MemoryStore(faults),
        bodies=lambda name: bodies.setdefault(name, MemoryStore()),
        quarantine=MemoryStore(),
    )


class MemoryHead:
    """A `HeadStore`. Law: only what is expected is replaced, and a tile is never another."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.checkpoint: bytes | None = None
        self.tiles: dict[str, bytes] = {}
        self.faults = faults or Faults()

    def head(self) -> bytes | None:
        return self.checkpoint

    def swap(self, old: bytes | None, new: bytes) -> None:
        if self.checkpoint != old:
            raise Conflict("another checkpoint was put there meanwhile")
        self.faults.write(lambda: setattr(self, "checkpoint", new))

    def tile(self, path: str) -> bytes | None:
        return self.tiles.get(path)

    def put_tiles(self, tiles: Mapping[str, bytes]) -> None:
        different = [path for path, body in tiles.items() if self.tiles.get(path, body) != body]
        if different:
            raise Conflict(f"log/{different[0]} holds other bytes")
        self.faults.write(lambda: self.tiles.update(tiles))

    def drop_partials(self, full: Iterable[str]) -> None:
        assert all(path in self.tiles for path in full), "law: a partial tile goes only when the full one is there"
        for path in [path for path in self.tiles if any(path.startswith(f"{one}.p/") for one in full)]:
            del self.tiles[path]
