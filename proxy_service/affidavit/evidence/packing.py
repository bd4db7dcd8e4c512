"""Packing what is stored. Writers alone need it: a reader owes nothing to the compressor (`stored.py` reads with zlib).

Source: evidence-format section 1, RFC 1952.
"""

from __future__ import annotations

from isal import isal_zlib

_GZIP_WBITS = 31  # zlib's way of asking for a gzip wrapper around a 32 KiB window
_FAST = 1  # ISA-L's: a third to two thirds of the time of zlib's level of this number, and fewer bytes


def pack(data: bytes) -> bytes:
    """Return one gzip member around data."""
    return isal_zlib.compress(data, _FAST, wbits=_GZIP_WBITS)
