"""Two processes that do tasks, in whatever order they get to them; results come back in the order of asking.

Memory is bounded: a process is never more than a few jobs ahead of whoever takes the results. Small logs are done in
this process, because starting others would take longer.

Never hands anything but plain values over, and never trusts more than its own two children.
"""

from __future__ import annotations

import marshal
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from affidavit.audit.verify.tasks import Task, Tasks
from affidavit.errors import Unavailable

PROCESSES = 2
AHEAD = 3  # jobs that one process may be ahead, so that it never waits and never piles results up
LENGTH_BYTES = 4  # before each message, big-endian
_PATIENCE = 5.0  # seconds for a child to end after it was told to

Job = Sequence[Task]
Ticket = int


class Pool(Protocol):
    """Does jobs."""

    def submit(self, job: Job) -> Ticket:
        """Ask for a job; returns at once."""
        ...

    def result(self, ticket: Ticket) -> list[Any]:
        """Return the results of a job's tasks; tickets are asked for in the order in which they were given.

        Raises:
            Unavailable: The process that was to do it has ended.
        """
        ...

    def close(self) -> None:
        """Stop."""
        ...


class Inline:
    """Does each job when its result is asked for."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._jobs: dict[Ticket, Job] = {}
        self._next = 0

    def submit(self, job: Job) -> Ticket:
        """Take note of a job."""
        self._jobs[self._next] = job
        self._next += 1
        return self._next - 1

    def result(self, ticket: Ticket) -> list[Any]:
        """Do a job."""
        return [self._tasks.do(task) for task in self._jobs.pop(ticket)]

    def close(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    results: queue.SimpleQueue[bytes | None] = field(default_factory=queue.SimpleQueue)
    waiting: deque[bytes] = field(default_factory=deque)
    in_flight: int = 0

    def send(self) -> None:
        """Hand over what waits, as far as the child may be ahead."""
        while self.waiting and self.in_flight < AHEAD:
            write_message(self.input, self.waiting.popleft())
            self.in_flight += 1

    @property
    def input(self) -> IO[bytes]:
        assert self.process.stdin is not None  # noqa: S101 it was opened with pipes
        return self.process.stdin

    def listen(self) -> None:
        """Take in what the child answers, at once, so that neither ever waits for the other with full hands."""
        assert self.process.stdout is not None  # noqa: S101
        while (message := read_message(self.process.stdout)) is not None:
            self.results.put(message)
        self.results.put(None)


class Processes:
    """A pool of children of this process.

    Args:
        setup: Arguments of `Tasks.of`, plain values.
        count: Of children.
    """

    def __init__(self, setup: tuple[Any, ...], count: int = PROCESSES) -> None:
        self._children = [_start(setup) for _ in range(count)]
        self._next = 0

    def submit(self, job: Job) -> Ticket:
        """Ask the next child in turn."""
        ticket = self._next
        self._next += 1
        child = self._children[ticket % len(self._children)]
        child.waiting.append(marshal.dumps(list(job)))
        self._send(child)
        return ticket

    def result(self, ticket: Ticket) -> list[Any]:
        """Wait for the child that was asked."""
        child = self._children[ticket % len(self._children)]
        message = child.results.get()
        if message is None:
            raise Unavailable("a process that does the checking has ended; is there enough memory?")
        child.in_flight -= 1
        self._send(child)
        results: list[Any] = marshal.loads(message)  # noqa: S302 made by our own child a moment ago
        return results

    def close(self) -> None:
        """Stop the children."""
        for child in self._children:
            child.process.kill()
        for child in self._children:
            child.process.wait(_PATIENCE)
            for pipe in (child.process.stdin, child.process.stdout):
                if pipe is not None:
                    pipe.close()

    @staticmethod
    def _send(child: _Child) -> None:
        try:
            child.send()
        except OSError as error:
            raise Unavailable("a process that does the checking has ended; is there enough memory?") from error


def write_message(pipe: IO[bytes], message: bytes) -> None:
    """Write one message, whole."""
    pipe.write(len(message).to_bytes(LENGTH_BYTES, "big") + message)
    pipe.flush()


def read_message(pipe: IO[bytes]) -> bytes | None:
    """Return the next message, or None where there will be none."""
    length = pipe.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    size = int.from_bytes(length, "big")
    message = pipe.read(size)
    return message if len(message) == size else None


def _start(setup: tuple[Any, ...]) -> _Child:
    child = _Child(
        subprocess.Popen(
            [sys.executable, "-m", "affidavit.audit.verify.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    )
    threading.Thread(target=child.listen, daemon=True).start()
    write_message(child.input, marshal.dumps(setup))
    return child
