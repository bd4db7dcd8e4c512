"""The bus in a folder: files of frames, one write and one fdatasync a publish.

After any failure the file is left as it is and the next publish goes to a new one: a write that failed has left a torn
end, and after an fsync that failed nobody knows what the disk holds. Each open file is locked, so that the reader knows
which ones cannot grow any more. Room is laid out ahead, because syncing bytes inside a file costs half of what syncing
a longer file costs (measured: 0.09 against 0.19 ms).

Source: architecture "Ports" (`Bus`, embedded); POSIX fdatasync(2); Linux flock(2).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from affidavit.adapters.embedded.directory import Scratch
from affidavit.adapters.embedded.disk import PRIVATE, Disk, mend
from affidavit.adapters.embedded.frames import encode_frames
from affidavit.clock import Clock
from affidavit.errors import OutcomeUnknown, Unavailable
from affidavit.evidence.ports import EvidenceObject

FILE_BYTES = 4 * 1024 * 1024  # then a new file is begun; so much is delivered again after a restart, at most


@dataclass(slots=True)
class _Open:
    """One file that is written: `end` is where the next frame goes, `kept` whether it holds what was promised."""

    file: int
    path: str
    end: int = 0
    kept: bool = False


class JournalBus:
    """A `Bus`: `<folder>/<writer>-<n>.journal`.

    Args:
        folder: Where the reader looks.
        writer: The writer's id; no other process writes under it.
        scratch: On the same file system.
        disk: The system calls.
        clock: Stamps the frames, so that the reader can tell how old they are.
        file_bytes: Room laid out for each file. A process that says little gives little.
    """

    def __init__(
        self, folder: Path, *, writer: str, scratch: Scratch, disk: Disk, clock: Clock, file_bytes: int = FILE_BYTES
    ) -> None:
        self._folder = str(folder)
        self._writer = writer
        self._scratch = scratch
        self._disk = disk
        self._clock = clock
        self._file_bytes = file_bytes
        self._number = 0
        self._current: _Open | None = None
        self._spare: Future[_Open] | None = None
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="journal")

    def publish(self, objects: Sequence[EvidenceObject]) -> None:
        """Make objects durable. One thread at a time."""
        frames = encode_frames(objects, self._clock())
        current = self._room_for(len(frames))
        try:
            self._disk.write_at(current.file, frames, current.end)
            self._disk.fdatasync(current.file)
        except OSError as error:
            self._leave(current)
            raise OutcomeUnknown(f"the journal was not written for certain: {mend(error)}") from error
        current.end += len(frames)
        current.kept = True
        if self._spare is None and current.end > self._file_bytes // 2:
            self._spare = self._ahead.submit(self._lay_out)

    def close(self) -> None:
        """Let go; what was published stays durable."""
        if self._current is not None:
            self._leave(self._current)
        if self._spare is not None:
            with contextlib.suppress(OSError):
                self._discard(self._spare.result())
        self._ahead.shutdown()

    def _room_for(self, size: int) -> _Open:
        if self._current is not None and self._current.kept and self._current.end + size > self._file_bytes:
            self._leave(self._current)
        if self._current is None:
            try:
                self._current = self._begin()
            except OSError as error:
                raise Unavailable(f"no journal can be begun: {mend(error)}") from error
        return self._current

    def _begin(self) -> _Open:
        spare, self._spare = self._spare, None
        laid_out = spare.result() if spare is not None and spare.exception() is None else self._lay_out()
        self._number += 1
        try:
            name = f"{self._folder}/{self._writer}-{self._number:06d}.journal"
            # It is locked already: from the moment it has a name, a reader must see that it may grow.
            self._disk.link(laid_out.path, name)
            self._disk.sync_folder(self._folder)
        except OSError:
            self._discard(laid_out)
            raise
        self._scratch.remove([laid_out.path])
        laid_out.path = name
        return laid_out

    def _lay_out(self) -> _Open:
        (path,) = self._scratch.write([bytes(self._file_bytes)], mode=PRIVATE)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            self._scratch.remove([path])
            raise
        return _Open(file, path)

    def _leave(self, current: _Open) -> None:
        """Never write this file again; if nothing in it was promised, it need not stay."""
        self._current = None
        if current.kept:
            os.close(current.file)
        else:
            self._discard(current)

    def _discard(self, laid_out: _Open) -> None:
        self._scratch.remove([laid_out.path])
        os.close(laid_out.file)
