"""What is wrong with a configuration file, with the lines.

Source: architecture "Configuration": every error at once, each with its line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from affidavit.errors import Misconfigured

Place = tuple[str | int, ...]  # keys and 0-based positions, from the top of the file


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend.

    Attributes:
        line: 1-based.
        path: `rules[2].when`; empty for the file as a whole.
    """

    line: int
    path: str
    message: str

    def __str__(self) -> str:
        """The problem as a person reads it, after the file's name and a colon."""
        return f"{self.line}: {self.path}: {self.message}" if self.path else f"{self.line}: {self.message}"

    def form(self) -> dict[str, str | int]:
        """Return the JSON form."""
        return asdict(self)


class ConfigurationErrors(Misconfigured):
    """Everything that is wrong with a file.

    Attributes:
        errors: In the order of their lines, at least one.
    """

    def __init__(self, path: Path, errors: Iterable[Problem]) -> None:
        self.path = path
        self.errors = sorted(set(errors))
        super().__init__("\n".join(f"{path}:{error}" for error in self.errors))


def show(place: Place) -> str:
    """Return a place as text."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
