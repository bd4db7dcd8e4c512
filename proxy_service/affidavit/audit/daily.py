"""The checkpoint of the day: said once after each UTC day, so that people outside keep what nobody can take back.

Source: evidence-format section 9, `--known`: the one remedy against a roll-back of everything.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from affidavit.audit.verify.notes import LogKeys
from affidavit.audit.verify.readable import Readable
from affidavit.clock import DAY, MINUTE, Micros, format_time
from affidavit.errors import Malformed, VerificationFailed
from affidavit.evidence.names import checkpoint_name
from affidavit.evidence.ports import EvidenceStore

EVENT = "daily_checkpoint"
AFTER_MIDNIGHT: Micros = 10 * MINUTE  # no commit of the day before may come then: its clock would be wrong
_FOLDER = "day/"
_DATE = slice(0, 10)  # of a time

_diagnostics = logging.getLogger("affidavit.check")


@dataclass(slots=True)
class Daily:
    """Says the last verified checkpoint of the day before.

    Attributes:
        store: Where it is remembered that it was said.
        evidence: Where checkpoints are kept.
        keys: The log's.
    """

    store: EvidenceStore
    evidence: Readable
    keys: LogKeys
    _days: dict[str, int] = field(default_factory=dict)

    def learn(self, days: Mapping[str, int]) -> None:
        """Take note of days, each with the size of its last verified and signed commit."""
        self._days.update(days)

    def say(self, now: Micros, *, at_end: bool) -> None:
        """Say it, if it is due and was not said; raises `Unavailable`, `OutcomeUnknown`."""
        today, yesterday = format_time(now)[_DATE], format_time(now - DAY)[_DATE]
        before = [size for day, size in self._days.items() if day < today]
        over = any(day >= today for day in self._days) or (at_end and now % DAY > AFTER_MIDNIGHT)
        if not before or not over or self.store.read(f"{_FOLDER}{yesterday}") is not None:
            return
        raw = self.evidence.read(checkpoint_name(max(before))) or b""
        try:
            checkpoint = self.keys.open_kept(raw)
        except (Malformed, VerificationFailed):  # changed since it was verified, which the next check says
            return
        text = f"the checkpoint of {yesterday}: {checkpoint.size} records; keep it outside"
        fields = {"size": checkpoint.size, "root": checkpoint.root.hex(), "note": raw.decode()}
        _diagnostics.warning("%s", text, extra={"event": EVENT, **fields})
        # Said first: to be told twice is better than not to be told.
        self.store.create({f"{_FOLDER}{yesterday}": raw})
