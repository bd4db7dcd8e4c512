"""What is said to the person, on stderr: stdout belongs to the protocol.

A sentence a line, nothing twice in a row. Never a token: callers give sentences of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

Tell = Callable[[str], None]


class Teller:
    """Says sentences.

    Args:
        write: Takes a line with its end.
    """

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self._write = write if write is not None else _to_stderr
        self._last = ""

    def __call__(self, sentence: str) -> None:
        """Say a sentence, unless it was the last one, too."""
        if sentence != self._last:
            self._last = sentence
            self._write(f"affidavit connect: {_one_line(sentence)}\n")


def _to_stderr(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()


def _one_line(sentence: str) -> str:
    """Return a sentence without what would move a terminal's cursor: parts of it come from others."""
    return "".join(letter if letter.isprintable() else " " for letter in sentence)
