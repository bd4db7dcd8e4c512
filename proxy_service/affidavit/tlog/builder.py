"""The derivation of a log's tiles from its records, while it grows.

The sequencer writes what this gives; the verifier compares what it finds with it. So both cannot differ.
Source: C2SP tlog-tiles. Never keeps more than the right edge: 255 hashes a level and 255 entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from affidavit.errors import Malformed, VerificationFailed
from affidavit.tlog.merkle import MAX_SIZE, Frontier, Hash, fold, leaf_hash
from affidavit.tlog.tiles import (
    FULL_WIDTH,
    MAX_ENTRY_SIZE,
    TILE_HEIGHT,
    TileName,
    TileReader,
    decode_entries,
    encode_entries,
    entries_path,
    read_body,
    read_hashes,
    tile_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Derived: TypeAlias = tuple[str, bytes]  # path and body of a tile or entry bundle


class TreeBuilder:
    """A tree from which tiles and entry bundles fall off as they become full.

    Attributes:
        size: Leaves so far.
    """

    def __init__(self, *, bundles: bool = True) -> None:
        """Start empty; without `bundles` it takes hashes only and derives tiles only."""
        self.size = 0
        self._rows: list[_Row] = []
        self._entries: list[bytes] | None = [] if bundles else None

    @classmethod
    def resume(cls, read: TileReader, *, size: int, root: Hash, bundles: bool = True) -> TreeBuilder:
        """Go on from stored tiles.

        Args:
            read: Path to body, None where nothing lies. Only the right edge is read, at most one object a level.
            size: Leaves of a checkpoint whose signature was already verified.
            root: That checkpoint's root.
            bundles: Whether to go on deriving entry bundles too.

        Raises:
            VerificationFailed: A tile or bundle is missing, or does not hash to `root`.
        """
        builder = cls(bundles=bundles)
        builder.size = size
        builder._rows = list(_stored_rows(read, size))
        if builder.root() != root:
            raise VerificationFailed(f"the stored right edge of size {size} does not hash to the signed root")
        if bundles and size % FULL_WIDTH:
            builder._entries = _stored_entries(read, size, builder._rows[0].hashes)
        return builder

    @classmethod
    def of_rows(cls, size: int, rows: Sequence[Sequence[Hash]]) -> TreeBuilder:
        """Go on, without bundles, from what `rows` gave for a tree of `size` leaves.

        Raises:
            Malformed: They are not the right edge of such a tree.
        """
        hashes = [size >> level * TILE_HEIGHT for level in range(len(rows) + 1)]
        if (
            hashes[-1] != 0
            or 0 in hashes[:-1]
            or any(len(row) != count % FULL_WIDTH for row, count in zip(rows, hashes, strict=False))
        ):
            raise Malformed(f"these are not the rows of a tree of {size} leaves", code="bad_tile")
        builder = cls(bundles=False)
        builder.size = size
        builder._rows = [_Row(row) for row in rows]
        return builder

    def rows(self) -> list[list[Hash]]:
        """Return the hashes of the tiles that are not full yet, lowest level first."""
        return [list(row.hashes) for row in self._rows]

    def append(self, entries: Sequence[bytes]) -> list[Derived]:
        """Add entries; return what became full, as `extend` does."""
        return self.extend([leaf_hash(entry) for entry in entries], entries)

    def extend(self, leaf_hashes: Sequence[Hash], entries: Sequence[bytes] | None = None) -> list[Derived]:
        """Add leaves by their hashes.

        Args:
            leaf_hashes: In order.
            entries: Their bytes, exactly when this builder derives bundles. Whether they hash to `leaf_hashes` is
                the caller's word.

        Returns:
            What became full by them, as it came about: a bundle, its tile, then the tile above if that is full too.

        Raises:
            Malformed: An entry does not fit into a bundle; nothing was added.
        """
        self._check(leaf_hashes, entries)
        full: list[Derived] = []
        done = 0
        while done < len(leaf_hashes):
            until = done + FULL_WIDTH - self.size % FULL_WIDTH
            chunk = leaf_hashes[done:until]
            if entries is not None and self._entries is not None:
                self._entries.extend(entries[done:until])
            self.size += len(chunk)
            full += self._add(chunk)
            done = until
        return full

    def partials(self) -> list[Derived]:
        """Return the partial bundle and tiles that a checkpoint of this size needs beside the full ones."""
        partial: list[Derived] = []
        if self._entries:
            path = entries_path(self.size // FULL_WIDTH, len(self._entries))
            partial.append((path, encode_entries(self._entries)))
        above = self.size
        for level, row in enumerate(self._rows):
            above //= FULL_WIDTH
            if row.hashes:
                partial.append((tile_path(level, above, len(row.hashes)), row.body()))
        return partial

    def root(self) -> Hash:
        """Return the root over all leaves so far; costs one hash for each bit set in `size`."""
        return fold([one for row in reversed(self._rows) for one in row.frontier.edge])

    def copy(self) -> TreeBuilder:
        """Return another builder that starts as this one, so that a batch can be tried."""
        other = TreeBuilder()
        other.size = self.size
        other._rows = [_Row(row.hashes) for row in self._rows]
        other._entries = None if self._entries is None else list(self._entries)
        return other

    def _check(self, leaf_hashes: Sequence[Hash], entries: Sequence[bytes] | None) -> None:
        """Refuse, before anything changed, what would leave half a batch in the tree."""
        if self.size + len(leaf_hashes) > MAX_SIZE:
            raise ValueError(f"a tree has at most {MAX_SIZE} leaves")
        if (entries is None) != (self._entries is None):
            raise ValueError("entries are given exactly to a builder that derives bundles")
        if entries is None:
            return
        if len(entries) != len(leaf_hashes):
            raise ValueError("there is one leaf hash for each entry")
        if max(map(len, entries), default=0) > MAX_ENTRY_SIZE:
            raise Malformed(f"an entry has at most {MAX_ENTRY_SIZE} bytes", code="entry_too_long")

    def _add(self, hashes: Sequence[Hash]) -> Iterator[Derived]:
        """Add what fits into the lowest tile, which `size` counts already."""
        self._row(0).add(hashes)
        index, level = self.size // FULL_WIDTH - 1, 0
        if self._entries is not None and len(self._entries) == FULL_WIDTH:
            yield entries_path(index), encode_entries(self._entries)
            self._entries = []
        while len(self._row(level).hashes) == FULL_WIDTH:
            row, self._rows[level] = self._rows[level], _Row()
            yield tile_path(level, index), row.body()
            self._row(level + 1).add([row.frontier.root()])
            index, level = index // FULL_WIDTH, level + 1

    def _row(self, level: int) -> _Row:
        if level == len(self._rows):
            self._rows.append(_Row())
        return self._rows[level]


class _Row:
    """The tile of one level that is not full yet, with the subtrees inside it already hashed."""

    __slots__ = ("frontier", "hashes")

    def __init__(self, hashes: Sequence[Hash] = ()) -> None:
        self.hashes: list[Hash] = []
        self.frontier = Frontier()
        self.add(hashes)

    def add(self, hashes: Sequence[Hash]) -> None:
        self.hashes.extend(hashes)
        self.frontier.extend(hashes)

    def body(self) -> bytes:
        return b"".join(self.hashes)


def _stored_rows(read: TileReader, size: int) -> Iterator[_Row]:
    """Yield the partial tiles of a tree of `size` leaves, lowest level first."""
    level, hashes = 0, size
    while hashes:
        index, width = divmod(hashes, FULL_WIDTH)
        yield _Row(read_hashes(read, TileName(level, index, width)) if width else ())
        level, hashes = level + 1, index


def _stored_entries(read: TileReader, size: int, leaf_hashes: list[Hash]) -> list[bytes]:
    """Return the entries of the partial bundle, which hash to `leaf_hashes`."""
    name = TileName(None, size // FULL_WIDTH, size % FULL_WIDTH)
    try:
        entries = decode_entries(read_body(read, name))
    except Malformed as error:
        raise VerificationFailed(f"{name.path}: {error}") from error
    if [leaf_hash(entry) for entry in entries] != leaf_hashes:
        raise VerificationFailed(f"{name.path} does not hash to the tile beside it")
    return entries
