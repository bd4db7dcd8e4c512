"""Bodies: what was said, kept apart from the record that proves it was said.

A body is named by the hash of its own salt and its bytes; both are disposed of together, so a disposed body cannot be
guessed.

Source: evidence-format sections 4 and 6.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from affidavit.errors import Malformed
from affidavit.evidence.stored import base64_bytes, base64_text

SALT_BYTES = 16

_LINE = re.compile(rb'\{"base64":"([A-Za-z0-9+/]*={0,2})","body":"([0-9a-f]{64})","salt":"([0-9a-f]{32})"\}')


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes as they are recorded, with the salt and the class they are kept under."""

    hash: str
    data: bytes
    salt: bytes
    retention_class: str

    @classmethod
    def make(cls, data: bytes, *, salt: bytes, retention_class: str) -> Body:
        """Name bytes by the hash of salt and bytes."""
        return cls(body_hash(salt, data), data, salt, retention_class)

    def reference(self) -> dict[str, Any]:
        """Return the body reference that stands in a record."""
        return {"body": self.hash, "class": self.retention_class, "size": len(self.data)}


def body_hash(salt: bytes, data: bytes) -> str:
    """Return SHA-256(salt || data) as hex."""
    return hashlib.sha256(salt + data).hexdigest()


def references(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every body reference in a record, in the byte order of its canonical form.

    A reference is any object, at any depth, that has both `body` and `size`, and nothing else is one.
    """
    if isinstance(value, dict):
        if "body" in value and "size" in value:
            yield value
        for key in sorted(value):
            yield from references(value[key])
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def encode_bodies(bodies: Iterable[Body]) -> bytes:
    """Return the lines of a bodies object, before packing."""
    return b"".join(
        b'{"base64":"%b","body":"%b","salt":"%b"}\n'
        % (base64_text(body.data).encode(), body.hash.encode(), body.salt.hex().encode())
        for body in bodies
    )


def decode_bodies(data: bytes, *, retention_class: str) -> Iterator[Body]:
    """Yield the bodies of an unpacked bodies object, each checked against its own hash.

    Raises:
        Malformed: A line is not of the form, not canonical, or its bytes do not hash to its name.
    """
    if not data.endswith(b"\n"):
        raise Malformed("the last line has no end", code="bad_bodies")
    start = 0
    while start < len(data):
        end = data.index(b"\n", start)
        yield _decode_line(data[start:end], retention_class)
        start = end + 1


def _decode_line(line: bytes, retention_class: str) -> Body:
    # Its one canonical spelling, without a reader of JSON: what anybody may pack could be a million lists.
    found = _LINE.fullmatch(line)
    if found is None:
        raise Malformed("a body line is not of the form", code="bad_bodies")
    data = base64_bytes(found[1].decode("ascii"))
    body = Body.make(data, salt=bytes.fromhex(found[3].decode("ascii")), retention_class=retention_class)
    if body.hash.encode() != found[2]:
        raise Malformed(f"body {found[2].decode('ascii')} does not hash to its name", code="bad_body_hash")
    return body
