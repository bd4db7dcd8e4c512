"""Fields of records that nobody has checked: read as what they should be, or as nothing.

A record is signed by its writer, which says who wrote it and not that its fields are of their form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NOTHING: Mapping[str, Any] = {}


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, an empty one in place of anything else."""
    return value if type(value) is dict else _NOTHING


def text(value: Any) -> str:
    """Return a text; nothing for null, and the JSON of anything else as Python shows it."""
    return value if type(value) is str else "" if value is None else repr(value)


def number(value: Any) -> int | None:
    """Return an integer, or None."""
    return value if type(value) is int else None


def items(value: Any) -> list[Any]:
    """Return a list, an empty one in place of anything else."""
    return value if type(value) is list else []
