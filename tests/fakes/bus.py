"""A bus in memory that enforces the port's laws and has every fault twice: not persisted, and persisted anyway."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from affidavit.errors import OutcomeUnknown, Unavailable
from affidavit.evidence.ports import EvidenceObject


class MemoryBus:
    """Keeps what it was given; `fail(times, persisted=…)` breaks the next publishes, `hold()` makes them wait."""

    def __init__(self) -> None:
        self.durable: list[EvidenceObject] = []
        self.attempts: list[tuple[EvidenceObject, ...]] = []
        self.closed = False
        self._faults: list[bool] = []
        self._open = threading.Event()
        self._open.set()

    def publish(self, objects: Sequence[EvidenceObject]) -> None:
        assert not self.closed, "law: nothing is published after close"
        self.attempts.append(tuple(objects))
        self._open.wait(timeout=30)
        if self._faults:
            persisted = self._faults.pop(0)
            if persisted:
                self.durable.extend(objects)
                raise OutcomeUnknown("the answer was lost")
            raise Unavailable("no space left")
        self.durable.extend(objects)

    def close(self) -> None:
        self.closed = True

    def fail(self, times: int, *, persisted: bool) -> None:
        self._faults += [persisted] * times

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()
