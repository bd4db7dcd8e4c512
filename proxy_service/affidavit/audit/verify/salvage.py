"""What is left of a damaged object: enough to name the record that was hit, never enough to believe it.

Source: RFC 1951, RFC 1952 (a damaged member usually still gives most of its bytes).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from affidavit.audit.verify.bodies import Mention, check_bodies
from affidavit.audit.verify.readable import Readable
from affidavit.errors import Malformed, Unavailable
from affidavit.tlog.merkle import HASH_SIZE, leaf_hash

_HEADER_BYTES = 10  # of a gzip member without optional fields
_MOST = 64 * 1024 * 1024
_STEP = 512
_LENGTH_BYTES = 2  # before each entry of a bundle


def inflate(stored: bytes) -> bytes:
    """Return as much as a gzip member still gives, its checksum disregarded."""
    stream = zlib.decompressobj(wbits=-15)
    parts: list[bytes] = []
    size = 0
    try:
        for at in range(_HEADER_BYTES, len(stored), _STEP):
            parts.append(stream.decompress(stored[at : at + _STEP], _MOST - size + 1))
            size += len(parts[-1])
            if stream.eof or size > _MOST:
                break
    except zlib.error:
        pass
    return b"".join(parts)


def first_wrong(stored: bytes | None, expected: list[Mention]) -> Mention:
    """Return the first body that a damaged object does not give any more; the first of all if nothing tells."""
    left = inflate(stored or b"").rpartition(b"\n")[0]
    _, wrong = check_bodies(left + b"\n", expected, ())
    return next((mention for mention, _ in wrong if mention is not None), expected[0])


def first_altered(evidence: Readable, name: str, leaves: bytes) -> int | None:
    """Return the offset of the first record of a damaged segment that has not its leaf hash; None: all have."""
    lines = inflate(_read(evidence, name)).split(b"\n")[1:]
    for offset, leaf in enumerate(_each(leaves)):
        if offset >= len(lines) or leaf_hash(lines[offset]) != leaf:
            return offset
    return None


def first_altered_entry(log: Readable, path: str, leaves: bytes) -> int | None:
    """Return the place of the first entry of a bundle that has not its leaf hash; None: all have."""
    data = _read(log, path)
    at = 0
    for place, leaf in enumerate(_each(leaves)):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        if leaf_hash(data[start:at]) != leaf:
            return place
    return None


def _read(bucket: Readable, name: str) -> bytes:
    try:
        return bucket.read(name) or b""
    except (Malformed, Unavailable):
        return b""


def _each(leaves: bytes) -> Iterator[bytes]:
    for at in range(0, len(leaves), HASH_SIZE):
        yield leaves[at : at + HASH_SIZE]
