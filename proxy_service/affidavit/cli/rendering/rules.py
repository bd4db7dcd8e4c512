"""Decisions and values in the words and colours that all commands have for them."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from affidavit.audit.timeline.items import Damage, Hole
from affidavit.mcp.strict_json import print_json

_COLOURS = {"allow": "green", "deny": "red", "require_approval": "yellow"}
_LONGEST = 300  # characters of a value that are shown


def verdict(decision: str, width: int = 0) -> Text:
    """Return a decision in its colour, with two blanks after it."""
    return Text(f"{decision:<{width}}  ", _COLOURS.get(decision, "dim"), end="")


def value(of: Any) -> str:
    """Return a value as JSON, cut where it is long."""
    said = print_json(of).decode("utf-8", "replace")
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}… ({len(said):,} characters)"


def one_line(condition: str) -> str:
    """Return a condition, or a part of one, as one line."""
    return " ".join(line.strip() for line in condition.strip().splitlines())


def counted(number: int, what: str) -> str:
    """Return `1 call` or `2 calls`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def told(item: Damage | Hole) -> str:
    """Return what cannot be read, as a sentence."""
    if isinstance(item, Damage):
        return f"{item.object} cannot be read: {item.why}"
    return f"records {item.first} to {item.last} of {item.writer} are not here"
