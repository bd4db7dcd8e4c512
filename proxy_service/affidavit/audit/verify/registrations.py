"""Registrations of the writers that the log names.

Source: evidence-format section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from affidavit.audit.verify.readable import Readable
from affidavit.audit.verify.report import Findings
from affidavit.audit.verify.shapes import number, pack, row, sha, text, unpack
from affidavit.clock import Micros
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.names import registration_name
from affidavit.evidence.registration import Registration, parse_registration


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What a registration says, as far as checks need it; `key` is 32 raw bytes."""

    writer: str
    object: str
    role: str
    key: bytes
    sha256: str
    attestation: str | None
    opened: Micros

    def save(self) -> list[Any]:
        """Return as JSON what is still needed once the writer was admitted."""
        return [self.role, pack(self.key), self.sha256, self.opened]

    @classmethod
    def restore(cls, writer: str, saved: Any) -> Registered:
        """Return what `save` gave; raises `Malformed`."""
        role, key, sha256, opened = row(saved, 4)
        return cls(
            writer=writer,
            object=f"evidence/{registration_name(writer)}",
            role=text(role),
            key=unpack(key),
            sha256=sha(sha256),
            attestation=None,
            opened=number(opened),
        )


class Registrations:
    """Reads registrations, each once while its chain goes on.

    Args:
        evidence: The evidence bucket.
        origin: The log's name, which each must be for.
        findings: Where one that is missing or wrong is said.
    """

    def __init__(self, evidence: Readable, origin: str, findings: Findings) -> None:
        self._evidence = evidence
        self._origin = origin
        self._findings = findings
        self._known: dict[str, Registered | None] = {}

    def of(self, writer: str) -> Registered | None:
        """Return the registration of a writer that is in the log; None, once said, where there is no valid one."""
        if writer not in self._known:
            self._known[writer] = self._read(writer)
        return self._known[writer]

    def learn(self, writer: str, registered: Registered | None) -> None:
        """Take over what was read of a writer before; None where no valid registration was there."""
        self._known[writer] = registered

    def forget(self, writer: str) -> None:
        """Let go of a chain that has ended."""
        self._known.pop(writer, None)

    def _read(self, writer: str) -> Registered | None:
        object_ = self._evidence.object(registration_name(writer))
        try:
            found = read_registration(self._evidence, writer)
            if found is None:
                self._findings.fail("chains", object_, None, "the registration of a writer in the log", "absent")
            elif found.origin != self._origin:
                self._findings.fail("chains", object_, None, f"the origin {self._origin}", found.origin)
        except Unavailable as error:
            self._findings.unread("chains", object_, str(error))
            return None
        except Malformed as error:
            self._findings.fail("chains", object_, None, "a registration of this writer", str(error))
            return None
        return None if found is None else _brief(found, object_)


def read_registration(evidence: Readable, writer: str) -> Registration | None:
    """Return a writer's registration, None where there is none; raises `Malformed`, `Unavailable`."""
    name = registration_name(writer)
    data = evidence.read(name)
    if data is None:
        return None
    try:
        return parse_registration(name, data)
    except (TypeError, RecursionError) as error:  # nested deeper than anything can be printed
        raise Malformed("it is nested too deep", code="bad_registration") from error


def _brief(found: Registration, object_: str) -> Registered:
    return Registered(
        writer=found.writer,
        object=object_,
        role=found.role,
        key=found.key.public_bytes_raw(),
        sha256=found.sha256,
        attestation=found.attestation,
        opened=found.opened,
    )
