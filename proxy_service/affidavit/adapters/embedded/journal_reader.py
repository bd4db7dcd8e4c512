"""What lies in the journal, in order, until it is delivered.

How far it has read is kept in memory only: a reader that starts again delivers again, which the names make harmless.
A file is removed when everything in it was delivered and its writer has let it go; bytes that are no frames are moved
to the quarantine first, never thrown away.

Source: architecture "Ports" (`Bus`, embedded); Linux flock(2).
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from affidavit.adapters.embedded.disk import Disk, mend
from affidavit.adapters.embedded.frames import Buffer, Frame, next_frame, read_frame
from affidavit.clock import Micros
from affidavit.errors import Unavailable
from affidavit.evidence.ports import EvidenceObject

BATCH_BYTES = 8 * 1024 * 1024  # what one poll reads, about; it is all in memory
SUFFIX = ".journal"

_diagnostics = logging.getLogger("affidavit.journal")


Quarantine = Callable[[str, bytes, str], None]  # (name, data, why): keeps what cannot be stored where it belongs


@dataclass(slots=True)
class _File:
    """How far one file is delivered (`done`) and read (`read`); `final` once its writer can add no more."""

    path: str
    done: int = 0
    read: int = 0
    final: bool = False
    garbage: list[tuple[int, bytes]] = field(default_factory=list)


class JournalReader:
    """The other end of `JournalBus`, for all writers of one folder."""

    def __init__(self, folder: Path, *, quarantine: Quarantine, disk: Disk, batch_bytes: int = BATCH_BYTES) -> None:
        self._folder = str(folder)
        self._quarantine = quarantine
        self._disk = disk
        self._batch_bytes = batch_bytes
        self._files: dict[str, _File] = {}
        self.oldest: Micros | None = None

    def poll(self) -> list[EvidenceObject]:
        """Return what comes next, about `batch_bytes` of it; the same again until `delivered` is called.

        `oldest` is then when the first of it was written, None if nothing waits.

        Raises:
            Unavailable: The journal cannot be read.
        """
        objects: list[EvidenceObject] = []
        room = self._batch_bytes
        self.oldest = None
        try:
            for file in self._in_order():
                file.read, file.final, file.garbage = file.done, False, []
                for frame in self._frames(file, room) if room > 0 else ():
                    self.oldest = frame.written if self.oldest is None else self.oldest
                    objects.append(frame.content)
                    room -= len(frame.content.data)
        except OSError as error:
            raise Unavailable(f"the journal cannot be read: {mend(error)}") from error
        return objects

    def delivered(self) -> None:
        """Take note that all that the last poll returned is durable where it belongs.

        Raises:
            Unavailable: What is no frame could not be moved to the quarantine; nothing was removed.
        """
        for name, file in list(self._files.items()):
            for offset, garbage in file.garbage:
                self._quarantine(f"journal/{name}@{offset}", garbage, "no frame of a journal: torn, or damaged")
            file.done, file.garbage = file.read, []
            if file.final and self._removed(file.path):
                del self._files[name]

    def _in_order(self) -> Iterator[_File]:
        """Yield the files, the oldest writer's first, each writer's in the order of their numbers."""
        names = sorted(entry.name for entry in os.scandir(self._folder) if entry.name.endswith(SUFFIX))
        for gone in self._files.keys() - names:  # another worker delivered all of it
            del self._files[gone]
        for name in names:
            yield self._files.setdefault(name, _File(f"{self._folder}/{name}"))

    def _frames(self, file: _File, room: int) -> list[Frame]:
        frames: list[Frame] = []
        with contextlib.suppress(FileNotFoundError), _opened(file.path) as (buffer, let_go):
            at = file.done
            while room > 0 and not file.final:
                found = read_frame(buffer, at)
                if found is not None:
                    frames.append(found)
                    room -= found.end - at
                    at = found.end
                elif let_go:
                    at = self._skip(buffer, at, file)
                else:
                    break  # the rest, if there is any, is being written at this moment
            file.read = at
        return frames

    @staticmethod
    def _skip(buffer: Buffer, at: int, file: _File) -> int:
        """Go over what is no frame, to the next one or to the end of a file that cannot grow."""
        after = next_frame(buffer, at + 1)
        between = bytes(buffer[at:after])
        if between.strip(b"\0"):  # zeros are room that was laid out and not used
            file.garbage.append((at, between))
        file.final = after is None
        return len(buffer) if after is None else after

    def _removed(self, path: str) -> bool:
        try:
            self._disk.unlink(path)
        except FileNotFoundError:
            return True  # another worker was faster
        except OSError as error:
            _diagnostics.warning("a journal file that is done cannot be removed: %s", mend(error))
            return False
        return True


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[Buffer, bool]]:
    """Give a file's bytes, and whether its writer has let it go; asked before reading, so that nothing is missed."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        let_go = _lock(file)
        if os.fstat(file).st_size == 0:
            yield b"", let_go
            return
        with mmap.mmap(file, 0, prot=mmap.PROT_READ) as buffer:
            yield buffer, let_go
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared, so that two workers do not hold one another up
    except BlockingIOError:
        return False
    return True
