"""The tree, recomputed from the commits' records, against the tiles that the log bucket serves.

Where records cannot be read, their leaf hashes are taken from the served tiles, so that a wound in one place does not
end the check of all others: whether they are right, the signed roots tell.

Source: evidence-format sections 7 and 9, check `tree`; C2SP tlog-tiles; RFC 6962.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.verify.bundles import Seen, hash_of_leaves, partials
from affidavit.audit.verify.readable import Readable
from affidavit.audit.verify.report import Findings
from affidavit.audit.verify.shapes import each, pack, unpack_each
from affidavit.errors import Malformed, Unavailable
from affidavit.tlog.builder import TreeBuilder
from affidavit.tlog.merkle import HASH_SIZE
from affidavit.tlog.tiles import FULL_WIDTH, TileName, parse_path, tile_path

Locate = Callable[[str, int, bytes], tuple[int, str | None] | None]


@dataclass(slots=True)
class Tree:
    """Grows with the log, and compares what falls off.

    Attributes:
        log: The log bucket, None where none was given.
        locate: Finds in a bundle, given its path, its first position and the right leaf hashes, the first entry that
            is wrong, and its record.
        ends_at: Where leaves are not known, so that nothing after it can be checked; None while they all are.
    """

    findings: Findings
    log: Readable | None
    locate: Locate
    ends_at: int | None = None
    _builder: TreeBuilder = field(default_factory=lambda: TreeBuilder(bundles=False))
    _level0: dict[int, bytes] = field(default_factory=dict)

    def save(self) -> list[str]:
        """Return the right edge as JSON."""
        return [pack(b"".join(row)) for row in self._builder.rows()]

    def restore(self, saved: Any, size: int) -> None:
        """Go on from what `save` gave for a tree of `size` leaves; raises `Malformed`."""
        self._builder = TreeBuilder.of_rows(size, each(saved, lambda row: unpack_each(row, HASH_SIZE)))

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._builder.size

    def add(self, leaves: bytes) -> None:
        """Add leaf hashes, one after the other, and check what became full."""
        if self.ends_at is not None:
            return
        self.findings.count("tree", len(leaves) // HASH_SIZE)
        hashes = [leaves[at : at + HASH_SIZE] for at in range(0, len(leaves), HASH_SIZE)]
        for path, body in self._builder.extend(hashes):
            name = parse_path(path)
            if name.level == 0:
                self._level0[name.index] = body
            self._check_tile(path, name, body)

    def skip(self, count: int) -> bool:
        """Go on over leaves whose records cannot be read, by what the tiles say; tell whether that is possible."""
        if self.ends_at is None:
            leaves = self.served_leaves(self.size, count)
            if leaves is None:
                self.ends_at = self.size
            else:
                self.add(leaves)
        return self.ends_at is None

    def served_leaves(self, start: int, count: int) -> bytes | None:
        """Return leaf hashes as the tiles give them, unchecked; None where they do not give all."""
        parts: list[bytes] = []
        at = start
        while at < start + count:
            index, offset = divmod(at, FULL_WIDTH)
            body = self._widest(index)
            until = min(FULL_WIDTH, offset + start + count - at)
            part = body[offset * HASH_SIZE : until * HASH_SIZE]
            if len(part) != (until - offset) * HASH_SIZE:
                return None
            parts.append(part)
            at += until - offset
        return b"".join(parts)

    def root(self) -> bytes | None:
        """Return the root so far, None where it is not known."""
        return None if self.ends_at is not None else self._builder.root()

    def bundle_tasks(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return index and width of the bundles that become full between two sizes."""
        if self.log is None:
            return []
        return [(index, FULL_WIDTH) for index in range(start // FULL_WIDTH, end // FULL_WIDTH)]

    def check_bundles(self, index: int, seen: list[Seen]) -> None:
        """Hold a bundle, and its partial forms, against the leaves that it must have; forget those leaves."""
        leaves = self._level0.pop(index, None)
        if leaves is None:
            return
        width = len(leaves) // HASH_SIZE
        path = TileName(None, index, width).path
        if not any(one[0] == path for one in seen):
            self._miss(path)
        for path, partial, state, what in seen:
            if state == "unread":
                self.findings.unread("tree", f"log/{path}", what)
            elif state != "ok" or what != hash_of_leaves(leaves, partial):
                self._fail_bundle(
                    path, index * FULL_WIDTH, leaves[: partial * HASH_SIZE], what if state != "ok" else ""
                )

    def finish(self) -> list[tuple[int, int]]:
        """Check the partial tiles at the right edge; return the bundles to look at, as `bundle_tasks` does."""
        if self.ends_at is not None or self.log is None:
            return []
        for path, body in self._builder.partials():
            name = parse_path(path)
            if name.level == 0:
                self._level0[name.index] = body
            self._check_tile(path, name, body)
        rest = self.size % FULL_WIDTH
        return [(self.size // FULL_WIDTH, rest)] if rest else []

    def _check_tile(self, path: str, name: TileName, body: bytes) -> None:
        if self.log is None or name.level is None:
            return
        self._compare(path, body, path)
        try:
            for partial, width in partials(self.log, tile_path(name.level, name.index), name.width):
                self._compare(partial, body[: width * HASH_SIZE], None)
        except Unavailable as error:
            self.findings.unread("tree", f"log/{path}", str(error))

    def _compare(self, path: str, body: bytes, missed: str | None) -> None:
        try:
            stored = self.log.read(path) if self.log else None
        except Unavailable as error:
            self.findings.unread("tree", f"log/{path}", str(error))
            return
        except Malformed as error:
            self.findings.fail("tree", f"log/{path}", None, "the derived tile", str(error))
            return
        if stored is None:
            self._miss(missed)
        elif stored != body:
            self.findings.fail("tree", f"log/{path}", None, "the derived tile", _first_difference(stored, body))

    def _fail_bundle(self, path: str, start: int, leaves: bytes, why: str) -> None:
        located = self.locate(path, start, leaves)
        found, record = why or "other entries", None
        if located is not None:
            found, record = f"another entry at log position {located[0]}", located[1]
        self.findings.fail("tree", f"log/{path}", record, "the records of the commits", found)

    def _miss(self, path: str | None) -> None:
        if path is not None:
            self.findings.note("tree", f"log/{path} is absent; it can be derived again")

    def _widest(self, index: int) -> bytes:
        """Return the longest form of a tile of leaf hashes that is served; empty where none is."""
        if self.log is None:
            return b""
        full = tile_path(0, index)
        try:
            body = self.log.read(full)
            if body is None:
                found = [(width, path) for path, width in partials(self.log, full, FULL_WIDTH)]
                body = self.log.read(max(found)[1]) if found else None
        except (Malformed, Unavailable):
            return b""
        return body or b""


def _first_difference(stored: bytes, body: bytes) -> str:
    if len(stored) != len(body):
        return f"{len(stored)} bytes instead of {len(body)}"
    at = next(at for at in range(0, len(body), HASH_SIZE) if stored[at : at + HASH_SIZE] != body[at : at + HASH_SIZE])
    return f"another hash at place {at // HASH_SIZE}"
