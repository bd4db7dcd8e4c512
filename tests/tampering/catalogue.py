"""How a tampering is described: what it does to the story, and what must be said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tampering.story import Story

Tamper = Callable[[Story], None]


@dataclass(frozen=True)
class Tampering:
    """One kind of tampering.

    Attributes:
        name: What is done.
        tamper: Does it to a story.
        checks: All checks that fail because of it, no more and no fewer.
        where: Part of the name of an object that a finding of the first check names.
        record: Gives the record that such a finding names, from the story; None: not asked for.
        found: Part of what a finding of the first check says it found, or expected.
    """

    name: str
    tamper: Tamper
    checks: tuple[str, ...]
    where: str | None
    record: Callable[[Story], str] | None
    found: str | None


CATALOGUE: list[Tampering] = []


def caught(
    *checks: str, where: str | None = None, record: Any = None, found: str | None = None
) -> Callable[[Tamper], Tamper]:
    """Put a tampering into the catalogue, with the checks that must catch it."""

    def enter(tamper: Tamper) -> Tamper:
        CATALOGUE.append(Tampering(tamper.__name__, tamper, checks, where, record, found))
        return tamper

    return enter


def find(files: dict[str, bytes], *parts: str) -> str:
    """Return the one name that has all parts in it."""
    found = [name for name in sorted(files) if all(part in name for part in parts)]
    assert len(found) == 1, f"{parts} names {found}"
    return found[0]


def flip(data: bytes, place: int = -1) -> bytes:
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
