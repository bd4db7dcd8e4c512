"""A sampling profiler in every Python process that starts with this folder on its path and `BENCH_PROFILE` set.

A timer of the system interrupts the main thread each few milliseconds of processor time that it uses; a C function is
counted where it was called. A sample weighs what the main thread has used since the last one. What other threads have
used meanwhile is counted where they were, which is a guess: they may have been waiting there.

Writes `<process id>.json` into that folder, again and again, since some processes are killed at their end. Loaded by
`site`, hence the name.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType

EVERY_NS = 2_000_000  # of processor time; the kernel rounds it up to its tick
WRITE_S = 1.5
DEPTH = 80

Stack = tuple[tuple[CodeType, int], ...]


class Sampler:
    """Adds up samples of one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._main: defaultdict[Stack, float] = defaultdict(float)
        self._others: defaultdict[Stack, float] = defaultdict(float)
        self._used = self._all = 0.0
        self._sampling = False
        self._written = time.monotonic()

    def sample(self, _number: int, frame: FrameType | None) -> None:
        if not self._sampling:  # or, where a sample takes longer than the timer does, each would interrupt the last
            self._sampling = True
            self._take(frame)
            self._sampling = False

    def _take(self, frame: FrameType | None) -> None:
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


class _SigEvent(ctypes.Structure):
    """`struct sigevent` of Linux: 64 bytes, of which the thread's id is the last that is used."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread", ctypes.c_int),
        ("rest", ctypes.c_byte * 44),
    )


class _Timer:
    """Sends SIGPROF to the thread that makes it, each time that it has used so much processor time."""

    _THREAD_CPU_CLOCK = 3  # CLOCK_THREAD_CPUTIME_ID
    _TO_THREAD = 4  # SIGEV_THREAD_ID

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = ctypes.c_void_p()
        event = _SigEvent(signo=signal.SIGPROF, notify=self._TO_THREAD, thread=threading.get_native_id())
        self._try(self._libc.timer_create(self._THREAD_CPU_CLOCK, ctypes.byref(event), ctypes.byref(self._timer)))

    def set(self, every_ns: int) -> None:
        times = (ctypes.c_long * 4)(0, every_ns, 0, every_ns)  # `struct itimerspec`: seconds and nanoseconds, twice
        self._try(self._libc.timer_settime(self._timer, 0, times, None))

    @staticmethod
    def _try(status: int) -> None:
        if status != 0:
            raise OSError(ctypes.get_errno(), "the profiling timer")


def start(folder: str) -> None:
    timer = _Timer()
    sampler = Sampler(Path(folder) / f"{os.getpid()}.json")
    signal.signal(signal.SIGPROF, sampler.sample)
    timer.set(EVERY_NS)

    def end() -> None:
        timer.set(0)  # or the signal kills the process once its handler is gone
        sampler.write()

    atexit.register(end)


if os.environ.get("BENCH_PROFILE"):
    start(os.environ["BENCH_PROFILE"])
