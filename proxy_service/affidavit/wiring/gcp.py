"""The gateway on Google Cloud: records go to Pub/Sub, registrations to their bucket, its state to Firestore.

Source: architecture "Ports"; google-cloud.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from affidavit.adapters.gcp.emulators import emulated, refuse_emulators
from affidavit.adapters.gcp.firestore import (
    FirestoreDefinitions,
    FirestoreLedger,
    FirestoreRevocations,
    open_database,
)
from affidavit.adapters.gcp.metadata import attestation
from affidavit.adapters.gcp.pubsub import PubSubBus, open_publisher
from affidavit.adapters.gcp.roster import FirestoreRoster
from affidavit.adapters.gcp.secrets import Secrets, open_secrets
from affidavit.adapters.gcp.storage import CloudStorageStore, open_client
from affidavit.clock import Clock, system_clock
from affidavit.errors import Misconfigured
from affidavit.evidence.fingerprints import SECRET_BYTES
from affidavit.evidence.ports import Bus
from affidavit.gateway.ports import Telemetry
from affidavit.policy.configuration import Configuration
from affidavit.policy.document import STANDARD
from affidavit.settings import ProxySettings
from affidavit.wiring.credentials import open_credentials
from affidavit.wiring.directories import open_directory_secrets, open_readers
from affidavit.wiring.doctor import gateway_can_start
from affidavit.wiring.gateway import Ports
from affidavit.wiring.random_pool import RandomPool
from affidavit.wiring.telemetry import open_telemetry


@dataclass(slots=True)
class CloudGateway:
    """What one instance of the gateway has on Google Cloud."""

    settings: ProxySettings
    environment: Mapping[str, str]
    evidence: CloudStorageStore
    bodies: Mapping[str, CloudStorageStore]
    ledger: FirestoreLedger
    revocations: FirestoreRevocations
    roster: FirestoreRoster
    secrets: Secrets
    telemetry: Telemetry | None = None
    clock: Clock = system_clock

    @classmethod
    def open(cls, environment: Mapping[str, str]) -> CloudGateway:
        """Read the environment and open clients; asks nothing of the network yet.

        Raises:
            Misconfigured: The environment is wrong, or there are no credentials.
        """
        refuse_emulators(environment)
        settings = ProxySettings.read(environment)
        storage = open_client(settings.project, environment)
        database = open_database(settings.project, settings.database, environment)
        return cls(
            settings=settings,
            environment=environment,
            evidence=CloudStorageStore(storage, settings.evidence_bucket),
            bodies={name: CloudStorageStore(storage, bucket) for name, bucket in settings.body_buckets.items()},
            ledger=FirestoreLedger(FirestoreDefinitions(database, system_clock)),
            revocations=FirestoreRevocations(database),
            roster=FirestoreRoster(database),
            secrets=Secrets(open_secrets(environment), settings.project),
            telemetry=open_telemetry(environment, instance=os.urandom(8).hex(), project=settings.project),
        )

    @property
    def forwarders(self) -> int:
        """See `Deployment.forwarders`."""
        return self.settings.forwarders

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Any number of instances may run: each is a writer of its own."""
        yield

    def ports(self, configuration: Configuration) -> Ports:
        """Return what the gateway needs of the outside.

        Raises:
            Misconfigured: A retention class has no bucket, the deployment's secret is none, or something that records
                need is missing or not for this account; each with its mend. Or a mounted file is missing or wrong.
            Unavailable: Google does not answer.
        """
        classes = {STANDARD, *configuration.retention, *(upstream.retention for upstream in configuration.upstreams)}
        if without := sorted(classes - self.bodies.keys()):
            raise Misconfigured(
                f"AFFIDAVIT_BODY_BUCKETS has no bucket for the retention class {', '.join(without)}: add it there "
                "and to `retention` in terraform/audit"
            )
        credentials = open_credentials(configuration.upstreams, self.environment, self.clock)
        if not emulated(self.environment):  # what permissions are worth, an emulator does not know
            gateway_can_start(self.settings, configuration, self.environment)
        secret = self.secrets.read(self.settings.deployment_secret).value
        if len(secret) < SECRET_BYTES:
            raise Misconfigured(
                f"{self.settings.deployment_secret} has {len(secret)} bytes: {SECRET_BYTES} random ones are needed"
            )
        return Ports(
            bus=self._bus,
            evidence=self.evidence,
            ledger=self.ledger,
            credentials=credentials,
            revocations=self.revocations,
            roster=self.roster,
            directory_secrets=open_directory_secrets(configuration.directories, self.environment),
            readers=open_readers(configuration.directories, self.environment, self.clock),
            secret=secret,
            clock=self.clock,
            random=RandomPool(os.urandom),
            telemetry=self.telemetry,
            attest=partial(attestation, self.environment),
            image=self.settings.image,
            revision=self.environment.get("K_REVISION"),
        )

    def worker(self, _: Configuration) -> None:
        """Functions store and sequence."""

    def close(self) -> None:
        """Let go of what the gateway alone uses."""
        self.ledger.close()

    def _bus(self, _: str) -> Bus:
        return PubSubBus(
            open_publisher(self.environment),
            self.settings.evidence_topic,
            evidence=self.evidence,
            bodies=self.bodies.__getitem__,
        )
