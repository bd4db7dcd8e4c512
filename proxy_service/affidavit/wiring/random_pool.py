"""Random bytes drawn in bulk: one system call for some hundred salts.

Source: getrandom(2).
"""

from __future__ import annotations

from affidavit.evidence.writer import Randomness

POOL = 4096  # bytes


class RandomPool:
    """Gives each byte away once."""

    def __init__(self, draw: Randomness) -> None:
        self._draw = draw
        self._pool = b""
        self._next = 0

    def __call__(self, count: int) -> bytes:
        """Return fresh random bytes; for one thread."""
        if self._next + count > len(self._pool):
            self._pool = self._draw(max(POOL, count))
            self._next = 0
        start = self._next
        self._next = start + count
        return self._pool[start : self._next]
