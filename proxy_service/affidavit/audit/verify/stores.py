"""Buckets read through a store's port: Cloud Storage, or whatever else gives names in order and objects by name.

Commits are fetched ahead, side by side, since each is asked for only when the one before it was read.

Never writes, never lists what nobody asked for.

Source: evidence-format section 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from affidavit.audit.verify.buckets import MAX_OBJECT, Buckets
from affidavit.audit.verify.readable import Readable
from affidavit.errors import Malformed
from affidavit.evidence.names import RETENTION_CLASS

AHEAD = 128  # commits that are fetched before they are asked for
REMEMBERED = 4 * AHEAD  # of those that were fetched, for whoever reads them once more
_COMMITS = "commit/"
_AFTER_SLASH = "0"  # the character after `/`


class Store(Protocol):
    """The half of an `EvidenceStore` that reads."""

    def read(self, name: str) -> bytes | None:
        """Return the stored bytes, or None where there is no such object."""
        ...

    def names(self, prefix: str, start: str = "") -> Iterator[str]:
        """Yield the names under a prefix in byte order, from `start` on."""
        ...


@dataclass(frozen=True, slots=True)
class StoreBucket:
    """One bucket behind a store.

    Attributes:
        label: What stands before its names in findings.
        store: Where it is read.
    """

    label: str
    store: Store
    _fetched: dict[str, bytes] = field(default_factory=dict, repr=False)

    def object(self, name: str) -> str:
        """Return an object's name as findings have it."""
        return f"{self.label}/{name}"

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes, or None where there is none; raises `Malformed`, `Unavailable`."""
        data = self._commit(name) if name.startswith(_COMMITS) else self.store.read(name)
        if data is not None and len(data) > MAX_OBJECT:
            raise Malformed("this is longer than 64 MiB", code="too_long")
        return data

    def names(self, folder: str = "", start: str = "") -> Iterator[str]:
        """Yield the names in a folder and below that are not before `start`; raises `Unavailable`."""
        return self.store.names(folder, start)

    def members(self, folder: str) -> Iterator[tuple[str, bool]]:
        """Yield what lies directly in a folder; each folder in it costs one listing more; raises `Unavailable`."""
        start = folder
        while (name := next(iter(self.store.names(folder, start)), None)) is not None:
            member, slash, _ = name.removeprefix(folder).partition("/")
            yield member, bool(slash)
            start = f"{folder}{member}{_AFTER_SLASH if slash else chr(0)}"

    def _commit(self, name: str) -> bytes | None:
        if name not in self._fetched:
            self._fetch(name)
        return self._fetched.get(name)

    def _fetch(self, name: str) -> None:
        """Fetch a commit and those after it; nothing where it is not the next one that is there."""
        names = list(islice(self.store.names(_COMMITS, name), AHEAD))
        if not names or names[0] != name:
            return
        while len(self._fetched) > REMEMBERED - AHEAD:
            del self._fetched[next(iter(self._fetched))]
        with ThreadPoolExecutor(min(len(names), 16), "commits") as executor:
            for each, data in zip(names, executor.map(self.store.read, names), strict=True):
                if data is not None:
                    self._fetched[each] = data


@dataclass(frozen=True, slots=True)
class StoreBodies:
    """The body buckets, each by its class; no others are looked for."""

    buckets: Mapping[str, Readable]

    @property
    def given(self) -> bool:
        """Whether there is one."""
        return bool(self.buckets)

    def of(self, retention_class: str) -> Readable:
        """Return the bucket of a class; an empty one where none was given."""
        return self.buckets.get(retention_class) or StoreBucket(f"bodies/{retention_class}", _Nothing())

    def classes(self) -> Iterator[str]:
        """Yield the classes that have a bucket."""
        yield from self.buckets

    def strange(self) -> Iterator[str]:
        """Yield nothing: among buckets that were named one by one lies nothing else."""
        yield from ()


class _Nothing:
    def read(self, name: str) -> bytes | None:
        del name
        return None

    def names(self, prefix: str, start: str = "") -> Iterator[str]:
        del prefix, start
        yield from ()


def store_buckets(evidence: Store, bodies: Mapping[str, Store], log: Store | None) -> Buckets:
    """Return the buckets behind stores; `bodies` by retention class."""
    classes = {
        name: StoreBucket(f"bodies/{name}", store) for name, store in bodies.items() if RETENTION_CLASS.fullmatch(name)
    }
    return Buckets(
        evidence=StoreBucket("evidence", evidence),
        bodies=StoreBodies(classes),
        log=StoreBucket("log", log) if log is not None else None,
    )
