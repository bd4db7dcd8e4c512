"""Lines with a margin: wrapped to a terminal's width with the margin repeated, written as they are into a pipe.

The margin is what tells our words from recorded ones: a recorded line break can begin a line, but never without it.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from affidavit.cli.rendering.recorded import joined

_LONGEST_WRAPPED = 20_000  # characters; the terminal breaks longer lines faster than we do
_NARROWEST = 20  # columns for what stands beside a margin, however narrow the terminal


class Page:
    """Where lines are printed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._wraps = console.is_terminal

    def line(self, content: Text | str = "", margin: Text | str = "") -> None:
        """Print one line.

        Args:
            content: Without line breaks.
            margin: Stands before it; before the lines that it is wrapped to, what is drawn in it stands alone.
        """
        content = Text(content, end="") if isinstance(content, str) else content
        margin = Text(margin, end="") if isinstance(margin, str) else margin
        if not self._wraps:
            self._console.file.write(f"{margin.plain}{content.plain}".rstrip(" ") + "\n")
            return
        width = max(_NARROWEST, self._console.width - margin.cell_len)
        if content.cell_len <= width or len(content) > _LONGEST_WRAPPED:
            self._print(margin, content)
            return
        for piece in content.wrap(self._console, width, overflow="fold"):
            self._print(margin, piece)
            margin = blanked(margin)

    def _print(self, margin: Text, content: Text) -> None:
        whole = joined(margin, content)
        whole.rstrip()
        self._console.print(whole, soft_wrap=True, highlight=False)


def blanked(margin: Text) -> Text:
    """Return a margin without its words: what is drawn stays."""
    drawn = "".join(char if char in "│ " else " " for char in margin.plain)
    return Text(drawn, "dim", end="")
