"""What the demo prints: steps as they happen, claims with whether they hold, all of it plain in a pipe."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from rich.console import Console
from rich.text import Text

_WIDTH = 100  # columns, at most: what the timeline is laid out for


class Stage:
    """The terminal, and the claims that were made on it.

    Attributes:
        broken: Claims that did not hold.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.broken: list[str] = []
        self._scenes = 0

    def scene(self, title: str, *explained: str) -> None:
        """Begin a scene."""
        self._scenes += 1
        self.console.print()
        self.console.print(Text.assemble((f" {self._scenes} ", "reverse bold"), (f" {title}", "bold")))
        for line in explained:
            self.say(line, "dim")

    def say(self, text: str, style: str = "", *, mark: str = "") -> None:
        """Print one line of our own words."""
        self.console.print(Text.assemble("   ", (mark, style), (text, style)), highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def left_out_of_the_picture(self) -> Iterator[None]:
        """Print what the block prints, but not into a picture."""
        record, self.console.record = self.console.record, False
        try:
            yield
        finally:
            self.console.record = record

    def write_picture(self, path: Path) -> None:
        """Write what was printed as SVG."""
        # Without the fonts that rich would fetch from elsewhere: a reader's own will do.
        picture = re.sub(r"@font-face \{.*?\}\s*", "", self.console.export_svg(title="make demo"), flags=re.DOTALL)
        path.write_text(picture, "utf-8")

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Say what takes time while it does, then how long it took, and what the block appends."""
        begun, more = time.monotonic(), list[str]()
        if self.console.is_terminal and not self.console.record:  # a picture would hold every turn of the spinner
            with self.console.status(f"{what} …"):
                yield more
            self.console.print(f"   · {what}", end="", highlight=False)
        else:
            self.console.print(f"   · {what}", end="", highlight=False, soft_wrap=True)
            self.console.file.flush()
            yield more
        took = f"({time.monotonic() - begun:.1f} s)"
        self.console.print("", *more, took, highlight=False, soft_wrap=True)

    def claim(self, what: str, holds: bool) -> None:  # noqa: FBT001 reads as a sentence at every call
        """Say something that was found true, or that it was not."""
        if not holds:
            self.broken.append(what)
        self.say(what if holds else f"NOT TRUE: {what}", "green" if holds else "bold red", mark="✓ " if holds else "✗ ")

    def quote(self, text: str, style: str = "") -> None:
        """Print what somebody else says."""
        for line in Text.from_ansi(text).split("\n"):
            line.stylize(style)
            self.console.print(Text.assemble("   │ ", line), highlight=False, soft_wrap=True)

    def paste(self, text: str) -> None:
        """Print what is to be copied: nothing before it, no line break in it."""
        self.console.print(Text(text, "cyan"), highlight=False, soft_wrap=True)


def new_console(*, recorded: bool) -> Console:
    """Return the terminal, not wider than its pictures are."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know all letters
    if recorded:
        return Console(record=True, force_terminal=True, width=_WIDTH, color_system="truecolor")
    console = Console()
    console.width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    return console
