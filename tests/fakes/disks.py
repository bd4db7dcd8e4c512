"""Disks that fail, stop the process, or kill it, at the n-th thing they are asked to do."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from typing import Any

from affidavit.adapters.embedded.disk import Disk
from fakes.stores import Stopped

CALLS = ("write_new", "write_at", "fdatasync", "link", "replace", "unlink", "make_folder", "sync_folder", "sync_all")


class FaultyDisk(Disk):
    """The real disk, but for one call, or for all calls of one kind.

    Args:
        durable: Whether to really wait for the disk; nothing here can tell the difference but time.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.calls: list[str] = []
        self._durable = durable
        self._at: dict[int, tuple[bool, Callable[[], BaseException]]] = {}
        self._always: dict[str, tuple[bool, int]] = {}
        self._torn: set[int] = set()

    def stop_at(self, number: int, *, done: bool) -> None:
        """End the process before (or after) the n-th call from now."""
        self._at[len(self.calls) + number] = (done, Stopped)

    def fail_at(self, number: int, *, done: bool, code: int = errno.EIO) -> None:
        """Let the n-th call from now fail, its work not done or `done` all the same."""
        self._at[len(self.calls) + number] = (done, lambda: OSError(code, os.strerror(code)))

    def tear_at(self, number: int, *, code: int = errno.ENOSPC) -> None:
        """Let the n-th call from now write half of what it should, and fail."""
        self._torn.add(len(self.calls) + number)
        self.fail_at(number, done=True, code=code)

    def break_all(self, *kinds: str, done: bool = False, code: int = errno.ENOSPC) -> None:
        """Let every call of some kinds fail from now on."""
        self._always.update(dict.fromkeys(kinds or CALLS, (done, code)))

    def mend(self) -> None:
        self._at.clear()
        self._always.clear()

    def _do(self, kind: str, *arguments: Any, **named: Any) -> None:
        self.calls.append(kind)
        done, error = self._at.pop(len(self.calls), (True, None))
        if error is None and kind in self._always:
            done, code = self._always[kind]
            error = lambda: OSError(code, os.strerror(code))  # noqa: E731
        if error is not None and not done:
            raise error()
        if len(self.calls) in self._torn:
            arguments = (arguments[0], arguments[1][: len(arguments[1]) // 2], *arguments[2:])
        try:
            if self._durable or not kind.startswith(("fdatasync", "sync")):
                getattr(super(), kind)(*arguments, **named)
        finally:
            if error is not None:
                raise error()

    def write_new(self, path: str, data: bytes, *, mode: int, sync: bool) -> None:
        self._do("write_new", path, data, mode=mode, sync=sync and self._durable)

    def write_at(self, file: int, data: bytes, offset: int) -> None:
        self._do("write_at", file, data, offset)

    def fdatasync(self, file: int) -> None:
        self._do("fdatasync", file)

    def link(self, path: str, name: str) -> None:
        self._do("link", path, name)

    def replace(self, path: str, name: str) -> None:
        self._do("replace", path, name)

    def unlink(self, path: str) -> None:
        self._do("unlink", path)

    def make_folder(self, path: str) -> None:
        self._do("make_folder", path)

    def sync_folder(self, path: str) -> None:
        self._do("sync_folder", path)

    def sync_all(self, folder: int) -> None:
        self._do("sync_all", folder)


class KillingDisk(FaultyDisk):
    """Kills its own process, as the kernel would, before (or after) the n-th call."""

    def __init__(self, number: int, *, done: bool) -> None:
        super().__init__()
        self._number = number
        self._done = done

    def _do(self, kind: str, *arguments: Any, **named: Any) -> None:
        last = len(self.calls) + 1 == self._number
        if last and not self._done:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._do(kind, *arguments, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
