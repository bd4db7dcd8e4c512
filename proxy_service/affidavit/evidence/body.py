"""Bodies: what was said, kept apart from the record that proves it was said.

A body is named by the hash of its own salt and its bytes; both are disposed of together, so a disposed body cannot be
guessed.

Source: evidence-format sections 4 and 6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from affidavit.errors import Malformed
from affidavit.evidence.canonical import encode
from affidavit.evidence.stored import base64_bytes, base64_text

SALT_BYTES = 16
_LINE_KEYS = {"base64", "body", "salt"}


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
    for line in data[:-1].split(b"\n"):
        yield _decode_line(line, retention_class)


def _decode_line(line: bytes, retention_class: str) -> Body:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Malformed("a body line is not JSON", code="bad_bodies") from error
    if type(value) is not dict or set(value) != _LINE_KEYS or encode(value) != line:
        raise Malformed("a body line is not of the form", code="bad_bodies")
    if not all(type(member) is str for member in value.values()):
        raise Malformed("a body line is not of the form", code="bad_bodies")
    salt = _salt(value["salt"])
    body = Body.make(base64_bytes(value["base64"]), salt=salt, retention_class=retention_class)
    if body.hash != value["body"]:
        raise Malformed(f"body {value['body']} does not hash to its name", code="bad_body_hash")
    return body


def _salt(text: str) -> bytes:
    try:
        salt = bytes.fromhex(text)
    except ValueError as error:
        raise Malformed("a salt is not hex", code="bad_bodies") from error
    if len(salt) != SALT_BYTES or salt.hex() != text:
        raise Malformed("a salt is not 16 bytes of lower-case hex", code="bad_bodies")
    return salt
