"""The writers that have ended, for whoever does not read the log from its beginning: none of them may come back.

Keeps 16 bytes for each, and only as long as anything of it may still be on its way; a writer that was opened before
that and is not known is not taken for a new one.

Source: evidence-format section 3, for ids that sort by start.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.verify.shapes import each, pack, row, text, unpack_each
from affidavit.clock import DAY, Micros, format_time

REMEMBERED: Micros = 45 * DAY  # Pub/Sub keeps what it could not deliver for 31 days, and dead letters as long again
_DAY_LENGTH, _HASH_LENGTH, _SEQ_LENGTH = 8, 10, 6  # of `20261122`; bytes of what is kept


def day_of(at: Micros) -> str:
    """Return the day of an instant as writer ids begin: `20261122`."""
    return format_time(at)[:10].replace("-", "")


@dataclass(slots=True)
class Ended:
    """Writers that have said their last word, and how many words that were.

    Attributes:
        oldest: The first day of opening of which all are known; empty if all ever are.
    """

    oldest: str = ""
    _days: dict[str, dict[bytes, int]] = field(default_factory=dict)

    def copy(self) -> Ended:
        """Return another one that knows the same."""
        return Ended(self.oldest, {day: dict(known) for day, known in self._days.items()})

    def add(self, writer: str, next_seq: int) -> None:
        """Take note of one."""
        self._days.setdefault(writer[:_DAY_LENGTH], {})[_short(writer)] = next_seq

    def find(self, writer: str) -> int | None:
        """Return how many records one has; None if it is not known to have ended."""
        return self._days.get(writer[:_DAY_LENGTH], {}).get(_short(writer))

    def is_forgotten(self, writer: str) -> bool:
        """Tell whether one of that age may have ended and be forgotten."""
        return writer[:_DAY_LENGTH] < self.oldest

    def save(self, now: Micros) -> list[Any]:
        """Return as JSON what is still needed."""
        oldest = max(self.oldest, day_of(now - REMEMBERED))
        return [
            oldest,
            [
                [day, pack(b"".join(short + count.to_bytes(_SEQ_LENGTH, "big") for short, count in known.items()))]
                for day, known in sorted(self._days.items())
                if day >= oldest
            ],
        ]

    @classmethod
    def restore(cls, saved: Any) -> Ended:
        """Go on from what `save` gave; raises `Malformed`."""
        oldest, days = row(saved, 2)
        return cls(text(oldest), dict(each(days, _restore_day)))


def _restore_day(saved: Any) -> tuple[str, dict[bytes, int]]:
    day, packed = row(saved, 2)
    known = unpack_each(packed, _HASH_LENGTH + _SEQ_LENGTH)
    return text(day), {one[:_HASH_LENGTH]: int.from_bytes(one[_HASH_LENGTH:], "big") for one in known}


def _short(writer: str) -> bytes:
    return hashlib.sha256(writer.encode()).digest()[:_HASH_LENGTH]
