"""Trying again: how long, how often, and when no more.

Source: RFC 9110 section 10.2.3 (`Retry-After`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

LIMIT = 60.0  # seconds that a message waits for a gateway that is not there; clients give up about then
FIRST, LONGEST = 0.25, 5.0  # seconds between two attempts
LONGEST_ASKED = 30.0  # seconds; what a server asks for beyond that is told to the client instead

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Patience:
    """What there is of it for one message.

    Attributes:
        limit: Seconds in all.
        first: Seconds before the second attempt.
        sleep: Waits.
    """

    limit: float = LIMIT
    first: float = FIRST
    sleep: Sleep = asyncio.sleep

    def begin(self) -> Attempts:
        """Begin with a message."""
        return Attempts(self)


class Attempts:
    """The attempts of one message."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._pause = patience.first
        self._waited = 0.0

    async def again(self, asked: float | None = None) -> bool:
        """Wait before the next attempt; return False where there shall be none.

        Args:
            asked: Seconds that the server asks for.
        """
        pause = self._pause if asked is None else max(asked, self._patience.first)
        if self._waited + pause > self._patience.limit or (asked is not None and asked > LONGEST_ASKED):
            return False
        self._waited += pause
        self._pause = min(self._pause * 2, LONGEST)
        await self._patience.sleep(pause)
        return True


def asked_for(retry_after: str | None) -> float | None:
    """Return the seconds of a `Retry-After`; its form with a date is passed over."""
    return float(retry_after) if retry_after is not None and retry_after.isascii() and retry_after.isdigit() else None
