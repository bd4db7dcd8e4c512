"""A revocation list in memory, with every fault twice: failed, and failed *but persisted*."""

from __future__ import annotations

from collections.abc import Sequence

from affidavit.identity.revocation import Revocation
from fakes.stores import Faults


class MemoryRevocations:
    """A `RevocationList`. Law: nothing is ever removed or moved."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._entries: dict[Revocation, None] = {}

    def add(self, revocation: Revocation) -> None:
        self.faults.write(lambda: self._entries.setdefault(revocation))

    def since(self, position: int) -> Sequence[Revocation]:
        return list(self._entries)[position:]
