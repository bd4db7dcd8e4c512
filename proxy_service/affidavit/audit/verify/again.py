"""Which bodies are to be looked at again, under which policy: calls are followed from their request to their end.

An answer does not say what it is an answer to; that was said when its call began, in another segment. Keeps that much
of each open call.

Source: evidence-format sections 5 and 9, `masks`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.commit import NamedSegment
from affidavit.audit.verify.facts import WHOLE, CallEvent, SegmentFacts
from affidavit.audit.verify.rerun import Rerun
from affidavit.audit.verify.telling import POLICY

MOST_OPEN = 100_000  # calls; what is answered of more is not looked at again
_Context = tuple[str, str, str]  # the policy's digest, upstream, target


@dataclass(slots=True)
class Again:
    """The bodies of one log.

    Attributes:
        checked, unchecked, notes: Numbers of bodies looked at, of those that could not be, and of what only a newer
            detector finds.
    """

    checked: int = 0
    unchecked: int = 0
    notes: int = 0
    _open: dict[int, _Context] = field(default_factory=dict)
    _policies: dict[str, str] = field(default_factory=dict)
    _contexts: dict[_Context, _Context] = field(default_factory=dict)

    def take(self, named: NamedSegment, facts: SegmentFacts) -> tuple[Any, ...] | None:
        """Take a segment in the order of the log.

        Returns:
            The arguments of `Reruns.segment`; None if there is nothing to look at.
        """
        for detail in facts.details:
            if detail[0] == POLICY:
                self._policies.setdefault(detail[2], named.name)
        if facts.state != WHOLE or not facts.said:
            return None
        items = [item for one in facts.said if (item := self._item(*one)) is not None]
        policies = {item[2]: self._policies[item[2]] for item in items if item[2] in self._policies}
        return (named.name, items, policies) if policies else None

    def add(self, rerun: Rerun) -> None:
        """Count what came of a segment."""
        self.checked += rerun.checked
        self.unchecked += rerun.unchecked
        self.notes += rerun.notes

    def _item(self, code: int, offset: int, key: int, context: _Context | None) -> tuple[Any, ...] | None:
        if code in (CallEvent.REQUESTED, CallEvent.REFUSED):
            if context is not None and code == CallEvent.REQUESTED and len(self._open) < MOST_OPEN:
                self._open[key] = self._contexts.setdefault(context, context)
            elif code == CallEvent.REFUSED:
                self._open.pop(key, None)
            return None if context is None else (offset, "request", *context)
        begun = self._open.pop(key, None) if code == CallEvent.ANSWERED else self._open.get(key)
        if begun is None:
            self.unchecked += 1
            return None
        return (offset, "answer", *begun)
