"""Keeps this instance's knowledge of what is revoked young, and says what takes effect here.

The list is read every `LOOK`, beside calls and one reading at a time; a change takes effect on every instance within
5 seconds. What has taken effect cuts the calls that are under way.

Source: identity-and-approvals "Revocation"; evidence-format section 5, `identity:revoked`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from affidavit.clock import SECOND, Clock
from affidavit.errors import Unavailable
from affidavit.evidence.recorder import Recorder
from affidavit.gateway.open_calls import OpenCalls
from affidavit.identity.revocation import RevocationList
from affidavit.identity.standing import Standing

LOOK = 2.0  # seconds between readings
SAID = 1_000  # revocations that a writer says at its start; older ones are in the chains of those before it

_diagnostics = logging.getLogger("affidavit.revocations")


class Revocations:
    """Reads the list again and again.

    Args:
        entries: Where revocations are kept.
        standing: Told what is new.
        recorder: Takes what has taken effect.
        calls: Cut where they are hit.
        clock: Now.
    """

    def __init__(
        self, entries: RevocationList, standing: Standing, recorder: Recorder, calls: OpenCalls, clock: Clock
    ) -> None:
        self._list = entries
        self._standing = standing
        self._recorder = recorder
        self._calls = calls
        self._clock = clock
        self._failed = False

    async def refresh(self) -> None:
        """Take what is new; it has taken effect when this returns.

        Raises:
            Unavailable: The list cannot be read.
        """
        began = self._clock()
        new = await asyncio.to_thread(self._list.since, self._standing.entries)
        self._standing.take(new, began)
        for one in new[-SAID:]:
            self._recorder.add(
                "identity:revoked", {"by": one.by, "reason": one.reason, "value": one.value, "what": one.what}
            )
        if new:
            self._calls.cut()

    async def keep_current(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Read again and again, until cancelled."""
        while True:
            await sleep(LOOK)
            await self.look()

    async def look(self) -> None:
        """Read once, and say it where that fails: after a while calls are refused."""
        try:
            await self.refresh()
        except Unavailable as error:
            if not self._failed:
                _diagnostics.error("what is revoked cannot be read now; soon calls are refused: %s", error)
            self._failed = True
        except Exception:  # noqa: BLE001 whatever it was: without another look nobody would ever be locked out
            _diagnostics.exception("what is revoked cannot be read, in a way that nobody foresaw")
            self._failed = True
        else:
            if self._failed:
                _diagnostics.warning("what is revoked can be read again")
            self._failed = False

    def directory(self, inactive: Mapping[str, str]) -> None:
        """Lock out the people whom directories have deactivated; whoever is active there again is let in again."""
        for email, name in self._standing.directory(inactive).items():
            fields = {"by": f"directory:{name}", "reason": "not active in the directory"}
            self._recorder.add("identity:revoked", {**fields, "value": email, "what": "person"})
        self._calls.cut()

    def read(self) -> dict[str, Any]:
        """Return what `/readyz` shows: how old the list is as it is known here, in seconds; None for never read."""
        age = self._standing.age
        return {"entries": self._standing.entries, "lag_s": None if age is None else round(age / SECOND, 3)}
