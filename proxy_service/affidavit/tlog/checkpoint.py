"""The text that a log signs: its name, its size, its root.

Source: C2SP tlog-checkpoint, without extension lines.
Never decides which of two checkpoints is newer or whether they agree: `proof` does.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from affidavit.errors import Malformed, VerificationFailed
from affidavit.tlog.merkle import EMPTY_ROOT, HASH_SIZE, MAX_SIZE, Hash
from affidavit.tlog.note import Note, decode_base64, verify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from affidavit.tlog.note import VerifierKey

_LINES = 3  # origin, size, root


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log says of itself at one size.

    Attributes:
        origin: The log's name, one line.
        size: Leaves, at most 2^53-1.
        root: 32 raw bytes.
    """

    origin: str
    size: int
    root: Hash

    def __post_init__(self) -> None:
        if not self.origin or any(char < " " for char in self.origin):
            raise Malformed("an origin is one line of text, not empty", code="bad_origin")
        if not 0 <= self.size <= MAX_SIZE:
            raise Malformed(f"a log has 0 to {MAX_SIZE} leaves", code="bad_size")
        if len(self.root) != HASH_SIZE or (self.size == 0 and self.root != EMPTY_ROOT):
            raise Malformed("a root has 32 bytes, and that of an empty log is SHA-256 of nothing", code="bad_root")

    def text(self) -> str:
        """Return the note text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a note text.

        Raises:
            Malformed: It is not exactly what `text` would give; extension lines are refused.
        """
        lines = text.split("\n")
        if len(lines) != _LINES + 1:
            raise Malformed("a checkpoint is three lines: origin, size, root", code="bad_checkpoint")
        origin, size, root = lines[:_LINES]
        checkpoint = cls(origin=origin, size=_parse_size(size), root=decode_base64(root))
        if checkpoint.text() != text:
            raise Malformed("a size has no leading zeros; a checkpoint ends after its root", code="bad_checkpoint")
        return checkpoint


def open_checkpoint(raw: bytes, *, origin: str, keys: Iterable[VerifierKey]) -> Checkpoint:
    """Return the checkpoint in a signed note, now believed.

    Args:
        raw: The note's bytes.
        origin: The log that is expected.
        keys: The log's keys. One under another name than `origin` vouches for nothing here.

    Raises:
        Malformed: `raw` is no note, or its text no checkpoint.
        VerificationFailed: No valid signature by the log, or it is another log's.
    """
    checkpoint = Checkpoint.parse(verify(Note.parse(raw), [key for key in keys if key.name == origin]))
    if checkpoint.origin != origin:
        raise VerificationFailed(f"the checkpoint is of {checkpoint.origin!r}, not of {origin!r}")
    return checkpoint


def _parse_size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_SIZE)):
        raise Malformed("a size is a decimal number", code="bad_size")
    return int(text)
