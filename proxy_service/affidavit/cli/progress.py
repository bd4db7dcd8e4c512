"""A progress bar that appears when somebody is looking and has waited a while."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

SLOW = 2.0  # seconds until a progress bar is worth its noise


@dataclass(slots=True)
class Bar:
    """One bar, over one piece of work."""

    console: Console
    what: str
    _started: float = field(default_factory=time.monotonic)
    _bar: Progress | None = None
    _task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def move(self, done: int, total: int | None) -> None:
        """Show that so many are done, of so many where that is known."""
        if self._bar is None and self.console.is_terminal and time.monotonic() - self._started > SLOW:
            columns = TextColumn(self.what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(self.what, total=total)
            self._bar.start()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=None if total is None else max(total, done))
