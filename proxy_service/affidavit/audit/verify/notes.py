"""Signed checkpoints as they are stored: is one valid, and what does it say?

Source: evidence-format sections 7 and 9; C2SP signed-note, tlog-checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affidavit.errors import Malformed, VerificationFailed
from affidavit.tlog.checkpoint import Checkpoint, open_checkpoint
from affidavit.tlog.note import Note, VerifierKey


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeys:
    """The log's verifier keys, all under its one origin; several after a rotation."""

    origin: str
    keys: tuple[VerifierKey, ...]

    def open(self, raw: bytes) -> Checkpoint:
        """Return the checkpoint in a note; raises `Malformed`, `VerificationFailed`."""
        return open_checkpoint(raw, origin=self.origin, keys=self.keys)

    def open_kept(self, raw: bytes) -> Checkpoint:
        """Return the checkpoint in a kept note, which has the log's own line alone; raises as `open`."""
        checkpoint = self.open(raw)
        if len(Note.parse(raw).signatures) != 1:
            raise VerificationFailed("it carries more lines than the log's own")
        return checkpoint

    def open_head(self, raw: bytes) -> tuple[Checkpoint, int]:
        """Return the checkpoint in the head, whose first line is the log's, and how many lines follow; raises."""
        checkpoint = self.open(raw)
        first, *others = Note.parse(raw).signatures
        if (first.name, first.key_id) not in {(key.name, key.key_id) for key in self.keys}:
            raise VerificationFailed("its first line is not the log's own")
        own = {(key.name, key.key_id) for key in self.keys}
        return checkpoint, sum((line.name, line.key_id) not in own for line in others)


def parse_keys(texts: Sequence[str]) -> LogKeys:
    """Return the keys that texts spell.

    Raises:
        Malformed: One is no verifier key, or they are of different logs, or there is none.
    """
    keys = tuple(VerifierKey.parse(text.strip()) for text in texts)
    origins = {key.name for key in keys}
    if len(origins) != 1:
        raise Malformed("the keys must be of one log, and one key at least", code="bad_verifier_key")
    return LogKeys(origin=origins.pop(), keys=keys)
