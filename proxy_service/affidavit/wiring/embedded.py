"""The embedded default: one data folder, one gateway, one worker.

Source: architecture "Ports" (embedded default).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from affidavit.adapters.embedded.revocations import SqliteRevocations
from affidavit.adapters.embedded.roster import SqliteRoster
from affidavit.adapters.embedded.state import Ledger, State
from affidavit.clock import Clock, system_clock
from affidavit.errors import Misconfigured
from affidavit.evidence.ports import Bus
from affidavit.evidence.writer import Randomness
from affidavit.gateway.ports import Telemetry
from affidavit.policy.configuration import Configuration
from affidavit.wiring.credentials import open_credentials
from affidavit.wiring.data_folder import DataFolder
from affidavit.wiring.directories import open_directory_secrets, open_readers
from affidavit.wiring.gateway import Ports
from affidavit.wiring.random_pool import RandomPool
from affidavit.wiring.telemetry import open_telemetry
from affidavit.wiring.worker import LogSettings


@dataclass(slots=True)
class EmbeddedFolder:
    """A data folder as the gateway uses it."""

    data: DataFolder
    environment: Mapping[str, str]
    clock: Clock
    random: Randomness
    ledger: Ledger
    roster: SqliteRoster
    revocations: SqliteRevocations
    telemetry: Telemetry | None = None
    forwarders: int = 0  # clients connect to it themselves

    @classmethod
    def open(cls, root: Path, environment: Mapping[str, str]) -> EmbeddedFolder:
        """Open a folder, made if it is not there.

        Raises:
            Misconfigured: It cannot be used, or this is Cloud Run, whose disk is gone with the instance; or telemetry
                is asked for that nothing here can send.
        """
        if "K_SERVICE" in environment:
            raise Misconfigured(
                "K_SERVICE is set, so this is Cloud Run: its disk does not outlive the instance, and evidence on it "
                "would be lost. The embedded data folder is for machines that keep their disk."
            )
        telemetry = open_telemetry(environment, instance=os.urandom(8).hex())
        data = DataFolder.open(root)
        ledger = Ledger(State(data.state_path, system_clock))
        roster = SqliteRoster(data.state_path)
        revoked = SqliteRevocations(data.state_path)
        return cls(data, environment, system_clock, RandomPool(os.urandom), ledger, roster, revoked, telemetry)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other gateways out while the block lasts.

        Raises:
            Misconfigured: One is in already.
        """
        lock = os.open(self.data.root / "tmp" / "gateway.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Misconfigured(
                f"another gateway uses {self.data.root}: stop it, or give this one a folder of its own"
            ) from error
        try:
            yield
        finally:
            os.close(lock)

    def ports(self, configuration: Configuration) -> Ports:
        """Return what the gateway needs of the outside; keys are made at the first start.

        Raises:
            Misconfigured: The folder's log has another origin, so nothing that is recorded could enter it; or a
                mounted file is missing or wrong.
        """
        credentials = open_credentials(configuration.upstreams, self.environment, self.clock)
        self.data.keys().signer(configuration.origin)
        return Ports(
            bus=self._bus,
            evidence=self.data.evidence,
            ledger=self.ledger,
            credentials=credentials,
            revocations=self.revocations,
            roster=self.roster,
            directory_secrets=open_directory_secrets(configuration.directories, self.environment),
            readers=open_readers(configuration.directories, self.environment, self.clock),
            secret=self.data.keys().mask_key(),
            clock=self.clock,
            random=self.random,
            telemetry=self.telemetry,
        )

    def worker(self, configuration: Configuration) -> Sequence[str]:
        """Return the worker's command line, after the interpreter."""
        settings = LogSettings(
            origin=configuration.origin, retention=configuration.retention, roles=frozenset({"gateway"})
        )
        root = str(self.data.root)
        return ["-m", "affidavit.serve.worker", "--data", root, "--log", settings.encode(), "--report"]

    def close(self) -> None:
        """Let go of what the gateway alone uses."""
        self.ledger.close()
        self.roster.close()
        self.revocations.close()

    def _bus(self, writer: str) -> Bus:
        return self.data.bus(writer, self.clock)
