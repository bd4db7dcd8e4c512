"""The system calls that make things durable, each behind one name.

One small seam: a test gives a disk whose n-th call fails, or does its work and then fails, or kills the process.
Decides nothing; what an error means is said by whoever called.

Source: architecture "Ports" (embedded); POSIX fsync(2), link(2), rename(2); Linux syncfs(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

PRIVATE, WRITE_ONCE = 0o600, 0o444  # modes

_MENDS = {
    errno.ENOSPC: "the disk is full: free some space on it",
    errno.EDQUOT: "the disk quota is used up: free some space or raise it",
    errno.EROFS: "the file system is read-only: mount it for writing",
    errno.EIO: "the disk reports an input/output error: look at the kernel's messages and replace it",
    errno.EACCES: "the file system denies access: give this user the data folder",
    errno.EPERM: "the file system denies access: give this user the data folder",
    errno.EMFILE: "too many files are open: raise the limit of this process",
    errno.ENFILE: "too many files are open on this machine: raise its limit",
}

_libc = ctypes.CDLL(None, use_errno=True)


def mend(error: OSError) -> str:
    """Return what happened and what to do about it, as a sentence's end."""
    known = _MENDS.get(error.errno or 0)
    return known or f"{os.strerror(error.errno) if error.errno else error}"


class Disk:
    """The real one. Every method either does its whole work or raises `OSError`."""

    def write_new(self, path: str, data: bytes, *, mode: int, sync: bool) -> None:
        """Create a file that is not there yet, durable at once if `sync`."""
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            _write_all(file, data, None)
            if sync:
                os.fsync(file)
        finally:
            os.close(file)

    def write_at(self, file: int, data: bytes, offset: int) -> None:
        """Write into an open file."""
        _write_all(file, data, offset)

    def fdatasync(self, file: int) -> None:
        """Make an open file's content durable."""
        os.fdatasync(file)

    def link(self, path: str, name: str) -> None:
        """Give a file a name that must be free (`FileExistsError`)."""
        os.link(path, name)

    def replace(self, path: str, name: str) -> None:
        """Move a file over a name, atomically."""
        Path(path).replace(name)

    def unlink(self, path: str) -> None:
        """Remove a name."""
        Path(path).unlink()

    def make_folder(self, path: str) -> None:
        """Create a folder that is not there yet (`FileExistsError`)."""
        Path(path).mkdir()

    def sync_folder(self, path: str) -> None:
        """Make the names in a folder durable."""
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def sync_all(self, folder: int) -> None:
        """Make everything on the file system of an open folder durable.

        Errors of writes are told once for each time a folder was opened (Linux 5.8), so it is opened before them.
        """
        if _libc.syncfs(folder) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


def _write_all(file: int, data: bytes, offset: int | None) -> None:
    rest = memoryview(data)
    while rest:
        written = os.write(file, rest) if offset is None else os.pwrite(file, rest, offset)
        rest = rest[written:]
        offset = None if offset is None else offset + written
