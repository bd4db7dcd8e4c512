"""Group commit: records of many calls become durable together, one segment in flight at a time.

Runs on the event loop; one thread of its own publishes. A record that has its place in the chain is
never dropped or changed: when the bus fails, the same bytes are published again until it takes them, and meanwhile
new calls are refused.

Source: architecture "Group commit"; evidence-format section 3.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.errors import AffidavitError, OutcomeUnknown, Unavailable
from affidavit.evidence.body import Body
from affidavit.evidence.ports import Bus, EvidenceObject
from affidavit.evidence.writer import Entry, Receipt, Writer

BATCH_RECORDS = 200  # architecture "Group commit"
BATCH_BYTES = 1024 * 1024  # records and bodies, before packing
MANY = 4  # records of the last segment from which on it pays to gather more of them
GATHERING = 0.005  # seconds after which a segment is not held any longer; architecture "Group commit"
IDLE_TURN = 50e-6  # seconds; a turn of the loop that is over sooner had nothing else to do
FRUITLESS = 4  # turns of the loop on end that bring no record: what keeps it busy is something else
SEALED_HERE = 128 * 1024  # bytes of a batch; what takes longer than a millisecond is sealed by the thread
DEADLINE = 2.0  # seconds until those who wait are told that the bus does not answer
FIRST_RETRY, LAST_RETRY = 0.1, 1.0  # seconds between attempts while the bus is down
HELD_BYTES = 128 * 1024 * 1024  # what may wait in an outage; beyond it, answers are recorded without their bodies

_diagnostics = logging.getLogger("affidavit.recorder")


@dataclass(slots=True)
class _Batch:
    entries: list[Entry] = field(default_factory=list)
    size: int = 0
    waiters: list[tuple[asyncio.Future[None], type[Exception]]] = field(default_factory=list)
    sealed: list[EvidenceObject] = field(default_factory=list)

    def takes(self, size: int) -> bool:
        return not self.entries or (len(self.entries) < BATCH_RECORDS and self.size + size <= BATCH_BYTES)


class Recorder:
    """Makes records durable, and says so to whoever waits.

    `add` puts a record in the chain and returns at once; `intend` and `conclude` return when it is durable.

    Args:
        writer: The chain.
        bus: Makes segments durable.
        ticks: Seconds since some moment, to see how long a turn of the loop takes.
    """

    def __init__(self, writer: Writer, bus: Bus, ticks: Callable[[], float] = time.perf_counter) -> None:
        self.writer = writer
        self._bus = bus
        self._ticks = ticks
        self._batches: deque[_Batch] = deque()
        self._in_flight: _Batch | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._retry_after = FIRST_RETRY
        self._held = 0
        self._busy = False
        self._gathering = False
        self._closed = False
        self._drained: asyncio.Future[None] | None = None
        self.outage: str | None = None
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._publish_forever, name="recorder", daemon=True)
        self._thread.start()

    @property
    def crowded(self) -> bool:
        """Whether so much waits that bodies must be left out."""
        return self._held > HELD_BYTES

    def body(self, data: bytes, retention_class: str) -> Body:
        """Return bytes as a body that a record can refer to."""
        return self.writer.body(data, retention_class)

    def check(self) -> None:
        """Raise where nothing new may begin.

        Raises:
            Unavailable: The bus does not take records; nothing was put in the chain.
        """
        if self.outage is not None:
            raise Unavailable(self.outage)

    def add(self, kind: str, fields: Mapping[str, Any], bodies: tuple[Body, ...] = ()) -> Receipt:
        """Put a record in the chain without waiting until it is durable."""
        receipt, _ = self._chain(kind, fields, bodies)
        self._pump()
        return receipt

    async def intend(self, kind: str, fields: Mapping[str, Any], bodies: tuple[Body, ...] = ()) -> Receipt:
        """Record what is about to be done.

        Raises:
            Unavailable: It is not known to be durable, so it must not be done. It has its place in the chain, and the
                caller says there that nothing came of it.
        """
        return await self._wait(kind, fields, bodies, Unavailable)

    async def conclude(self, kind: str, fields: Mapping[str, Any], bodies: tuple[Body, ...] = ()) -> Receipt:
        """Record what was done, before it is told.

        Raises:
            OutcomeUnknown: It is in the chain, not known to be durable, and must not be told.
        """
        return await self._wait(kind, fields, bodies, OutcomeUnknown)

    async def close(self, *, timeout: float) -> bool:
        """Take nothing more, wait until all is durable, then let the bus go; return whether it was."""
        self._closed = True
        if self._batches or self._in_flight:
            self._drained = self._loop.create_future()
            await asyncio.wait({self._drained}, timeout=timeout)
        self._work.put(None)
        return not (self._batches or self._in_flight)

    async def _wait(
        self, kind: str, fields: Mapping[str, Any], bodies: tuple[Body, ...], failure: type[Exception]
    ) -> Receipt:
        receipt, batch = self._chain(kind, fields, bodies)
        if self.outage is not None:
            raise failure(self.outage)
        durable: asyncio.Future[None] = self._loop.create_future()
        batch.waiters.append((durable, failure))
        self._pump()
        await durable
        return receipt

    def _chain(self, kind: str, fields: Mapping[str, Any], bodies: tuple[Body, ...]) -> tuple[Receipt, _Batch]:
        if self._closed:
            raise Unavailable("the gateway has stopped")  # and nothing may follow its last word
        receipt, entry = self.writer.append(kind, fields, bodies)
        size = len(entry.line)
        for body in bodies:
            size += len(body.data)
        if not self._batches or not self._batches[-1].takes(size):
            self._batches.append(_Batch())
        batch = self._batches[-1]
        batch.entries.append(entry)
        batch.size += size
        self._held += size
        return receipt, batch

    def _pump(self) -> None:
        """Send what waits when nothing is in flight: at once, or where much is going on, when the loop is done."""
        if self._in_flight is not None or not self._batches or self._gathering:
            return
        if self._busy:
            self._gathering = True
            now = self._ticks()
            self._loop.call_soon(self._gather, now, now + GATHERING, 0, 0)
        else:
            self._take()

    def _gather(self, looked: float, ends: float, had: int, fruitless: int) -> None:
        """Hold a segment while the loop is busy with what may bring more records; each segment costs.

        Args:
            looked: When this was asked last, a turn of the loop ago.
            ends: When it is not held any longer.
            had: Records that waited then.
            fruitless: Turns on end that have brought none.
        """
        now, has = self._ticks(), len(self._batches[0].entries)
        fruitless = fruitless + 1 if has == had else 0
        if now - looked > IDLE_TURN and now < ends and fruitless < FRUITLESS and len(self._batches) == 1:
            self._loop.call_soon(self._gather, now, ends, has, fruitless)
        else:
            self._take()

    def _take(self) -> None:
        self._gathering = False
        self._in_flight = self._batches.popleft()
        self._busy = len(self._in_flight.entries) >= MANY
        self._send()

    def _send(self) -> None:
        batch = self._in_flight
        assert batch is not None  # noqa: S101 whoever sends has taken one
        if batch.size <= SEALED_HERE:
            self._seal(batch)  # the thread would have to win the interpreter's lock back after each hash
        self._deadline = self._loop.call_later(DEADLINE, self._declare_outage, "the evidence store does not answer")
        self._work.put(batch)

    def _seal(self, batch: _Batch) -> None:
        if not batch.sealed:
            batch.sealed = self.writer.seal(batch.entries)

    def _publish_forever(self) -> None:
        while (batch := self._work.get()) is not None:
            error: Exception | None = None
            try:
                self._seal(batch)
                self._bus.publish(batch.sealed)
            except AffidavitError as failure:  # a bucket that is gone, too: the same is tried until it is there
                error = failure
            except Exception as failure:  # noqa: BLE001 without this thread nothing is ever recorded again
                _diagnostics.exception("a publish failed in a way that nobody foresaw")
                error = Unavailable(type(failure).__name__)
            try:
                self._loop.call_soon_threadsafe(self._published, batch, error)
            except RuntimeError:  # the loop is closed: `close` gave up on this, and nobody waits for it any more
                break
        self._bus.close()

    def _published(self, batch: _Batch, error: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if error is not None:
            self._declare_outage(f"the evidence store refused: {error}")
            self._loop.call_later(self._retry_after, self._send)
            self._retry_after = min(self._retry_after * 2, LAST_RETRY)
            return
        for waiter, _ in batch.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._held -= batch.size
        self._in_flight = None
        self._retry_after = FIRST_RETRY
        if self.outage is not None:
            _diagnostics.warning("the evidence store answers again")
            self.outage = None
        self._pump()
        if self._drained is not None and self._in_flight is None and not self._batches:
            self._drained.set_result(None)

    def _declare_outage(self, why: str) -> None:
        if self.outage is None:
            _diagnostics.error("no record, no action: %s; new calls are refused until it answers", why)
        self.outage = why
        for batch in filter(None, (self._in_flight, *self._batches)):
            for waiter, failure in batch.waiters:
                if not waiter.done():
                    waiter.set_exception(failure(why))
            batch.waiters.clear()
