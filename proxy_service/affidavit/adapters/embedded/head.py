"""The log as a folder: `checkpoint`, which moves, and `tile/…`, which do not.

The layout is C2SP tlog-tiles, so the folder can be served by any web server as it is.
Never reads what a checkpoint says.

Source: architecture "Ports" (`HeadStore`, embedded); C2SP tlog-tiles.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from affidavit.adapters.embedded.directory import DirectoryStore, Scratch, read_file
from affidavit.adapters.embedded.disk import Disk, mend
from affidavit.errors import Conflict, OutcomeUnknown, Unavailable

CHECKPOINT = "checkpoint"
_READABLE = 0o644


class DirectoryHead:
    """A `HeadStore`.

    Args:
        folder: The log's folder.
        lock: A file beside it, locked while the checkpoint is compared and replaced; it is no part of the log.
        scratch: On the same file system.
        disk: The system calls.
    """

    def __init__(self, folder: Path, *, lock: Path, scratch: Scratch, disk: Disk) -> None:
        self._folder = str(folder)
        self._lock = lock
        self._scratch = scratch
        self._disk = disk
        self._tiles = DirectoryStore(folder, scratch=scratch, disk=disk)

    def head(self) -> bytes | None:
        """Return the newest checkpoint as it is stored, or None before the first."""
        return read_file(f"{self._folder}/{CHECKPOINT}")

    def swap(self, old: bytes | None, new: bytes) -> None:
        """Replace the newest checkpoint, `old` being what `head` gave."""
        with self._locked():
            if self.head() != old:
                raise Conflict("another checkpoint was put there meanwhile")
            try:
                (temporary,) = self._scratch.write([new], mode=_READABLE)
            except OSError as error:
                raise Unavailable(f"the checkpoint was not replaced: {mend(error)}") from error
            try:
                self._disk.replace(temporary, f"{self._folder}/{CHECKPOINT}")
                self._disk.sync_folder(self._folder)
            except OSError as error:
                self._scratch.remove([temporary])
                raise OutcomeUnknown(f"the new checkpoint may not be durable: {mend(error)}") from error

    def tile(self, path: str) -> bytes | None:
        """Return a tile or entry bundle by its path, or None."""
        return self._tiles.read(path)

    def put_tiles(self, tiles: Mapping[str, bytes]) -> None:
        """Make tiles and entry bundles durable, path to body."""
        for path in sorted(self._tiles.create(tiles)):
            if self._tiles.read(path) != tiles[path]:
                raise Conflict(f"log/{path} holds other bytes; move it away, and it is derived again")

    def drop_partials(self, full: Iterable[str]) -> None:
        """Remove the partial tiles of these full ones; what cannot be removed is left."""
        for path in full:
            folder = Path(f"{self._folder}/{path}.p")
            with contextlib.suppress(OSError):
                for partial in os.scandir(folder):
                    Path(partial.path).unlink()
                folder.rmdir()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            file = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise Unavailable(f"the checkpoint cannot be locked: {mend(error)}") from error
        try:
            yield
        finally:
            os.close(file)
