"""Registrations: which key signs a chain, and what that writer says it is.

Bytes in, values out. Whether a writer may speak in the log is decided by the sequencer's admission, not here.

Source: evidence-format section 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from affidavit.clock import Micros, parse_time
from affidavit.errors import Malformed
from affidavit.evidence.canonical import decode
from affidavit.evidence.names import parse_registration_name
from affidavit.evidence.segment import is_hash
from affidavit.evidence.stored import base64_bytes, sha256_hex

ROLE = re.compile(r"gateway|console|cli|function:[a-z0-9-]+", re.ASCII)

_KEYS = {"attestation", "config_sha256", "opened", "origin", "public_key", "role", "software", "v", "writer"}
_SOFTWARE_KEYS = {"image", "revision", "version"}
_IMAGE = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_PUBLIC_KEY_BYTES = 32
_LONGEST = 65_535  # bytes; with a token it has some two thousand, and anybody's must fit in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One writer's registration.

    Attributes:
        version: Of its software.
        sha256: Of its stored bytes: the `prev` of its record 0.
    """

    writer: str
    opened: Micros
    origin: str
    role: str
    key: Ed25519PublicKey
    attestation: str | None
    config_sha256: str
    version: str
    sha256: str


def parse_registration(name: str, data: bytes) -> Registration:
    """Return what stored bytes under a name register.

    Raises:
        Malformed: Not a registration of the writer that the name says.
    """
    writer = parse_registration_name(name)
    if len(data) > _LONGEST:
        raise Malformed(f"a registration has at most {_LONGEST} bytes", code="bad_registration")
    value = decode(data)
    if set(value) != _KEYS or value["v"] != 1 or type(value["v"]) is not int or value["writer"] != writer:
        raise Malformed("not a registration of this writer in version 1", code="bad_registration")
    if not (_is_text(value["origin"]) and _is_role(value["role"]) and is_hash(value["config_sha256"])):
        raise Malformed("a registration's origin, role or configuration is not of its form", code="bad_registration")
    if not (value["attestation"] is None or _is_text(value["attestation"])) or not _is_software(value["software"]):
        raise Malformed("a registration's attestation or software is not of its form", code="bad_registration")
    return Registration(
        writer=writer,
        opened=_opened(writer, value["opened"]),
        origin=value["origin"],
        role=value["role"],
        key=_key(value["public_key"]),
        attestation=value["attestation"],
        config_sha256=value["config_sha256"],
        version=value["software"]["version"],
        sha256=sha256_hex(data),
    )


def attestation_audience(key: bytes) -> str:
    """Return the audience of a token that ties a key, 32 raw bytes, to a service account."""
    return f"affidavit:{sha256_hex(key)}"


def _is_text(value: Any) -> bool:
    return type(value) is str and value != ""


def _is_role(value: Any) -> bool:
    return type(value) is str and ROLE.fullmatch(value) is not None


def _is_software(value: Any) -> bool:
    if type(value) is not dict or set(value) != _SOFTWARE_KEYS or not _is_text(value["version"]):
        return False
    image, revision = value["image"], value["revision"]
    known_image = image is None or (type(image) is str and _IMAGE.fullmatch(image) is not None)
    return known_image and (revision is None or _is_text(revision))


def _opened(writer: str, value: Any) -> Micros:
    try:
        opened = parse_time(value) if type(value) is str else None
    except ValueError as error:
        raise Malformed("a registration's `opened` is no time", code="bad_registration") from error
    # The id is `opened` cut to seconds, so that names sort by start; a registration that lies about it is none.
    if opened is None or value[:19].replace("-", "").replace(":", "") != writer[:15]:
        raise Malformed("a registration's `opened` is not what its writer's id says", code="bad_registration")
    return opened


def _key(value: Any) -> Ed25519PublicKey:
    raw = base64_bytes(value) if type(value) is str else b""
    if len(raw) != _PUBLIC_KEY_BYTES:
        raise Malformed("a registration's key has not 32 bytes", code="bad_registration")
    return Ed25519PublicKey.from_public_bytes(raw)
