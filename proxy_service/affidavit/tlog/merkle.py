"""The Merkle tree hash of a growing list of leaves.

Source: RFC 6962 section 2.1; the right edge kept here is what RFC 9162 calls a compact range.
Never sees a tile, a file or a signature.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Hash: TypeAlias = bytes  # 32 raw bytes

HASH_SIZE = 32  # bytes, SHA-256
MAX_SIZE = 2**53 - 1  # leaves; the largest integer that every JSON reader keeps exact
EMPTY_ROOT: Hash = sha256(b"").digest()

_LEAF = b"\x00"  # RFC 6962 section 2.1: the two prefixes keep a leaf from passing as a node
_NODE = b"\x01"
_BLOCK_HEIGHT = 12  # subtrees of up to 4,096 leaves are hashed level by level; more would only cost memory


def leaf_hash(entry: bytes) -> Hash:
    """Return the hash of one entry as a leaf."""
    return sha256(_LEAF + entry).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """Return the hash of two subtrees' parent."""
    return sha256(_NODE + left + right).digest()


def root_of(leaf_hashes: Sequence[Hash]) -> Hash:
    """Return the root over all of `leaf_hashes`, in order; `EMPTY_ROOT` for none."""
    frontier = Frontier()
    frontier.extend(leaf_hashes)
    return frontier.root()


def perfect_root(hashes: Sequence[Hash]) -> Hash:
    """Return the root over a power of two of hashes: the inner loop of everything in this package."""
    level = hashes
    while len(level) > 1:
        rest = iter(level)
        level = [sha256(_NODE + left + right).digest() for left, right in zip(rest, rest, strict=True)]
    return level[0]


def fold(edge: Sequence[Hash]) -> Hash:
    """Return the root over perfect subtrees that shrink from left to right, such as `Frontier.edge`."""
    if not edge:
        return EMPTY_ROOT
    root = edge[-1]
    for left in reversed(edge[:-1]):
        root = node_hash(left, root)
    return root


class Frontier:
    """A tree that remembers its right edge only: one hash for each bit set in its size.

    Attributes:
        size: Leaves so far.
        edge: Roots of the perfect subtrees that the tree consists of, the largest first.
    """

    __slots__ = ("edge", "size")

    def __init__(self, size: int = 0, edge: Iterable[Hash] = ()) -> None:
        """Go on from a known edge.

        Raises:
            ValueError: `edge` cannot be that of a tree of `size` leaves.
        """
        self.size = size
        self.edge = list(edge)
        if not 0 <= size <= MAX_SIZE or len(self.edge) != size.bit_count():
            raise ValueError(f"{len(self.edge)} hashes are not the right edge of a tree of {size} leaves")
        if any(len(one) != HASH_SIZE for one in self.edge):
            raise ValueError("a hash has 32 bytes")

    def append(self, leaf: Hash) -> None:
        """Add one leaf, by its hash."""
        self._push(leaf, 1)

    def extend(self, leaf_hashes: Iterable[Hash]) -> None:
        """Add many leaves, by their hashes; about four times as fast as one by one."""
        leaves = leaf_hashes if isinstance(leaf_hashes, list | tuple) else list(leaf_hashes)
        done = 0
        while done < len(leaves):
            width = self._next_width(len(leaves) - done)
            self._push(perfect_root(leaves[done : done + width]), width)
            done += width

    def root(self) -> Hash:
        """Return the root over all leaves so far."""
        return fold(self.edge)

    def copy(self) -> Frontier:
        """Return another tree that starts as this one."""
        return Frontier(self.size, self.edge)

    def _next_width(self, available: int) -> int:
        """Return the leaves of the largest perfect subtree that may come next."""
        aligned = self.size & -self.size or 1 << _BLOCK_HEIGHT
        return min(aligned, 1 << (available.bit_length() - 1), 1 << _BLOCK_HEIGHT)

    def _push(self, root: Hash, width: int) -> None:
        """Add a perfect subtree of `width` leaves, of which `size` is a multiple."""
        if self.size + width > MAX_SIZE:
            raise ValueError(f"a tree has at most {MAX_SIZE} leaves")
        edge, bit, size = self.edge, width, self.size
        while size & bit:  # binary addition: a subtree of the same size is waiting to become a left sibling
            root = sha256(_NODE + edge.pop() + root).digest()
            bit <<= 1
        edge.append(root)
        self.size = size + width
