"""A copy of the buckets, read and listed: folders on a disk, whatever somebody may have put there.

Never writes, never follows a name that was not checked, never opens what is not a plain file.

Source: evidence-format sections 1, 2 and 9.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from affidavit.audit.verify.readable import Readable, ReadableBodies
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.names import RETENTION_CLASS

MAX_OBJECT = 64 * 1024 * 1024  # bytes; no object of the format has more, packed or not
_CHUNK = 1024 * 1024
_NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})


@dataclass(frozen=True, slots=True)
class Bucket:
    """One folder that is a bucket.

    Attributes:
        label: What stands before its names in findings: `evidence`, `bodies/<class>`, `log`.
        folder: Where it lies.
    """

    label: str
    folder: str

    def object(self, name: str) -> str:
        """Return an object's name as findings have it."""
        return f"{self.label}/{name}"

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes, or None where there is none.

        Raises:
            Malformed: What has that name is no plain file, or longer than any object.
            Unavailable: It is there and cannot be read.
        """
        return read_file(f"{self.folder}/{name}")

    def names(self, folder: str = "", start: str = "") -> Iterator[str]:
        """Yield the names in a folder and below that are not before `start`, in no order.

        Raises:
            Unavailable: A folder cannot be listed.
        """
        waiting = [folder]
        while waiting:
            inner = waiting.pop()
            for entry in _entries(f"{self.folder}/{inner}"):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{inner}{entry.name}/")
                elif (name := inner + entry.name) >= start:
                    yield name

    def members(self, folder: str) -> Iterator[tuple[str, bool]]:
        """Yield what lies directly in a folder: its name, and whether it is a folder; raises as `names`."""
        for entry in _entries(f"{self.folder}/{folder}"):
            yield entry.name, entry.is_dir(follow_symlinks=False)


@dataclass(slots=True)
class BodyBuckets:
    """The buckets of the retention classes.

    Attributes:
        roots: Folders that hold one folder for each class.
        single: Class to the one folder that is its bucket.
    """

    roots: Sequence[str] = ()
    single: Mapping[str, str] = field(default_factory=dict)
    _known: dict[str, Bucket] = field(default_factory=dict)

    @property
    def given(self) -> bool:
        """Whether there is anything to look in."""
        return bool(self.roots or self.single)

    def of(self, retention_class: str) -> Bucket:
        """Return the bucket of a class; a folder that is not there holds nothing."""
        known = self._known.get(retention_class)
        if known is None:
            known = Bucket(f"bodies/{retention_class}", self._folder(retention_class))
            if _is_folder(known.folder):
                self._known[retention_class] = known
        return known

    def classes(self) -> Iterator[str]:
        """Yield the classes that have a bucket here; raises `Unavailable`."""
        yield from self.single
        for root in self.roots:
            for entry in _entries(root):
                if RETENTION_CLASS.fullmatch(entry.name) and entry.is_dir() and entry.name not in self.single:
                    yield entry.name

    def strange(self) -> Iterator[str]:
        """Yield what lies among the class folders and is none, named as in findings; raises `Unavailable`."""
        for root in self.roots:
            for entry in _entries(root):
                if not (RETENTION_CLASS.fullmatch(entry.name) and entry.is_dir()):
                    yield f"bodies/{entry.name}"

    def _folder(self, retention_class: str) -> str:
        if retention_class in self.single:
            return self.single[retention_class]
        folders = [f"{root}/{retention_class}" for root in self.roots]
        return next((folder for folder in folders if _is_folder(folder)), folders[0] if folders else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """All that a verification reads; `log` is None where no log bucket was given."""

    evidence: Readable
    bodies: ReadableBodies
    log: Readable | None

    def form(self) -> tuple[str, list[str], dict[str, str], str] | None:
        """Return folders as plain values, for another process; None for what is no folders."""
        evidence, bodies, log = self.evidence, self.bodies, self.log
        if not (isinstance(evidence, Bucket) and isinstance(bodies, BodyBuckets) and isinstance(log, Bucket | None)):
            return None
        return evidence.folder, list(bodies.roots), dict(bodies.single), log.folder if log else ""

    @classmethod
    def of(cls, evidence: str, roots: Sequence[str], single: Mapping[str, str], log: str) -> Buckets:
        """Return the buckets that plain values name; an empty `log` means that none is given."""
        return cls(
            evidence=Bucket("evidence", evidence),
            bodies=BodyBuckets(roots, single),
            log=Bucket("log", log) if log else None,
        )


def read_file(path: str) -> bytes | None:
    """Return a plain file's bytes, or None where nothing has that path; raises as `Bucket.read`."""
    try:
        # Without O_NONBLOCK a pipe that somebody put there would make us wait for ever.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            return None
        raise Unavailable(f"cannot be read: {error.strerror}") from error
    try:
        return _read_all(file)
    except OSError as error:
        raise Unavailable(f"cannot be read: {error.strerror}") from error
    finally:
        os.close(file)


def _read_all(file: int) -> bytes:
    about = os.fstat(file)
    if not stat.S_ISREG(about.st_mode):
        raise Malformed("this is no plain file", code="not_a_file")
    parts: list[bytes] = []
    size = 0
    # One byte more than there should be, so that the first read nearly always tells that this is all.
    while part := os.read(file, min(max(about.st_size - size, 0), _CHUNK) + 1):
        parts.append(part)
        size += len(part)
        if size > MAX_OBJECT:
            raise Malformed("this is longer than 64 MiB", code="too_long")
        if size == about.st_size:
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            return
        raise Unavailable(f"cannot be listed: {error.strerror}") from error


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except OSError:
        return False
