"""Requests that are turned away at the door, said in records without letting strangers fill the evidence.

Identical ones within a second are counted, not repeated; past a number a minute from one address, all of them are.

Source: evidence-format section 5, `identity:rejected`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from affidavit.clock import MINUTE, SECOND, Clock, Micros
from affidavit.errors import Unauthenticated
from affidavit.evidence.recorder import Recorder
from affidavit.evidence.writer import Receipt

WINDOW: Micros = SECOND
RECORDS_A_MINUTE = 60  # from one address
ADDRESSES = 10_000  # remembered at once


@dataclass(slots=True)
class _Window:
    receipt: Receipt | None = None
    count: int = 0


class Rejections:
    """Counts what is turned away, and records it."""

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock
        self._windows: dict[tuple[str, str, str], _Window] = {}
        self._minutes: OrderedDict[str, tuple[Micros, int]] = OrderedDict()

    async def identity(self, error: Unauthenticated, ip: str) -> Receipt | None:
        """Record that a credential was refused; return the record that says so.

        Raises:
            Unavailable: It cannot be recorded now.
        """
        key = (error.code, ip, error.issuer)
        known = self._windows.get(key)
        if known is not None:
            known.count += 1
            return known.receipt
        capped = not self.admits(ip)
        self._windows[key] = window = _Window()
        asyncio.get_running_loop().call_later((MINUTE if capped else WINDOW) / SECOND, self._close, key)
        if capped:
            window.count = 1
            return None
        self._recorder.check()
        window.receipt = await self._recorder.intend("identity:rejected", self._fields(key, 1))
        return window.receipt

    def admits(self, ip: str) -> bool:
        """Tell whether one more record may be made for an address in this minute, and count it."""
        now = self._clock()
        until, count = self._minutes.get(ip, (0, 0))
        if now >= until:
            until, count = now + MINUTE, 0
        self._minutes[ip] = until, count + 1
        self._minutes.move_to_end(ip)
        if len(self._minutes) > ADDRESSES:
            self._minutes.popitem(last=False)
        return count < RECORDS_A_MINUTE

    def flush(self) -> None:
        """Record every count that is still open."""
        for key in list(self._windows):
            self._close(key)

    def _close(self, key: tuple[str, str, str]) -> None:
        window = self._windows.pop(key, None)
        if window is not None and window.count:
            self._recorder.add("identity:rejected", self._fields(key, window.count))

    @staticmethod
    def _fields(key: tuple[str, str, str], count: int) -> dict[str, object]:
        code, ip, issuer = key
        return {"client": {"ip": ip}, "count": count, "issuer": issuer, "reason": code}
