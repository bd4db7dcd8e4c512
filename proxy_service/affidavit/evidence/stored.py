"""Stored bytes: the one gzip member that the format allows, unpacked; hashes and base64 as JSON carries them.

Compressed bytes are made once, by the writer (`packing.py`); everyone stores those, and hashes are over them.

Source: evidence-format section 1, RFC 1952.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib

from affidavit.errors import Malformed

MAX_UNPACKED = 64 * 1024 * 1024  # bytes; a reader stops there
_GZIP_WBITS = 31  # zlib's way of asking for a gzip wrapper around a 32 KiB window
_PLAIN_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"  # no optional fields, mtime 0


def sha256_hex(data: bytes) -> str:
    """Return a hash as JSON and names carry it: 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def unpack(stored: bytes) -> bytes:
    """Return what one gzip member holds.

    Raises:
        Malformed: Not exactly one member with a plain header, or more than `MAX_UNPACKED` bytes.
    """
    if not stored.startswith(_PLAIN_HEADER):
        raise Malformed("not a gzip member with a plain header", code="bad_gzip")
    stream = zlib.decompressobj(wbits=_GZIP_WBITS)
    try:
        data = stream.decompress(stored, MAX_UNPACKED + 1)
    except zlib.error as error:
        raise Malformed("the gzip member is damaged", code="bad_gzip") from error
    if len(data) > MAX_UNPACKED:
        raise Malformed("more than 64 MiB are packed here", code="bad_gzip")
    if not stream.eof or stream.unused_data:
        raise Malformed("not exactly one whole gzip member", code="bad_gzip")
    return data


def base64_text(data: bytes) -> str:
    """Return bytes as JSON carries them: standard alphabet, padded."""
    return base64.b64encode(data).decode("ascii")


def base64_bytes(text: str) -> bytes:
    """Return what base64 text carries.

    Raises:
        Malformed: Encoding the bytes again gives another text (RFC 4648 section 3.5).
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("not base64", code="bad_base64") from error
    if base64.b64encode(data) != text.encode("ascii"):
        raise Malformed("not the one base64 spelling", code="bad_base64")
    return data
