"""Deadlines of one length, set and lifted by the thousand, behind one timer of the event loop.

They pass in the order in which they were set, so only the first of them needs a timer; one each would cost every call
several microseconds for something that almost never happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import takewhile
from typing import Any

_TICK = 0.001  # seconds; uvloop's clock knows no less, and a timer for less would ring at once, again and again


class Deadlines:
    """Calls back when its time has passed, unless the deadline was lifted before; never early, on the loop's clock.

    Args:
        seconds: How long each of them runs.

    Attributes:
        loop: Whose time counts.
    """

    def __init__(self, seconds: float) -> None:
        self.loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._running: dict[object, tuple[float, Callable[[], Any]]] = {}
        self._timed = False

    def set(self, owner: object, passed: Callable[[], Any]) -> None:
        """Begin a deadline; each owner has one at a time."""
        at = self.loop.time() + self._seconds
        self._running[owner] = at, passed
        if not self._timed:
            self._time(at)

    def lift(self, owner: object) -> None:
        """End a deadline, if it has not passed."""
        self._running.pop(owner, None)

    def _time(self, at: float) -> None:
        self._timed = True
        self.loop.call_at(max(at, self.loop.time() + _TICK), self._look)

    def _look(self) -> None:
        now = self.loop.time()
        due = list(takewhile(lambda one: one[1][0] <= now, self._running.items()))
        try:
            for owner, deadline in due:
                if self._running.get(owner) is deadline:  # one that passes may lift others
                    del self._running[owner]
                    _, passed = deadline
                    passed()
        finally:
            self._timed = False
            if self._running:
                first, _ = next(iter(self._running.values()))
                self._time(first)
