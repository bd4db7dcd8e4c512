"""Entry bundles as the log bucket serves them, reduced to the hash of the tile that they must give.

So a million records need not travel to where the tree is recomputed.

Source: evidence-format section 7; C2SP tlog-tiles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from affidavit.audit.verify.readable import Readable
from affidavit.errors import Malformed, Unavailable
from affidavit.tlog.merkle import leaf_hash
from affidavit.tlog.tiles import FULL_WIDTH, decode_entries, entries_path

Seen = tuple[
    str, int, str, str
]  # path, width, what it is (`ok`, `wrong`, `unread`), hash of the leaf hashes or why not


def look_at_bundles(log: Readable, index: int, width: int) -> list[Seen]:
    """Return what lies under one bundle's name, and under those of its partial ones.

    Args:
        log: The log bucket.
        index: Of the bundle.
        width: Entries that it has now, at most 256.

    Returns:
        Everything that is there; a bundle that is absent is not in it.
    """
    seen = [_look(log, entries_path(index, width), width)]
    seen += [_look(log, path, partial) for path, partial in partials(log, entries_path(index), width)]
    return [one for one in seen if one is not None]


def partials(log: Readable, full: str, width: int) -> Iterator[tuple[str, int]]:
    """Yield path and width of the partial forms that lie beside a tile or bundle, `width` itself left out.

    Raises:
        Unavailable: Their folder cannot be listed.
    """
    for name, _ in log.members(f"{full}.p/"):
        if name.isascii() and name.isdigit() and str(int(name[:4])) == name and 0 < int(name) < width:
            yield f"{full}.p/{name}", int(name)


def decode_partial(data: bytes, width: int) -> list[bytes]:
    """Return a bundle's entries; raises `Malformed` unless there are `width` of them."""
    entries = decode_entries(data)
    if len(entries) != width:
        raise Malformed(f"{len(entries)} entries", code="bad_bundle")
    return entries


def hash_of_leaves(leaves: bytes, width: int = FULL_WIDTH) -> str:
    """Return what `look_at_bundles` gives for a bundle whose leaf hashes begin a tile's body."""
    return hashlib.sha256(leaves[: width * hashlib.sha256().digest_size]).hexdigest()


def _look(log: Readable, path: str, width: int) -> Seen | None:
    try:
        data = log.read(path)
        if data is None:
            return None
        leaves = b"".join(map(leaf_hash, decode_partial(data, width)))
    except Unavailable as error:
        return path, width, "unread", str(error)
    except Malformed as error:
        return path, width, "wrong", str(error)
    return path, width, "ok", hashlib.sha256(leaves).hexdigest()
