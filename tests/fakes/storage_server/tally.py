"""Counts what was answered, so that what is billed can be told: by operation, bucket and status."""

from __future__ import annotations

import json
import threading
from collections import Counter

from fakes.storage_server.faults import Seen

PATH = "/_internal/requests"  # of no API: this server's own, and not counted itself


class Tally:
    """The counts of one server."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._lock = threading.Lock()

    def note(self, seen: Seen, status: int) -> None:
        """Take note of one answer."""
        with self._lock:
            self._counts[seen.operation, seen.bucket, status] += 1

    def form(self) -> bytes:
        """Return a JSON array of `{"operation", "bucket", "status", "count"}`."""
        with self._lock:
            counts = sorted(self._counts.items())
        names = ("operation", "bucket", "status")
        return json.dumps([{**dict(zip(names, key, strict=True)), "count": count} for key, count in counts]).encode()
