"""What a verification is asked to verify.

Source: evidence-format section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.checkpoints import Known
from affidavit.audit.verify.notes import LogKeys
from affidavit.clock import Micros

SMALL = 10_000  # records; below it, starting processes takes longer than the work

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to verify.

    Attributes:
        buckets: The copy.
        keys: The log's.
        now: The time, for disposal.
        as_of: The time at which everything else is judged; `commit` for that of the newest commit.
        known: Checkpoints that the auditor kept.
        seed: At least 16 random bytes; they make what is remembered of calls unpredictable.
        small: Records up to which this process does all of the work.
        progress: Told from time to time how many records of how many are done.
    """

    buckets: Buckets
    keys: LogKeys
    now: Micros
    as_of: Micros | Literal["commit"]
    seed: bytes
    known: Sequence[Known] = ()
    small: int = SMALL
    progress: Progress = field(default=lambda *_: None)

    def from_seed(self, seed: bytes) -> Request:
        """Return the same request with another seed."""
        return replace(self, seed=seed)
