"""The files that a log is served as: where each lies, what it holds.

Source: C2SP tlog-tiles.
Never opens one: `read` functions are handed in, and what is derived is handed out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from affidavit.errors import Malformed, VerificationFailed
from affidavit.tlog.merkle import HASH_SIZE, MAX_SIZE, Hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TileReader: TypeAlias = Callable[[str], bytes | None]  # path to body; None: no such object

FULL_WIDTH = 256  # hashes in a full tile, entries in a full bundle
TILE_HEIGHT = 8  # tree levels that one tile spans
MAX_ENTRY_SIZE = 65_535  # bytes; a uint16 says how long an entry is

_LENGTH_SIZE = 2  # bytes, big-endian
_PATH = re.compile(  # no index has more than five groups of digits: 2^53-1 leaves fill fewer than 10^15 tiles
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/){0,4}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)


@dataclass(frozen=True, slots=True)
class TileName:
    """One tile or entry bundle.

    Attributes:
        level: Of a tile, 0 at the leaves; None for an entry bundle.
        index: Place in the level, from 0.
        width: Hashes or entries in it, 1 to 256; partial below 256.
    """

    level: int | None
    index: int
    width: int = FULL_WIDTH

    def __post_init__(self) -> None:
        if self.index < 0 or not 1 <= self.width <= FULL_WIDTH or (self.level is not None and self.level < 0):
            raise Malformed("a tile has a level and index from 0, and a width of 1 to 256", code="bad_tile")
        if self.min_size > MAX_SIZE:
            raise Malformed(f"no tree of up to {MAX_SIZE} leaves has that tile", code="bad_tile")

    @property
    def is_partial(self) -> bool:
        """Whether the tree may still grow it."""
        return self.width < FULL_WIDTH

    @property
    def min_size(self) -> int:
        """Leaves of the smallest tree that has this tile."""
        return (self.index * FULL_WIDTH + self.width) << TILE_HEIGHT * (self.level or 0)

    @property
    def path(self) -> str:
        """Where it lies in the log's folder."""
        level = "entries" if self.level is None else self.level
        partial = f".p/{self.width}" if self.is_partial else ""
        return f"tile/{level}/{_index_path(self.index)}{partial}"

    def cut(self, body: bytes, width: int) -> bytes:
        """Return the body of this tile when it was only `width` wide, given its `body` now or later.

        A partial tile is a prefix of every later one, so a stale one is checked against what was derived since.

        Raises:
            Malformed: This tile never was that wide, or `body` is no bundle.
        """
        if not 1 <= width <= self.width:
            raise Malformed(f"{self.path} never was {width} wide", code="bad_tile")
        if self.level is None:
            return encode_entries(decode_entries(body)[:width])
        return body[: width * HASH_SIZE]


def tile_path(level: int, index: int, width: int = FULL_WIDTH) -> str:
    """Return where a tile lies; raises `Malformed` for one that no tree has."""
    return TileName(level, index, width).path


def entries_path(index: int, width: int = FULL_WIDTH) -> str:
    """Return where an entry bundle lies; raises `Malformed` for one that no tree has."""
    return TileName(None, index, width).path


def parse_path(path: str) -> TileName:
    """Read what `tile_path` or `entries_path` printed, and nothing else; raises `Malformed`."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise Malformed("this is not the path of a tile or entry bundle", code="bad_tile_path")
    level = None if match["level"] == "entries" else int(match["level"])
    name = TileName(level, int(re.sub("[x/]", "", match["index"])), int(match["width"] or FULL_WIDTH))
    if name.path != path:
        raise Malformed("this is not the path of a tile or entry bundle", code="bad_tile_path")
    return name


def tiles_of(size: int) -> Iterator[TileName]:
    """Yield every tile and entry bundle, partial ones too, that a log of `size` leaves must have, by level."""
    yield from _row(None, size)
    level = 0
    while size:
        yield from _row(level, size)
        level, size = level + 1, size // FULL_WIDTH


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Return the bundle of 1 to 256 entries; raises `Malformed` for more, or for one over 65,535 bytes."""
    if not 1 <= len(entries) <= FULL_WIDTH:
        raise Malformed("a bundle holds 1 to 256 entries", code="bad_bundle")
    if max(map(len, entries)) > MAX_ENTRY_SIZE:
        raise Malformed(f"an entry has at most {MAX_ENTRY_SIZE} bytes", code="entry_too_long")
    return b"".join(part for entry in entries for part in (len(entry).to_bytes(_LENGTH_SIZE, "big"), entry))


def decode_entries(bundle: bytes) -> list[bytes]:
    """Return a bundle's 1 to 256 entries; raises `Malformed` when a byte is missing or left over."""
    entries, at = [], 0
    while at < len(bundle):
        start = at + _LENGTH_SIZE
        at = start + int.from_bytes(bundle[at:start], "big")
        entries.append(bundle[start:at])
    if at != len(bundle) or not 1 <= len(entries) <= FULL_WIDTH:
        raise Malformed("a bundle holds 1 to 256 entries, each behind its length", code="bad_bundle")
    return entries


def split_tile(body: bytes, width: int) -> list[Hash]:
    """Return a tile's hashes; raises `Malformed` when there are not `width` of them."""
    if len(body) != width * HASH_SIZE:
        raise Malformed(f"a tile of width {width} has {width * HASH_SIZE} bytes, not {len(body)}", code="bad_tile")
    return [body[at : at + HASH_SIZE] for at in range(0, len(body), HASH_SIZE)]


def read_hashes(read: TileReader, name: TileName) -> list[Hash]:
    """Return the hashes of a tile, from the full one where the partial one is gone.

    Raises:
        VerificationFailed: Neither is there, or one has not the right length.
    """
    try:
        return split_tile(read_body(read, name), name.width)
    except Malformed as error:
        raise VerificationFailed(f"{name.path}: {error}") from error


def read_body(read: TileReader, name: TileName) -> bytes:
    """Return the bytes of a tile or bundle, cut from the full one where the partial one is gone.

    Raises:
        VerificationFailed: Neither is there.
        Malformed: Only a full bundle is there, and it cannot be cut.
    """
    body = read(name.path)
    if body is not None:
        return body
    full = read(name.path.partition(".p/")[0]) if name.is_partial else None
    if full is None:
        raise VerificationFailed(f"{name.path} is missing")
    return name.cut(full, name.width)


def _row(level: int | None, size: int) -> Iterator[TileName]:
    """Yield the tiles over `size` hashes of one level."""
    for index in range(size // FULL_WIDTH):
        yield TileName(level, index)
    if size % FULL_WIDTH:
        yield TileName(level, size // FULL_WIDTH, size % FULL_WIDTH)


def _index_path(index: int) -> str:
    """Return `x001/x234/067` for 1234067: no file is ever in the way of a folder."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*("x" + part for part in parts[:-1]), parts[-1]])
