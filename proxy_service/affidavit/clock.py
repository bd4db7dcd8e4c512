"""Time as this project writes it: RFC 3339, UTC, exactly six decimals, `Z`.

Inside the code an instant is an integer, microseconds since 1970-01-01T00:00:00Z, so that comparing and subtracting
are exact.

Source: evidence-format section 1.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

Micros = int
Clock = Callable[[], Micros]

SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
DAY: Micros = 24 * 60 * MINUTE

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z", re.ASCII)


def system_clock() -> Micros:
    """Return the machine's idea of now."""
    return time.time_ns() // 1000


@lru_cache(maxsize=16)
def _to_seconds(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.")


def format_time(at: Micros) -> str:
    """Return the one text of an instant: `2026-11-22T12:25:57.000001Z`."""
    seconds, micros = divmod(at, SECOND)
    return f"{_to_seconds(seconds)}{micros:06d}Z"


@lru_cache(maxsize=64)
def _from_seconds(text: str) -> int:
    return int(datetime.fromisoformat(text + "+00:00").timestamp())


def parse_time(text: str) -> Micros:
    """Return the instant that a text names.

    Raises:
        ValueError: Not exactly the form of `format_time`, or no such day.
    """
    if not _TIME.fullmatch(text):
        raise ValueError(f"not a time of the form 2026-11-22T12:25:57.000001Z: {text!r}")
    return _from_seconds(text[:19]) * SECOND + int(text[20:26])
