"""The evidence store in a folder: files that are created once and never replaced.

Each object is written under a temporary name elsewhere on the same file system, made durable, and then linked to its
name, which fails if the name is taken: so a name is never there without its whole, durable content.
Never deletes or replaces what has a name.

Source: architecture "Ports"; evidence-format sections 1 and 2.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path

from affidavit.adapters.embedded.disk import WRITE_ONCE, Disk, mend
from affidavit.errors import Malformed, OutcomeUnknown, Unavailable
from affidavit.evidence.names import OBJECT

SYNC_EACH = 12  # files; more are made durable by one syncfs: measured 0.26 ms a file against 0.2 to 1.2 ms for all

_TEMPORARY = re.compile(r"\d+-[0-9a-f]{8}-\d+", re.ASCII)


class Scratch:
    """Where files are written before they have a name: one folder, on the same file system as what they become."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = str(folder)
        self._disk = disk
        self._numbers = count()
        self._open = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._unique = f"{os.getpid()}-{os.urandom(4).hex()}"  # a number of a process comes again, this does not

    def new_path(self) -> str:
        """Return a path that nobody else uses."""
        return f"{self._folder}/{self._unique}-{next(self._numbers)}"

    def write(self, bodies: list[bytes], *, mode: int = WRITE_ONCE) -> list[str]:
        """Write durable files, and return their paths in the same order; raises `OSError`, leaving none."""
        paths = [self.new_path() for _ in bodies]
        each = len(bodies) <= SYNC_EACH
        try:
            for path, body in zip(paths, bodies, strict=True):
                self._disk.write_new(path, body, mode=mode, sync=each)
            if not each:
                self._disk.sync_all(self._open)
        except OSError:
            self.remove(paths)
            raise
        return paths

    def remove(self, paths: list[str]) -> None:
        """Remove what is still there; what cannot be removed is left for `sweep`."""
        for path in paths:
            with contextlib.suppress(OSError):
                self._disk.unlink(path)

    def sweep(self, older_than: float) -> None:
        """Remove what processes that were killed left behind.

        Args:
            older_than: Seconds since 1970: younger files may be in use.
        """
        for entry in os.scandir(self._folder):
            with contextlib.suppress(OSError):
                if _TEMPORARY.fullmatch(entry.name) and entry.stat().st_mtime < older_than:
                    Path(entry.path).unlink()


class DirectoryStore:
    """An `EvidenceStore`: one folder is one bucket, and a name is a path in it."""

    def __init__(self, folder: Path, *, scratch: Scratch, disk: Disk) -> None:
        self._folder = str(folder)
        self._scratch = scratch
        self._disk = disk

    def create(self, objects: Mapping[str, bytes]) -> frozenset[str]:
        """Create all objects whose names are free, and return the names that were taken."""
        paths = {name: self._path(name) for name in objects}
        taken = {name for name, path in paths.items() if os.path.lexists(path)}
        try:
            temporary = self._scratch.write([body for name, body in objects.items() if name not in taken])
        except OSError as error:
            raise Unavailable(f"nothing was written: {mend(error)}") from error
        try:
            for name, path in zip((name for name in objects if name not in taken), temporary, strict=True):
                if not self._link(path, paths[name]):
                    taken.add(name)
        except OSError as error:
            raise Unavailable(f"not all objects were written: {mend(error)}") from error
        finally:
            self._scratch.remove(temporary)
        self._sync_folders(paths.values())  # those of taken names too: their creator may have died before this
        return frozenset(taken)

    def read(self, name: str) -> bytes | None:
        """Return the stored bytes, or None where there is no such object."""
        return read_file(self._path(name))

    def holds(self, name: str) -> bool:
        """Tell whether there is such an object, without reading it."""
        return os.path.lexists(self._path(name))

    def names(self, prefix: str, start: str = "") -> Iterator[str]:
        """Yield the names under a prefix in byte order, from `start` on."""
        folder = prefix.rpartition("/")[0]
        return _walk(self._folder, f"{folder}/" if folder else "", prefix, start)

    def _path(self, name: str) -> str:
        if not OBJECT.fullmatch(name):
            raise Malformed(f"not a name that an object may have: {name!r}", code="bad_name")
        return f"{self._folder}/{name}"

    def _link(self, temporary: str, path: str) -> bool:
        try:
            self._disk.link(temporary, path)
        except FileExistsError:
            return False
        except FileNotFoundError:
            make_folders(_folder_of(path), self._disk)
            with contextlib.suppress(FileExistsError):
                self._disk.link(temporary, path)
                return True
            return False
        return True

    def _sync_folders(self, paths: Iterable[str]) -> None:
        try:
            for folder in {_folder_of(path) for path in paths}:
                self._disk.sync_folder(folder)
        except OSError as error:
            raise OutcomeUnknown(f"the names of new objects may not be durable: {mend(error)}") from error


def make_folders(path: str, disk: Disk) -> None:
    """Create a folder and those above it, each durable in the one above; raises `OSError`."""
    above = _folder_of(path)
    if not Path(above).is_dir():
        make_folders(above, disk)
    with contextlib.suppress(FileExistsError):
        disk.make_folder(path)
    disk.sync_folder(above)


def read_file(path: str) -> bytes | None:
    """Return a file's bytes, or None where there is none.

    Raises:
        Unavailable: It is there and cannot be read.
    """
    try:
        with Path(path).open("rb", buffering=0) as file:
            return file.readall()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise Unavailable(f"an object cannot be read: {mend(error)}") from error


def _walk(root: str, folder: str, prefix: str, start: str) -> Iterator[str]:
    """Yield the names under `folder` ("" or ending in a slash) that begin with `prefix` and are not before `start`."""
    for name in _members(root, folder, prefix, start):
        if name.endswith("/"):
            yield from _walk(root, name, prefix, start)
        else:
            yield name


def _members(root: str, folder: str, prefix: str, start: str) -> list[str]:
    """Return what lies in a folder and is asked for, or may hold what is, in order.

    A folder's name is compared with its slash, because that is how the names of what it holds go on. What is not asked
    for is left out before sorting: a busy writer's folder holds a million names, of which the last few are wanted.
    """
    found: list[str] = []
    try:
        with os.scandir(f"{root}/{folder}") as entries:
            for entry in entries:
                name = folder + entry.name
                if name >= start and name.startswith(prefix) and not entry.is_dir():
                    found.append(name)
                elif entry.is_dir() and _may_hold(f"{name}/", prefix, start):
                    found.append(f"{name}/")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Unavailable(f"a folder of the store cannot be listed: {mend(error)}") from error
    found.sort()
    return found


def _may_hold(folder: str, prefix: str, start: str) -> bool:
    reaches = folder >= start or start.startswith(folder)
    return reaches and (folder.startswith(prefix) or prefix.startswith(folder))


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]
