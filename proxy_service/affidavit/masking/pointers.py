"""JSON pointers with wildcards: `*` is any one step, `**` any number of them.

Source: RFC 6901, whose escapes `~0` and `~1` hold here, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

Step = str | int  # a member's name, or a position in a list

_POINTER = re.compile(r"(/([^~/]|~[01])*)*")
_MAX_STEPS = 32


def parse_pointer(text: str) -> tuple[str, ...]:
    """Return the steps of a pointer with wildcards; raises ValueError."""
    if not _POINTER.fullmatch(text) or not text:
        raise ValueError(f"'{text}' is not a JSON pointer, as in /params/arguments/*/password or /**/iban")
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])
    if len(steps) > _MAX_STEPS:
        raise ValueError(f"a pointer has at most {_MAX_STEPS} steps")
    return steps


def leads_to(steps: Sequence[str], path: Sequence[Step]) -> bool:
    """Tell whether a pointer leads to a place: all of it, no further, no less far."""
    at = {0}  # steps of the pointer that are behind us
    for here in path:
        at = _over_any(steps, at)
        name = str(here)
        at = {i + (steps[i] != "**") for i in at if i < len(steps) and steps[i] in (name, "*", "**")}
        if not at:
            return False
    return len(steps) in _over_any(steps, at)


def _over_any(steps: Sequence[str], at: set[int]) -> set[int]:
    """Return also the places behind a `**`, which may be no step at all."""
    reached = set(at)
    for i in sorted(at):
        behind = i
        while behind < len(steps) and steps[behind] == "**":
            behind += 1
            reached.add(behind)
    return reached


def hint(steps: Sequence[str]) -> str | None:
    """Return a name that any place which a pointer leads to has on its way; None if there is none."""
    return next((step for step in reversed(steps) if step not in ("*", "**") and not step.isdigit() and step), None)


def print_pointer(path: Sequence[Step]) -> str:
    """Return a place as RFC 6901 writes it."""
    return "".join(f"/{_escaped(step)}" if type(step) is str else f"/{step}" for step in path)


@lru_cache(maxsize=1024)
def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
