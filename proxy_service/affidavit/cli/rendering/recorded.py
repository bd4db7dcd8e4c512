"""Recorded text on a terminal: whatever somebody made a gateway record, it can be read and can do nothing.

Control characters, invisible ones and those that turn the direction of text are shown as escapes. A terminal that
obeyed them could be made to show another history than the one that was recorded.

Source: Unicode Standard chapter 4 (general categories); ECMA-48 section 5.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

ESCAPED = "reverse dim"
_TAB = "    "
_BLANK = "Zs"  # blanks of all widths: harmless, and some languages write numbers with them


def harmless(recorded: str, style: str = "") -> Text:
    """Return one line of recorded text, with everything in it visible."""
    if recorded.isprintable():
        return Text(recorded, style, end="")
    text = Text(style=style, end="")
    for char in recorded:
        if char.isprintable() or unicodedata.category(char) == _BLANK:
            text.append(char)
        else:
            text.append(char.encode("unicode_escape").decode("ascii"), ESCAPED)
    return text


def joined(*parts: Text) -> Text:
    """Return one line of parts, each in its own style."""
    line = Text(end="")
    for part in parts:
        line.append_text(part)
    return line


def lines_of(recorded: str) -> Iterator[str]:
    """Yield the lines of recorded text, for `harmless`."""
    for line in recorded.split("\n"):
        yield line.removesuffix("\r").replace("\t", _TAB)


@dataclass(frozen=True, slots=True)
class Fold:
    """How much of a long text is shown."""

    lines: int
    characters: int

    def cut(self, recorded: str) -> tuple[list[str], str]:
        """Return the lines to show, and what is left out in words; nothing, if that is nothing."""
        shown = list(lines_of(recorded[: self.characters]))[: self.lines]
        left = len(recorded) - sum(map(len, shown)) - len(shown) + 1
        lines = recorded.count("\n") + 1 - len(shown)
        if lines > 0:
            return shown, f"{lines:,} more line{'s' * (lines != 1)}"
        return shown, f"{left:,} more characters" if len(recorded) > self.characters else ""


ALL = Fold(lines=1 << 62, characters=1 << 62)
