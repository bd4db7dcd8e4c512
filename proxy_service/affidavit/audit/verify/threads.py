"""Threads that do tasks side by side, for buckets that answer slowly; results come back in the order of asking.

What takes time there is the way to a bucket and back, once for each object; so every task is its own, and many are on
their way at once.

Never used for folders: there the work itself takes the time, and `pool` has processes for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from affidavit.audit.verify.pool import Job, Ticket
from affidavit.audit.verify.tasks import Tasks

THREADS = 24  # on their way at once: 0.05 s a round trip make about 500 objects a second


class Threads:
    """A `Pool` of threads of this process."""

    def __init__(self, tasks: Tasks, count: int = THREADS) -> None:
        self._tasks = tasks
        self._executor = ThreadPoolExecutor(count, "verify")
        self._waiting: dict[Ticket, Sequence[Future[Any]]] = {}
        self._next = 0

    def submit(self, job: Job) -> Ticket:
        """Begin with all tasks of a job."""
        self._waiting[self._next] = [self._executor.submit(self._tasks.do, task) for task in job]
        self._next += 1
        return self._next - 1

    def result(self, ticket: Ticket) -> list[Any]:
        """Wait for the tasks of a job."""
        return [future.result() for future in self._waiting.pop(ticket)]

    def close(self) -> None:
        """Stop; what has not begun is not done."""
        self._executor.shutdown(cancel_futures=True)
