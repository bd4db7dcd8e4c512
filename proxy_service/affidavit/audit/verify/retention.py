"""Disposal: until when the body of a record must be there.

Source: evidence-format section 5, `log:retention`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.verify.shapes import each, moment, row, wrong
from affidavit.clock import DAY, Micros

MOST_DAYS = 366 * 1_000


def read_classes(value: Any) -> dict[str, int] | None:
    """Return class to days, or None if that is not what a value is."""
    if type(value) is not dict:
        return None
    well_formed = all(type(days) is int and 0 <= days <= MOST_DAYS for days in value.values())
    return dict(value) if well_formed else None


@dataclass(slots=True)
class Retention:
    """All that the log states about it, in order.

    Attributes:
        stated: When, and class to days.
    """

    stated: list[tuple[Micros, Mapping[str, int]]] = field(default_factory=list)

    def save(self) -> list[Any]:
        """Return it as JSON."""
        return [[at, dict(classes)] for at, classes in self.stated]

    @classmethod
    def restore(cls, saved: Any) -> Retention:
        """Go on from what `save` gave; raises `Malformed`."""
        stated: list[tuple[Micros, Mapping[str, int]]] = []
        for at, classes in each(saved, lambda one: row(one, 2)):
            if (known := read_classes(classes)) is None:
                raise wrong("list of classes")
            stated.append((moment(at), known))
        return cls(stated)

    def state(self, at: Micros, classes: Mapping[str, int]) -> None:
        """Take note of the next statement."""
        self.stated.append((at, classes))

    def ends(self, retention_class: str, recorded: Micros) -> Micros | None:
        """Return when the period of a body is over; None: it is never disposed.

        A period that has ended stays ended; one that has not follows what is stated last, whether longer or shorter,
        and never ends while its class is not stated.
        """
        ends: Micros | None = None
        for at, classes in self.stated:
            if ends is not None and ends <= at:
                return ends
            days = classes.get(retention_class)
            ends = None if days is None else recorded + days * DAY
        return ends
