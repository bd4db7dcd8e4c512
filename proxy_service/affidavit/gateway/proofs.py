"""The proof of who called: each credential, whole, once it has expired.

Then it opens nothing any more, and whoever has the issuer's keys of that time can verify it again years later. Until
then its text is kept in memory alone, as much of it as there is room for; what is left when the process ends is not
proved, and the records say only what was verified.

Source: evidence-format section 5, `identity:proof`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable

from affidavit.clock import SECOND, Clock, Micros
from affidavit.evidence.recorder import Recorder
from affidavit.identity.id_token import LEEWAY
from affidavit.identity.principal import Principal

KEPT = 32 * 1024 * 1024  # characters of all tokens that wait
LOOK = 10.0  # seconds
AFTER: Micros = LEEWAY + 30 * SECOND  # past `exp` nobody takes it any more: our leeway, and as much for others' clocks


class Proofs:
    """Keeps tokens until they have expired, and then records them.

    Args:
        recorder: Takes the proofs.
        clock: Now.
        retention: The class of the bodies.
    """

    def __init__(self, recorder: Recorder, clock: Clock, retention: str) -> None:
        self._recorder = recorder
        self._clock = clock
        self._retention = retention
        self._waiting: list[tuple[Micros, str]] = []
        self._tokens: dict[str, bytes] = {}
        self._size = 0

    def keep(self, principal: Principal, token: str) -> None:
        """Keep a token that was verified and introduced, unless it is kept already or there is no room."""
        if principal.token_sha256 in self._tokens or self._size + len(token) > KEPT:
            return
        self._tokens[principal.token_sha256] = token.encode()
        self._size += len(token)
        heapq.heappush(self._waiting, (principal.expires + AFTER, principal.token_sha256))

    async def keep_proving(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Record again and again what has expired, until cancelled."""
        while True:
            await sleep(LOOK)
            self.prove()

    def prove(self) -> None:
        """Record what has expired, unless records are not taken now."""
        now = self._clock()
        while self._waiting and self._waiting[0][0] <= now and self._recorder.outage is None:
            _, token_sha256 = heapq.heappop(self._waiting)
            token = self._tokens.pop(token_sha256)
            self._size -= len(token)
            body = self._recorder.body(token, self._retention)
            reference = {**body.reference(), "media_type": "application/jwt"}
            self._recorder.add("identity:proof", {"token": reference, "token_sha256": token_sha256}, (body,))
