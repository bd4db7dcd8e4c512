"""A sampling profiler in every Python process that starts with this folder on its path and `BENCH_PROFILE` set.

The system's profiling timer interrupts the process each few milliseconds of processor time that it uses; the handler
runs in the main thread, so a C function is counted where it was called. A sample weighs what the main thread has used
since the last one. What other threads have used meanwhile is counted where they were.

Writes `<process id>.json` into that folder, every few seconds and at the end. Loaded by `site`, hence the name.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType

EVERY_S = 0.002  # of processor time; the kernel rounds it up to its tick
WRITE_S = 2.0
DEPTH = 80

Stack = tuple[tuple[CodeType, int], ...]


class Sampler:
    """Adds up samples of one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._main: defaultdict[Stack, float] = defaultdict(float)
        self._others: defaultdict[Stack, float] = defaultdict(float)
        self._used = self._all = 0.0
        self._written = time.monotonic()

    def sample(self, _number: int, frame: FrameType | None) -> None:
        used, everything = time.thread_time(), time.process_time()
        mine = used - self._used
        self._main[_stack(frame)] += mine
        others = max(0.0, everything - self._all - mine)
        if others > 0:
            frames = [at for thread, at in sys._current_frames().items() if thread != threading.main_thread().ident]
            for other in frames:
                self._others[_stack(other)] += others / len(frames)
        if time.monotonic() - self._written > WRITE_S:
            self.write()
        self._used, self._all = time.thread_time(), time.process_time()  # without what this took

    def end(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)  # or the signal kills the process once its handler is gone
        self.write()

    def write(self) -> None:
        told = {"command": sys.argv, "main": _named(self._main), "others": _named(self._others)}
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps(told), encoding="utf-8")
        temporary.replace(self._path)
        self._written = time.monotonic()


def _stack(frame: FrameType | None) -> Stack:
    stack: list[tuple[CodeType, int]] = []
    while frame is not None and len(stack) < DEPTH:
        stack.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(stack)


def _named(counted: dict[Stack, float]) -> list[tuple[list[str], float]]:
    """Stacks as text, innermost first."""
    return [([_place(code, line) for code, line in stack], seconds) for stack, seconds in counted.items()]


def _place(code: CodeType, line: int) -> str:
    file = Path(code.co_filename)
    return f"{file.parent.name}/{file.name}:{line} {code.co_qualname}"


def start(folder: str) -> None:
    sampler = Sampler(Path(folder) / f"{os.getpid()}.json")
    signal.signal(signal.SIGPROF, sampler.sample)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    atexit.register(sampler.end)


if os.environ.get("BENCH_PROFILE"):
    start(os.environ["BENCH_PROFILE"])
