"""Deadlines of one length, set and lifted by the thousand, behind one timer of the event loop.

They pass in the order in which they were set, so only the first of them needs a timer; one each would cost every call
several microseconds for something that almost never happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Deadlines:
    """Calls back when its time has passed, unless the deadline was lifted before; never early.

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
        self.loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timed = False
        while self._running:
            owner, (at, passed) = next(iter(self._running.items()))
            if at > self.loop.time():
                self._time(at)
                return
            del self._running[owner]
            passed()
