"""What the demo prints: steps as they happen, claims with whether they hold, all of it plain in a pipe."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import time
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from rich.console import Console
from rich.text import Text

from affidavit.cli.rendering.page import Page

_WIDTH = 100  # columns, at most: what the timeline is laid out for


class Stage:
    """The terminal, and the claims that were made on it.

    Attributes:
        broken: Claims that did not hold.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.broken: list[str] = []
        self._page = Page(console)
        self._scenes = 0
        self._dots = False

    def scene(self, title: str, *explained: str) -> None:
        """Begin a scene."""
        self._scenes += 1
        self._dots = False
        self.console.print()
        self.console.print(Text.assemble((f" {self._scenes} ", "reverse bold"), (f" {title}", "bold")))
        for line in explained:
            self.say(line, "dim")

    def say(self, text: str, style: str = "", *, mark: str = "") -> None:
        """Print one line of our own words."""
        self._dots = False
        self._page.line(Text(text, style, end=""), Text(f"   {mark}", style, end=""))

    @contextlib.contextmanager
    def left_out_of_the_picture(self) -> Iterator[None]:
        """Print what the block prints, but not into a picture, which has dots in its place."""
        record, self.console.record = self.console.record, False
        try:
            yield
        finally:
            self.console.record = record
        if record and not self._dots:
            terminal, self.console.file = self.console.file, io.StringIO()
            self.console.print("   ⋮", style="dim")
            self.console.file = terminal
        self._dots = record

    def write_picture(self, path: Path) -> None:
        """Write what was printed as SVG."""
        # Without the fonts that rich would fetch from elsewhere: a reader's own will do.
        picture = re.sub(r"@font-face \{.*?\}\s*", "", self.console.export_svg(title="make demo"), flags=re.DOTALL)
        path.write_text(picture, "utf-8")

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Say what takes time while it does, then how long it took, and what the block appends."""
        begun, more = time.monotonic(), list[str]()
        if self.console.is_terminal:
            record, self.console.record = self.console.record, False  # what turns is no part of a picture
            with self.console.status(f"{what} …"):
                yield more
            self.console.record = record
            self.say(f"{what} {' '.join((*more, self._since(begun)))}", mark="· ")
            return
        self.console.file.write(f"   · {what} …")
        self.console.file.flush()
        yield more
        self.console.file.write(f" {' '.join((*more, self._since(begun)))}\n")

    @staticmethod
    def _since(begun: float) -> str:
        return f"({time.monotonic() - begun:.1f} s)"

    def claim(self, what: str, holds: bool) -> None:  # noqa: FBT001 reads as a sentence at every call
        """Say something that was found true, or that it was not."""
        if not holds:
            self.broken.append(what)
        self.say(what if holds else f"NOT TRUE: {what}", "green" if holds else "bold red", mark="✓ " if holds else "✗ ")

    def quote(self, text: str, style: str = "", *, pictured: str = "") -> None:
        """Print what somebody else says; `pictured` is a pattern for the lines that a picture has."""
        for line in Text.from_ansi(text).split("\n"):
            line.stylize(style)
            if re.search(pictured, line.plain):
                self._dots = False
                self._page.line(line, "   │ ")
            else:
                with self.left_out_of_the_picture():
                    self._page.line(line, "   │ ")

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
