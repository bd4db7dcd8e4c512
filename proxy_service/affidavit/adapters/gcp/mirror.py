"""A bucket as a folder: what it holds is copied, and what was copied before and is the same object is left.

Names of the format become paths. Whatever else lies in the bucket is put beside them, under its name in percent-
encoding, so that a reader of the folder sees it and no name leads anywhere. A file's modification time is its object's
generation, microseconds since 1970, so an object that was replaced is known without reading it. What the bucket no
longer holds is moved away and never deleted: it may be all that is left of it.

Source: evidence-format section 2; AUDITORS.md (in which order a log that grows is copied).
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from affidavit.adapters.embedded.directory import DirectoryStore, Scratch
from affidavit.adapters.embedded.disk import Disk, mend
from affidavit.adapters.gcp.bucket import MAX_OBJECT, CloudBucket, Listed
from affidavit.errors import Unavailable

SIDE_BY_SIDE = 16  # downloads
AHEAD = 64  # objects that were asked for and not taken yet
_LONGEST = 200  # bytes of a file's name; file systems take 255

Seen = Callable[[str, Path], None]


@dataclass(slots=True)
class Mirror:
    """Copies of one bucket, one after another, in one folder.

    Attributes:
        folder: Where the copy is.
        aside: Where that goes which the bucket no longer holds; None: such files are removed.
        scratch: On the same file system.
        is_of_format: Tells which names become paths.
        set_aside: How many files were moved away.
    """

    bucket: CloudBucket
    folder: Path
    aside: Path | None
    scratch: Scratch
    is_of_format: Callable[[str], bool]
    set_aside: int = 0
    _made: set[Path] = field(default_factory=set)

    def update(self, seen: Seen) -> None:
        """Copy what is there, in byte order of the names as they are listed.

        Args:
            seen: Told each object's name and path, once it is there.

        Raises:
            Misconfigured: There is no such bucket, or it may not be read.
            Unavailable: Not everything could be copied.
        """
        try:
            self._update(seen)
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be written: {mend(error)}") from error

    def _update(self, seen: Seen) -> None:
        self._make(self.folder)
        before = _Ordered(self._files())
        waiting: deque[tuple[Listed, Path, Future[bool]]] = deque()
        pool = ThreadPoolExecutor(SIDE_BY_SIDE, "mirror")
        try:
            for listed in self.bucket.listed():
                path = self._path(listed.name)
                for name in before.up_to(listed.name):
                    self._move_away(name)
                was_there = before.passes(listed.name)
                if _is_copy(path, listed):
                    seen(listed.name, path)
                    continue
                if was_there:
                    self._move_away(listed.name)
                self._make(path.parent)
                waiting.append((listed, path, pool.submit(self._fetch, listed, path)))
                while len(waiting) >= AHEAD:
                    _take(waiting, seen)
            for name in before.rest():
                self._move_away(name)
            while waiting:
                _take(waiting, seen)
        finally:
            pool.shutdown(cancel_futures=True)

    def _files(self) -> Iterator[str]:
        names = DirectoryStore(self.folder, scratch=self.scratch, disk=Disk()).names("")
        return (name for name in names if self.is_of_format(name))

    def _path(self, name: str) -> Path:
        if self.is_of_format(name):
            return self.folder / name
        text = "%" + quote(name, safe="")
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}%{sha256(name.encode()).hexdigest()[:16]}"
        return self.folder / text

    def _make(self, folder: Path) -> None:
        if folder not in self._made:
            folder.mkdir(parents=True, exist_ok=True)
            self._made.add(folder)

    def _fetch(self, listed: Listed, path: Path) -> bool:
        """Copy one object, and tell whether it is still there."""
        temporary = Path(self.scratch.new_path())
        try:
            with temporary.open("wb") as file:
                generation: int | None = listed.generation
                if listed.size > MAX_OBJECT:
                    file.truncate(MAX_OBJECT + 1)  # no bytes are worth fetching: no object of the format is so long
                else:
                    generation = self.bucket.fetch(listed.name, file)
            if generation is None:
                return False
            os.utime(temporary, ns=(generation * 1000, generation * 1000))
            temporary.replace(path)
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {mend(error)}") from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return True

    def _move_away(self, name: str) -> None:
        path = self.folder / name
        if self.aside is None:
            path.unlink()
            return
        generation = path.stat().st_mtime_ns // 1000
        target = self.aside / f"{name}@{generation}"
        self._make(target.parent)
        path.replace(target)
        self.set_aside += 1


class _Ordered:
    """Names in byte order, walked along with another such list."""

    def __init__(self, names: Iterator[str]) -> None:
        self._names = names
        self._next = next(names, None)

    def up_to(self, name: str) -> Iterator[str]:
        """Yield those before a name."""
        while self._next is not None and self._next.encode() < name.encode():
            yield self._take()

    def passes(self, name: str) -> bool:
        """Go past a name, and tell whether it was there."""
        if self._next != name:
            return False
        self._take()
        return True

    def rest(self) -> Iterator[str]:
        """Yield all that are left."""
        while self._next is not None:
            yield self._take()

    def _take(self) -> str:
        taken, self._next = self._next or "", next(self._names, None)
        return taken


def _take(waiting: deque[tuple[Listed, Path, Future[bool]]], seen: Seen) -> None:
    listed, path, future = waiting.popleft()
    if future.result():
        seen(listed.name, path)


def _is_copy(path: Path, listed: Listed) -> bool:
    try:
        about = path.stat()
    except FileNotFoundError:
        return False
    size = min(listed.size, MAX_OBJECT + 1)
    return (about.st_size, about.st_mtime_ns) == (size, listed.generation * 1000)
