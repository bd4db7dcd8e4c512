"""A ledger of tool definitions in memory, with every fault twice: failed, and failed *but persisted*."""

from __future__ import annotations

from affidavit.gateway.ports import SeenDefinition, Standing
from fakes.stores import Faults

SINCE = "2026-11-22T12:25:57.000001Z"


class MemoryLedger:
    """A `DefinitionLedger` that can be reviewed. Law: the first stands until another is accepted."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._standing: dict[tuple[str, str], Standing] = {}
        self._shown: dict[tuple[str, str, str], bytes] = {}

    async def see(self, upstream: str, target: str, digest: str, canonical: bytes) -> Standing:
        def keep() -> Standing:
            self._shown.pop((upstream, target, digest), None)
            self._shown[upstream, target, digest] = canonical
            return self._standing.setdefault((upstream, target), Standing(digest, None, SINCE))

        return self.faults.write(keep)

    async def standing(self, upstream: str, target: str) -> Standing | None:
        return self._standing.get((upstream, target))

    def accept(self, upstream: str, target: str, digest: str, by: str) -> bool:
        if (upstream, target, digest) not in self._shown:
            return False
        self.faults.write(lambda: self._standing.update({(upstream, target): Standing(digest, by, SINCE)}))
        return True

    def definitions(self) -> list[SeenDefinition]:
        found = [
            SeenDefinition(*name, canonical, SINCE, self._standing[name[:2]].digest == name[2])
            for name, canonical in self._shown.items()
        ]
        return sorted(found, key=lambda one: (one.upstream, one.target))
