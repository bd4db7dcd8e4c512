"""What the embedded worker runs: the cloud functions' handlers over one data folder.

Source: architecture "Ports" (embedded default).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from affidavit.adapters.embedded.disk import Disk
from affidavit.adapters.embedded.journal_reader import JournalReader
from affidavit.audit.known import Admission
from affidavit.audit.sequencer import Sequencer, Sequencing
from affidavit.errors import Misconfigured
from affidavit.evidence.intake import Intake
from affidavit.evidence.names import RETENTION_CLASS
from affidavit.evidence.registration import ROLE, Registration
from affidavit.evidence.writer import Randomness
from affidavit.wiring.data_folder import DataFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What the worker has to be told.

    Attributes:
        origin: The log's name, for ever.
        retention: Body class to days.
        roles: Writers of these are admitted: on one machine there are no accounts to tell them apart.
    """

    origin: str
    retention: Mapping[str, int]
    roles: frozenset[str]

    def encode(self) -> str:
        """Return the text that `parse` reads, as the worker's `--log` takes it."""
        value = {"origin": self.origin, "retention": dict(self.retention), "roles": sorted(self.roles)}
        return orjson.dumps(value).decode()

    @classmethod
    def parse(cls, text: str) -> LogSettings:
        """Read the text form.

        Raises:
            Misconfigured: It is not exactly that.
        """
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise Misconfigured(f"--log is not JSON: {error}") from error
        if type(value) is not dict or set(value) != {"origin", "retention", "roles"}:
            raise Misconfigured('--log must be {"origin":"…","retention":{"<class>":<days>},"roles":["gateway"]}')
        if type(value["origin"]) is not str or not value["origin"]:
            raise Misconfigured("--log: `origin` is the log's name")
        return cls(origin=value["origin"], retention=_retention(value["retention"]), roles=_roles(value["roles"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """The journal's end, what checks and stores, what gives it places in the log."""

    folder: DataFolder
    journal: JournalReader
    intake: Intake
    sequencer: Sequencer


def open_worker(root: Path, settings: LogSettings, *, random: Randomness, disk: Disk | None = None) -> WorkerParts:
    """Open a data folder for the worker, and make what is not there yet.

    Raises:
        Misconfigured: The folder or a key in it cannot be used.
        Unavailable: The disk does not answer.
    """
    folder = DataFolder.open(root, disk)

    def admit(registration: Registration) -> Admission | None:
        return Admission(None) if registration.role in settings.roles else None

    sequencing = Sequencing(
        store=folder.evidence,
        has_body=folder.has_body,
        heads=folder.head(),
        signer=folder.keys().signer(settings.origin),
        admit=admit,
        retention=settings.retention,
        random=random,
    )
    return WorkerParts(
        folder=folder,
        journal=folder.journal(),
        intake=Intake(folder.stores, origin=settings.origin),
        sequencer=Sequencer(sequencing),
    )


def _retention(value: Any) -> dict[str, int]:
    if type(value) is not dict or not all(RETENTION_CLASS.fullmatch(name) for name in value):
        raise Misconfigured("--log: `retention` maps class names ([a-z0-9_]+) to days")
    if not all(type(days) is int and days > 0 for days in value.values()):
        raise Misconfigured("--log: a retention class is kept for at least one day")
    return dict(value)


def _roles(value: Any) -> frozenset[str]:
    if type(value) is not list or not all(type(role) is str and ROLE.fullmatch(role) for role in value):
        raise Misconfigured("--log: `roles` are of gateway, console, cli, function:<name>")
    return frozenset(value)
