"""The work that needs no order: any process does it, and plain values come and go.

Source: evidence-format section 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.bundles import look_at_bundles
from affidavit.audit.verify.examine import Examiner
from affidavit.audit.verify.notes import LogKeys, parse_keys
from affidavit.audit.verify.readable import Readable
from affidavit.errors import Malformed, Unavailable, VerificationFailed
from affidavit.evidence.names import checkpoint_name

SEGMENT, CHECKPOINT, BUNDLE, AGAIN = range(4)  # what a task is; the rest of the tuple are its arguments

Task = tuple[Any, ...]
KeptCheckpoint = tuple[str, str, int, bytes]  # what it is (`ok`, `absent`, `wrong`, `unread`), why not, size, root


class Tasks:
    """Does tasks over one copy.

    Args:
        buckets: Where it lies.
        keys: The log's.
        seed: As for `Examiner`.
    """

    def __init__(self, buckets: Buckets, keys: LogKeys, seed: bytes) -> None:
        self._buckets = buckets
        self._keys = keys
        self.examiner = Examiner(buckets, seed)

    @classmethod
    def of(cls, buckets: Sequence[Any], keys: Sequence[str], seed: bytes) -> Tasks:
        """Return the one that plain values describe."""
        return cls(Buckets.of(*buckets), parse_keys(keys), seed)

    def do(self, task: Task) -> Any:
        """Do one task; its result holds nothing but plain values."""
        kind, *arguments = task
        if kind == SEGMENT:
            return tuple(self.examiner.committed(*arguments))
        if kind == AGAIN:
            return tuple(self.examiner.reruns.segment(*arguments))
        if kind == CHECKPOINT:
            return kept_checkpoint(self._buckets.evidence, self._keys, *arguments)
        log = self._buckets.log
        return [] if log is None else _bundles_or_why(log, *arguments)


def kept_checkpoint(evidence: Readable, keys: LogKeys, size: int) -> KeptCheckpoint:
    """Return what lies where the checkpoint of a size is kept."""
    try:
        raw = evidence.read(checkpoint_name(size))
        if raw is None:
            return "absent", "", 0, b""
        checkpoint = keys.open_kept(raw)
    except Unavailable as error:
        return "unread", str(error), 0, b""
    except (Malformed, VerificationFailed) as error:
        return "wrong", str(error), 0, b""
    return "ok", "", checkpoint.size, checkpoint.root


def _bundles_or_why(log: Any, index: int, width: int) -> list[Any]:
    try:
        return list(look_at_bundles(log, index, width))
    except Unavailable as error:
        return [(f"tile/entries (bundle {index})", width, "unread", str(error))]
