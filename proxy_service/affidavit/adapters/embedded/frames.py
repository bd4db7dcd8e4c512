r"""Frames of a journal file: one object each, with a checksum, so that a torn end is recognised.

    affidavit-journal/1 <time, microseconds since 1970> <bucket> <class or -> <name> <size> <CRC-32, 8 hex digits>\n
    <exactly size bytes>\n

The checksum is over the header up to its last space, and the bytes. It finds accidents; what finds forgery are the
names' hashes and the segments' signatures. Never opens a file.

Source: architecture "Ports" (embedded bus).
"""

from __future__ import annotations

import mmap
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

from affidavit.clock import Micros
from affidavit.evidence.ports import EvidenceObject

Buffer = bytes | mmap.mmap

MAGIC = b"affidavit-journal/1 "
MAX_HEADER = 512  # bytes; a name has at most 80, a class is a word

_HEADER = re.compile(
    rb"affidavit-journal/1 (\d{1,17}) (evidence|body) ([a-z0-9_]+|-) ([\x21-\x7e]+) (\d{1,10}) ([0-9a-f]{8})\n"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One object as a journal holds it; `end` is the offset after it."""

    written: Micros
    content: EvidenceObject
    end: int


def encode_frames(objects: Iterable[EvidenceObject], written: Micros) -> bytes:
    """Return the frames of objects, one after the other."""
    parts: list[bytes] = []
    for one in objects:
        header = (
            f"affidavit-journal/1 {written} {one.bucket} {one.retention_class or '-'} {one.name} {len(one.data)}"
        ).encode("ascii")
        parts += (header, b" %08x\n" % zlib.crc32(one.data, zlib.crc32(header)), one.data, b"\n")
    return b"".join(parts)


def read_frame(buffer: Buffer, at: int) -> Frame | None:
    """Return the frame that begins at an offset, or None where no whole, sound one does."""
    header = _HEADER.match(buffer, at, at + MAX_HEADER)
    if header is None:
        return None
    end = header.end() + int(header[5]) + 1
    data = buffer[header.end() : end - 1]
    if buffer[end - 1 : end] != b"\n":
        return None
    if zlib.crc32(data, zlib.crc32(buffer[at : header.start(6) - 1])) != int(header[6], 16):
        return None
    retention_class = header[3].decode() if header[3] != b"-" else ""
    bucket = cast("Literal['evidence', 'body']", header[2].decode())
    return Frame(int(header[1]), EvidenceObject(bucket, retention_class, header[4].decode(), data), end)


def next_frame(buffer: Buffer, at: int) -> int | None:
    """Return the first offset, from one on, where something that looks like a frame begins."""
    found = buffer.find(MAGIC, at)
    return None if found < 0 else found
