"""What a test wants to go wrong, and what has been asked."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens instead of an answer.

    Attributes:
        how: An error of the server, a connection that is cut, no answer at all, or an object with one bit turned over.
        persisted: Whether the work is done all the same, so that only the answer is lost.
    """

    how: Literal["error", "cut", "silence", "garbled"] = "error"
    persisted: bool = False
    status: int = 503


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came: `operation` as the JSON API calls it (`objects.insert`)."""

    operation: str
    bucket: str
    name: str
    query: Mapping[str, str]


class Faults:
    """The faults that wait for requests, and the requests that came."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.mended = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, str, str]] = []

    def fail(self, fault: Fault, times: int = 1, *, operation: str = "", name: str = "") -> None:
        """Break the next requests of an operation on a name; empty, of any."""
        with self._lock:
            self.mended.clear()
            self._waiting += [(fault, operation, name)] * times

    def mend(self) -> None:
        """Answer all requests again, also those that wait for an answer."""
        with self._lock:
            self._waiting.clear()
            self.mended.set()

    def next_for(self, seen: Seen) -> Fault | None:
        """Take note of a request, and return what shall go wrong with it."""
        with self._lock:
            self.requests.append(seen)
            for number, (fault, operation, name) in enumerate(self._waiting):
                if operation in {"", seen.operation} and name in {"", seen.name}:
                    del self._waiting[number]
                    return fault
            return None
