"""A sequencer that is called once a minute: it commits every 10 s while there is much to do, else once.

The handler of the cloud function `sequence_log`. Any number may run at once, and each may be killed at any step.

Source: google-cloud "Cost" (a checkpoint is a signature and four objects); evidence-format section 7.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from affidavit.audit.sequencer import Sequencer
from affidavit.clock import Clock, Micros

EVERY = 10.0  # seconds from one commit to the next under load
LIMIT = 55.0  # seconds after which no further round begins: the next call comes after 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequenced:
    """What came of one call.

    Attributes:
        size: Leaves committed.
        added: Of these since the call began.
        oldest_waiting: When the oldest record was made that was seen and not committed.
        busy: Another call is at it in this process; this one did nothing.
    """

    size: int
    added: int
    oldest_waiting: Micros | None
    busy: bool = False


@dataclass(slots=True)
class Rounds:
    """Runs a sequencer, once or again and again; one call at a time, others are told that it is busy.

    Attributes:
        clock: Now.
        ticks: Seconds since some moment.
        sleep: Waits that many seconds.
    """

    sequencer: Sequencer
    clock: Clock
    ticks: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> Sequenced:
        """Commit what there is; as long as a round found something, look again 10 s after it began.

        Raises:
            Unavailable, OutcomeUnknown: Not all was done; the next call goes on from what is stored.
            VerificationFailed, Malformed: What is stored contradicts itself; nothing was signed.
        """
        if not self._lock.acquire(blocking=False):
            return self._state(added=0, busy=True)
        try:
            return self._state(added=self._run())
        finally:
            self._lock.release()

    def _run(self) -> int:
        added, ends = 0, self.ticks() + LIMIT
        while True:
            begun = self.ticks()
            gained = self.sequencer.run(self.clock())
            added += gained
            now = self.ticks()
            following = max(now, begun + EVERY)
            if not gained or following > ends:
                return added
            if following > now:
                self.sleep(following - now)

    def _state(self, *, added: int, busy: bool = False) -> Sequenced:
        sequencer = self.sequencer
        return Sequenced(size=sequencer.size, added=added, oldest_waiting=sequencer.oldest_waiting, busy=busy)
