"""Proofs that an entry is in a tree, or that a tree only grew: made from tiles, checked from nothing.

Source: RFC 6962 sections 2.1.1 and 2.1.2 (making), RFC 9162 sections 2.1.3.2 and 2.1.4.2 (checking).
Never trusts a tile that does not hash to its parent; who makes a proof still checks it against the signed root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from affidavit.errors import VerificationFailed
from affidavit.tlog.merkle import EMPTY_ROOT, HASH_SIZE, Hash, fold, node_hash, perfect_root
from affidavit.tlog.tiles import FULL_WIDTH, TILE_HEIGHT, TileName, TileReader, read_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def inclusion_proof(tiles: TileReader, index: int, size: int) -> tuple[Hash, ...]:
    """Return the hashes that tie one entry to the root.

    Args:
        tiles: Path to body, None where nothing lies.
        index: 0-based, below `size`.
        size: Leaves in a checkpoint whose signature was already verified.

    Returns:
        Siblings from leaf to root, 32 bytes each, at most 53.

    Raises:
        VerificationFailed: A tile is missing or does not hash to its parent.

    Source: RFC 6962 section 2.1.1.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    tree, proof = _StoredTree(tiles, size), []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(tree.hash_of(middle, end))
            end = middle
        else:
            proof.append(tree.hash_of(start, middle))
            start = middle
    return tuple(reversed(proof))


def verify_inclusion(*, leaf: Hash, index: int, size: int, proof: Sequence[Hash], root: Hash) -> None:
    """Check that `leaf` is the hash of the entry at `index` in the tree of `size` leaves under `root`.

    Raises:
        VerificationFailed: It is not proved.

    Source: RFC 9162 section 2.1.3.2.
    """
    _check_lengths([leaf, root, *proof])
    if not 0 <= index < size:
        raise VerificationFailed(f"a tree of {size} leaves has no leaf {index}")
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise VerificationFailed("the inclusion proof is too long")
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            place, last = _up_to_odd(place, last)
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    if last or found != root:
        raise VerificationFailed("the inclusion proof does not lead to the root")


def consistency_proof(tiles: TileReader, old: int, new: int) -> tuple[Hash, ...]:
    """Return the hashes that show that the tree of `new` leaves begins with that of `old` leaves.

    Args:
        tiles: Path to body, None where nothing lies; of the tree of `new` leaves.
        old: Leaves of the earlier tree, 0 to `new`.
        new: Leaves of a checkpoint whose signature was already verified.

    Returns:
        In the order of RFC 6962; empty when `old` is 0 or `new`, where the roots alone tell.

    Raises:
        VerificationFailed: A tile is missing or does not hash to its parent.

    Source: RFC 6962 section 2.1.2.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves never had {old}")
    if old in (0, new):
        return ()
    tree, proof = _StoredTree(tiles, new), []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(tree.hash_of(middle, end))
            end = middle
        else:
            proof.append(tree.hash_of(start, middle))
            start = middle
    if start:  # otherwise the old tree is one subtree of the new, and its root is known
        proof.append(tree.hash_of(start, end))
    return tuple(reversed(proof))


def verify_consistency(*, old: int, new: int, old_root: Hash, new_root: Hash, proof: Sequence[Hash]) -> None:
    """Check that the tree of `new` leaves under `new_root` begins with that of `old` leaves under `old_root`.

    Raises:
        VerificationFailed: It is not proved.

    Source: RFC 9162 section 2.1.4.2.
    """
    _check_lengths([old_root, new_root, *proof])
    if not 0 <= old <= new:
        raise VerificationFailed(f"a tree of {new} leaves never had {old}")
    if old in (0, new):
        _verify_same(old, new, old_root, new_root, proof)
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise VerificationFailed("the consistency proof is empty")
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    found_old = found_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise VerificationFailed("the consistency proof is too long")
        if place & 1 or place == last:
            found_old, found_new = node_hash(sibling, found_old), node_hash(sibling, found_new)
            place, last = _up_to_odd(place, last)
        else:
            found_new = node_hash(found_new, sibling)
        place, last = place >> 1, last >> 1
    if last or found_old != old_root or found_new != new_root:
        raise VerificationFailed("the consistency proof does not lead to both roots")


class _StoredTree:
    """Hashes of any range of a stored tree, each tile held against its parent as it is read."""

    def __init__(self, read: TileReader, size: int) -> None:
        self._read = read
        self._size = size
        self._tiles: dict[TileName, list[Hash]] = {}

    def hash_of(self, start: int, end: int) -> Hash:
        """Return the root over leaves `start..end-1`, where `start` is aligned as RFC 6962's splits are."""
        return fold(list(self._subtrees(start, end)))

    def _subtrees(self, start: int, end: int) -> Iterator[Hash]:
        """Yield the roots of the perfect subtrees of a range, the largest first."""
        while start < end:
            height = (end - start).bit_length() - 1
            level, inner = divmod(height, TILE_HEIGHT)
            first = start >> TILE_HEIGHT * level
            index, offset = divmod(first, FULL_WIDTH)
            yield perfect_root(self._tile(level, index)[offset : offset + (1 << inner)])
            start += 1 << height

    def _tile(self, level: int, index: int) -> list[Hash]:
        width = min(FULL_WIDTH, (self._size >> TILE_HEIGHT * level) - index * FULL_WIDTH)
        name = TileName(level, index, width)
        if name not in self._tiles:
            hashes = read_hashes(self._read, name)
            if not name.is_partial and self._parent(name) != perfect_root(hashes):
                raise VerificationFailed(f"{name.path} does not hash to its parent")
            self._tiles[name] = hashes
        return self._tiles[name]

    def _parent(self, name: TileName) -> Hash:
        """Return what the tile above holds for a full tile; only full ones are hashed into a parent."""
        index, offset = divmod(name.index, FULL_WIDTH)
        return self._tile((name.level or 0) + 1, index)[offset]


def _split(count: int) -> int:
    """Return the largest power of two below `count`, where RFC 6962 splits a tree."""
    return 1 << (count - 1).bit_length() - 1


def _up_to_odd(place: int, last: int) -> tuple[int, int]:
    """Climb over the levels where the right edge, never leaf 0, has no sibling of its own."""
    while not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _verify_same(old: int, new: int, old_root: Hash, new_root: Hash, proof: Sequence[Hash]) -> None:
    """Check the two cases that need no proof: nothing grew, or it grew from nothing."""
    if proof:
        raise VerificationFailed("the consistency proof is too long")
    if (old == new and old_root != new_root) or (old == 0 and old_root != EMPTY_ROOT):
        raise VerificationFailed("two trees of one size have different roots")


def _check_lengths(hashes: Sequence[Hash]) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        raise VerificationFailed("a hash has 32 bytes")
