"""A log in memory: what a sequencer would have stored at one size."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from affidavit.tlog.builder import TreeBuilder
from affidavit.tlog.merkle import leaf_hash

if TYPE_CHECKING:
    from pathlib import Path

    from affidavit.tlog.merkle import Hash


@dataclass(frozen=True)
class StoredLog:
    """Entries, and the tiles and bundles derived from them; `files.get` is a `TileReader`."""

    entries: list[bytes]
    root: Hash
    files: dict[str, bytes] = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.entries)

    def leaf(self, index: int) -> Hash:
        return leaf_hash(self.entries[index])

    def write(self, folder: Path) -> None:
        for path, body in self.files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)


@lru_cache(maxsize=64)
def stored_log(size: int) -> StoredLog:
    """Return the log of `size` short, different entries. It is shared: copy `files` before changing it."""
    entries = [b"entry %d" % index for index in range(size)]
    builder = TreeBuilder()
    files = dict(builder.append(entries))
    files.update(builder.partials())
    return StoredLog(entries=entries, root=builder.root(), files=files)
