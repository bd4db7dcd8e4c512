"""Where the figures come from."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path

WRITTEN = b"\xa5" * 2048  # bytes; about one call's two records, packed


def describe(folder: Path) -> dict[str, str]:
    """The machine, as the table is headed by it."""
    return {
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file_system": _file_system(folder),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load_before": f"{os.getloadavg()[0]:.1f}",  # runnable tasks: much over 0.5 and the figures tell of others
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """Type and mount point of what holds a folder: the longest mount point that is above it (proc(5), `mounts`)."""
    above = [str(path) for path in (folder.resolve(), *folder.resolve().parents)]
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    fields = max((mount for mount in mounts if mount[1] in above), key=lambda mount: len(mount[1]))
    return f"{fields[2]} on {fields[1]}"


class SyncedFile:
    """What one `fdatasync` costs: a file in the data folder's file system that gets 2 KiB at a time.

    Args:
        path: Of a file that is not there.
        room: How many writes go into bytes laid out before, as the journal does it; without, the file grows.
    """

    def __init__(self, path: Path, room: int = 0) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.write(self._file, bytes(room * len(WRITTEN)))
        os.fsync(self._file)
        os.lseek(self._file, 0, os.SEEK_SET)

    def times(self, count: int) -> list[int]:
        """Write and sync so many times; nanoseconds of each write with its sync."""
        taken = []
        for _ in range(count):
            began = time.perf_counter_ns()
            os.write(self._file, WRITTEN)
            os.fdatasync(self._file)
            taken.append(time.perf_counter_ns() - began)
        return taken

    def close(self) -> None:
        os.close(self._file)


def percentile(values: list[float] | list[int], share: float) -> float:
    """The value below which a share of all lies (nearest rank)."""
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])


def median(values: list[float] | list[int]) -> float:
    """The middle one."""
    return float(statistics.median(values))
