"""Programs that are measured: started, watched through /proc, always stopped.

Source of the numbers: Linux proc(5), `status` (VmRSS, VmHWM), `smaps_rollup` (Pss), `stat` (utime, stime).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TESTS = Path(__file__).parents[1]
START_S = 30
STOP_S = 15  # the gateway promises 8 s
ORPHANS_S = 5
KIB = 1024
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")  # a second


class Broken(Exception):
    """Something did not work, so the figures mean nothing."""


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], *, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program while the block lasts; then it gets SIGTERM, and what does not end is killed."""
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS), **(environment or {})},
    )
    with process:
        try:
            yield process
        finally:
            stop(process)


@contextlib.contextmanager
def announced(module: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """Run `python -m module` while the block lasts; gives its process id and the port that it prints first."""
    with running([sys.executable, "-m", module, *arguments]) as process:
        assert process.stdout is not None
        told, _, _ = select.select([process.stdout], [], [], START_S)
        line = process.stdout.readline().strip() if told else ""
        if not line.isdigit():
            raise Broken(f"{module} did not start")
        yield process.pid, int(line)


def stop(process: subprocess.Popen[str]) -> int:
    """End a program, and whatever it started and left behind, and give its exit status."""
    family = {pid: _born(pid) for pid in tree(process.pid)[1:]}
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
    finally:
        _end({pid: born for pid, born in family.items() if born is not None})


def _end(left: dict[int, str]) -> None:
    """Let orphans end by themselves, for a while; then kill them, and say so."""
    ends = time.monotonic() + ORPHANS_S
    while left := {pid: born for pid, born in left.items() if _born(pid) == born}:
        if time.monotonic() > ends:
            print(f"killed, because they outlived who started them: {[name(pid) for pid in left]}", file=sys.stderr)
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.05)


def _born(pid: int) -> str | None:
    """When a process began, in ticks since the machine did: with the id, it names a process for good."""
    stat = _read(f"/proc/{pid}/stat")
    return stat.rpartition(")")[2].split()[19] if stat else None


def tree(pid: int) -> list[int]:
    """A process and all that it started and that they started, oldest first."""
    found = [pid]
    for one in found:
        for task in _members(f"/proc/{one}/task"):
            children = _read(f"/proc/{one}/task/{task}/children") or ""
            found += [int(child) for child in children.split()]
    return found


def name(pid: int) -> str:
    """A process's command line, for telling a family's members apart."""
    return (_read(f"/proc/{pid}/cmdline") or "").replace("\0", " ").strip()


@dataclass(frozen=True, slots=True)
class Memory:
    """One process, in bytes: resident now, and the most it ever had."""

    now: int
    peak: int


def memory(pid: int) -> Memory:
    """How much memory a process has; nothing once it has ended."""
    lines = dict(line.split(":", 1) for line in (_read(f"/proc/{pid}/status") or "").splitlines() if ":" in line)
    return Memory(*(int(lines.get(key, "0 kB").split()[0]) * KIB for key in ("VmRSS", "VmHWM")))


def proportional(pid: int) -> int:
    """A process's memory in bytes, pages that several have counted in parts, so that it can be added up."""
    for line in (_read(f"/proc/{pid}/smaps_rollup") or "").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * KIB
    return 0


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used so far."""
    stat = _read(f"/proc/{pid}/stat")
    return sum(map(int, stat.rpartition(")")[2].split()[11:13])) / _CLOCK_TICKS if stat else 0.0


class PeakOfAll:
    """The most memory that a family of processes has had at one moment, sampled while the block lasts.

    Attributes:
        resident: Sum of what each has; pages that two share count twice.
        proportional: The same, shared pages counted once.
    """

    EVERY_S = 0.05

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.resident = 0
        self.proportional = 0
        self.processes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(self.EVERY_S):
            family = tree(self._pid)
            self.processes = max(self.processes, len(family))
            self.resident = max(self.resident, sum(memory(pid).now for pid in family))
            self.proportional = max(self.proportional, sum(map(proportional, family)))


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended
        return None


def _members(path: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(path)  # noqa: PTH208 names are what is wanted
    return []
