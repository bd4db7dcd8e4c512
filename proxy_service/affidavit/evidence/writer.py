"""A writer: one process, one key kept in memory only, one chain of records.

Forms registrations, records and segments; never touches a disk or a network.

Source: evidence-format sections 3 and 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit import __version__
from affidavit.clock import Clock, Micros, format_time
from affidavit.errors import Malformed
from affidavit.evidence.body import Body, encode_bodies
from affidavit.evidence.canonical import encode
from affidavit.evidence.names import bodies_name, registration_name, segment_name
from affidavit.evidence.packing import pack
from affidavit.evidence.ports import EvidenceObject
from affidavit.evidence.segment import MAX_RECORD_BYTES, sign_segment
from affidavit.evidence.stored import base64_text, sha256_hex

Randomness = Callable[[int], bytes]

SALT_BYTES = 16
_ID_BYTES = 8  # 64 random bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a registration says of where its writer runs (evidence-format section 3).

    Attributes:
        attestation: A token that ties the key to a service account.
        image: Digest of the container image.
        revision: Of the service.
    """

    attestation: str | None = None
    image: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a record stands in its chain, and the hash of its bytes."""

    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One record's exact bytes, with the bodies that it mentions."""

    seq: int
    prev: str
    line: bytes
    bodies: tuple[Body, ...]


NOWHERE = Provenance()


def writer_id(opened: Micros, random: Randomness) -> str:
    """Return a new id: the start cut to seconds, then 64 random bits, so that names sort by start."""
    stamp = format_time(opened)[:19].replace("-", "").replace(":", "")
    return f"{stamp}Z-{random(_ID_BYTES).hex()}"


class Writer:
    """The registration and the chain of one process.

    Args:
        origin: The log's name.
        role: What this process is: `gateway`, `console`, `cli` or `function:<name>`.
        config_sha256: Hash of the configuration's exact bytes.
        clock: Where the time comes from.
        random: Where salts come from.
        key: The chain's signing key; a new one for every process.
        provenance: Where this process runs, as far as somebody vouches for it.
    """

    def __init__(
        self,
        *,
        origin: str,
        role: str,
        config_sha256: str,
        clock: Clock,
        random: Randomness,
        key: Ed25519PrivateKey,
        provenance: Provenance = NOWHERE,
    ) -> None:
        self._clock = clock
        self._random = random
        self._key = key
        self.opened = self.last_time = clock()
        self.id = writer_id(self.opened, random)
        self.role = role
        self.registration = encode(
            {
                "attestation": provenance.attestation,
                "config_sha256": config_sha256,
                "opened": format_time(self.last_time),
                "origin": origin,
                "public_key": base64_text(key.public_key().public_bytes_raw()),
                "role": role,
                "software": {
                    "image": provenance.image,
                    "revision": provenance.revision,
                    "version": __version__,
                },
                "v": 1,
                "writer": self.id,
            }
        )
        self.registration_name = registration_name(self.id)
        self._prev = sha256_hex(self.registration)
        self.next_seq = 0

    def append(self, kind: str, fields: Mapping[str, Any], bodies: tuple[Body, ...] = ()) -> tuple[Receipt, Entry]:
        """Put one record at the end of the chain.

        Args:
            kind: A kind of section 5.
            fields: The kind's own fields; values may be `orjson.Fragment`s of canonical bytes.
            bodies: The bodies that the fields refer to.

        Raises:
            Malformed: The record would be longer than a log entry may be; the chain is as it was.
        """
        now = max(self._clock(), self.last_time)
        seq = self.next_seq
        line = encode(
            {
                **fields,
                "kind": kind,
                "prev": self._prev,
                "salt": self._random(SALT_BYTES).hex(),
                "seq": seq,
                "time": format_time(now),
                "v": 1,
                "writer": self.id,
            }
        )
        if len(line) > MAX_RECORD_BYTES:
            raise Malformed(f"a {kind} record of {len(line)} bytes is longer than a log entry", code="record_too_long")
        entry = Entry(seq, self._prev, line, bodies)
        self._prev = hashlib.sha256(line).hexdigest()
        self.last_time = now
        self.next_seq = seq + 1
        return Receipt(f"{self.id}/{seq}", self._prev), entry

    def seal(self, entries: Sequence[Entry]) -> list[EvidenceObject]:
        """Return consecutive entries as objects: the bodies first, the signed segment last."""
        first = entries[0]
        objects = [
            EvidenceObject("body", name, bodies_name(self.id, first.seq, sha256_hex(data)), data)
            for name, data in self._packed_bodies(entries).items()
        ]
        segment = pack(
            sign_segment(
                writer=self.id,
                first_seq=first.seq,
                prev=first.prev,
                bodies={sent.retention_class: sha256_hex(sent.data) for sent in objects},
                records=[entry.line for entry in entries],
                sign=self._key.sign,
            )
        )
        name = segment_name(self.id, first.seq, sha256_hex(segment))
        return [*objects, EvidenceObject("evidence", "", name, segment)]

    def body(self, data: bytes, retention_class: str) -> Body:
        """Return bytes as a body with a fresh salt."""
        return Body.make(data, salt=self._random(SALT_BYTES), retention_class=retention_class)

    @staticmethod
    def _packed_bodies(entries: Sequence[Entry]) -> dict[str, bytes]:
        by_class: dict[str, dict[str, Body]] = {}
        for entry in entries:
            for body in entry.bodies:
                by_class.setdefault(body.retention_class, {}).setdefault(body.hash, body)
        return {name: pack(encode_bodies(bodies.values())) for name, bodies in by_class.items()}
