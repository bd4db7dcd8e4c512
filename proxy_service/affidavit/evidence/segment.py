"""Segments: consecutive records of one writer, signed once, stored as one object.

Bytes in, values out; signatures are made by a callable that is given, so no key lives here.

Source: evidence-format section 6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from affidavit.errors import Malformed, VerificationFailed
from affidavit.evidence.canonical import decode, encode
from affidavit.evidence.names import RETENTION_CLASS, WRITER_ID
from affidavit.evidence.stored import base64_bytes, base64_text

MAX_RECORDS = 1_000
MAX_RECORD_BYTES = 65_535  # the uint16 length of a tlog-tiles entry
MAX_LINE_BYTES = 65_535  # of a header or a signature, which have some hundred: what anybody may pack must fit in memory

_CONTEXT = b"affidavit-segment/1\n"
_HEADER_KEYS = {"bodies", "count", "first_seq", "prev", "segment", "writer"}
_SIGNATURE_BYTES = 64
_HASH_DIGITS = "0123456789abcdef"
_HASH_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment's content; `records` are exact bytes without line ends.

    `bodies` names, for each retention class that the records mention, the SHA-256 of the bodies object's stored bytes.
    """

    writer: str
    first_seq: int
    prev: str
    bodies: Mapping[str, str]
    records: Sequence[bytes]
    signed: bytes
    signature: bytes

    @property
    def next_seq(self) -> int:
        """The place in the chain after this segment."""
        return self.first_seq + len(self.records)

    def verify(self, key: Ed25519PublicKey) -> None:
        """Check the writer's signature.

        Raises:
            VerificationFailed: It does not verify under this key.
        """
        try:
            key.verify(self.signature, _to_sign(self.signed))
        except InvalidSignature as error:
            raise VerificationFailed(f"the signature of a segment of {self.writer} does not verify") from error


def sign_segment(
    *,
    writer: str,
    first_seq: int,
    prev: str,
    bodies: Mapping[str, str],
    records: Sequence[bytes],
    sign: Callable[[bytes], bytes],
) -> bytes:
    """Return the lines of a segment, before packing."""
    header = encode(
        {
            "bodies": dict(bodies),
            "count": len(records),
            "first_seq": first_seq,
            "prev": prev,
            "segment": 1,
            "writer": writer,
        }
    )
    signed = b"\n".join((header, *records, b""))
    signature = base64_text(sign(_to_sign(signed)))
    return signed + b'{"signature":"%b"}\n' % signature.encode()


def parse_segment(data: bytes) -> Segment:
    """Return the content of an unpacked segment; its signature and its records are not checked yet.

    Raises:
        Malformed: The lines, the header or the signature line are not of the form.
    """
    if not data.endswith(b"\n"):
        raise Malformed("the last line has no end", code="bad_segment")
    # One line more than there may be, and no further: 64 MiB of line ends come packed in 64 KiB.
    lines = data[:-1].split(b"\n", MAX_RECORDS + 2)
    if not 1 <= len(lines) - 2 <= MAX_RECORDS:
        raise Malformed("a segment without records, or with more than there may be", code="bad_segment")
    header_line, *records, signature_line = lines
    if max(len(header_line), len(signature_line)) > MAX_LINE_BYTES:
        raise Malformed("the header or the signature of a segment is too long", code="bad_segment")
    header = _parse_header(decode(header_line))
    if header["count"] != len(records):
        raise Malformed("the header counts other records than are there", code="bad_segment")
    return Segment(
        writer=header["writer"],
        first_seq=header["first_seq"],
        prev=header["prev"],
        bodies=header["bodies"],
        records=records,
        signed=data[: -len(signature_line) - 1],
        signature=_parse_signature(decode(signature_line)),
    )


def _to_sign(signed: bytes) -> bytes:
    return _CONTEXT + hashlib.sha256(signed).digest()


def _parse_header(header: dict[str, Any]) -> dict[str, Any]:
    bodies = header.get("bodies")
    well_formed = (
        set(header) == _HEADER_KEYS
        and _is_count(header["count"], MAX_RECORDS)
        and type(header["first_seq"]) is int
        and header["first_seq"] >= 0
        and is_hash(header["prev"])
        and header["segment"] == 1
        and type(header["segment"]) is int
        and type(header["writer"]) is str
        and WRITER_ID.fullmatch(header["writer"]) is not None
        and type(bodies) is dict
        and all(RETENTION_CLASS.fullmatch(name) and is_hash(sha256) for name, sha256 in bodies.items())
    )
    if not well_formed:
        raise Malformed("the header of a segment is not of the form", code="bad_segment")
    return header


def _parse_signature(line: dict[str, Any]) -> bytes:
    if set(line) != {"signature"} or type(line["signature"]) is not str:
        raise Malformed("the last line of a segment is not its signature", code="bad_segment")
    signature = base64_bytes(line["signature"])
    if len(signature) != _SIGNATURE_BYTES:
        raise Malformed("a signature is not 64 bytes", code="bad_segment")
    return signature


def is_hash(value: Any) -> bool:
    """Tell whether a JSON value is 64 lower-case hex digits."""
    return type(value) is str and len(value) == _HASH_LENGTH and not value.strip(_HASH_DIGITS)


def _is_count(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most
