"""What a run found: figures beside what they should reach, as tables and as JSON.

Plain Markdown when piped, so that the README can carry it as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

PLAIN_WIDTH = 150  # columns when piped
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number with its unit; `reached` is None where there is nothing to reach."""

    name: str
    value: float
    unit: str = ""
    target: str = ""
    reached: bool | None = None

    @property
    def text(self) -> str:
        return f"{_number(self.value)} {self.unit}".strip()

    @classmethod
    def at_least(cls, name: str, value: float, bound: float, unit: str = "", note: str = "") -> Figure:
        """A figure that should not be below a bound."""
        target = f"at least {_number(bound)} {unit}".strip() + note
        return cls(name=name, value=value, unit=unit, target=target, reached=value >= bound)

    @classmethod
    def at_most(cls, name: str, value: float, bound: float, unit: str = "", note: str = "") -> Figure:
        """A figure that should not be above a bound."""
        target = f"at most {_number(bound)} {unit}".strip() + note
        return cls(name=name, value=value, unit=unit, target=target, reached=value <= bound)


Found = tuple[list[Figure], dict[str, Any]]  # what one measurement gives: figures, and details for the JSON


@dataclass(slots=True)
class Report:
    """All that one run found.

    Attributes:
        machine: Where it ran.
        rows: One for each target of calls: heading to cell.
        figures: In the order in which they were found.
        tables: Others, each of rows with the same headings.
        details: Of each part, for whoever wants the rounds.
        broken: What went wrong; then the run fails.
    """

    machine: Mapping[str, str]
    rows: list[dict[str, str]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    tables: list[list[dict[str, str]]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        told = {
            "machine": self.machine,
            "targets": self.rows,
            "figures": [asdict(figure) for figure in self.figures],
            "tables": self.tables,
            "details": self.details,
            "broken": self.broken,
        }
        file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


class Screen:
    """Where a run is told: tables on stdout, progress on stderr."""

    def __init__(self) -> None:
        piped = not sys.stdout.isatty()
        self.console = Console(width=PLAIN_WIDTH if piped else None, highlight=False)
        self.progress = Console(stderr=True, highlight=False)
        self.box = box.MARKDOWN if piped else box.SIMPLE_HEAD

    def say(self, what: str) -> None:
        """Tell what takes time now."""
        self.progress.print(f"[dim]… {what}[/dim]")

    def show(self, report: Report) -> None:
        """Print the tables."""
        self.console.print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in report.machine.items()))
        if report.rows:
            self._table([*report.rows[0]], (row.values() for row in report.rows))
        if report.figures:
            self._table(["figure", "measured", "to reach", ""], map(_cells, report.figures))
        for rows in report.tables:
            self._table([*rows[0]], (row.values() for row in rows))
        for broken in report.broken:
            self.console.print(f"[red]BROKEN[/red]: {broken}", markup=True)

    def _table(self, headings: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
        table = Table(box=self.box)
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="left" if number == 0 or heading in {"to reach", ""} else "right")
        for row in rows:
            table.add_row(*row)
        self.console.print()
        self.console.print(table)


def _cells(figure: Figure) -> list[str]:
    verdict = {True: "[green]reached[/green]", False: "[bold red]not reached[/bold red]", None: ""}[figure.reached]
    return [figure.name, figure.text, figure.target, verdict]


def _number(value: float) -> str:
    if value >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
