"""Cloud Scheduler calls, and the function `sequence_log` commits: its own process, over Storage, KMS and Google's keys.

evidence-format sections 3, 7 and 9; issue 4, "Functions".
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from affidavit.clock import system_clock
from affidavit.tlog.note import VerifierKey
from fakes.functions import CloudFunction, serving
from fakes.kms_server import KmsServer
from fakes.ledger import ORIGIN, Ledger
from fakes.metadata_server import MetadataServer
from fakes.storage_server import StorageServer
from fakes.stores import MemoryHead, memory_stores
from tampering.runs import explain, failed, notes, verify_folder

EVIDENCE, BODIES, LOG = "acme-evidence", "acme-body-standard", "acme-log"
ACCOUNT = "acme-gateway@acme-prod-1.iam.gserviceaccount.com"
KEY = "projects/acme-audit-1/locations/europe-west1/keyRings/acme/cryptoKeys/log/cryptoKeyVersions/1"
YEAR_S = 365 * 24 * 3600
OBJECTS = tuple(f"storage.objects.{verb}" for verb in ("create", "get", "list"))


@dataclass
class House:
    """The function with all that it asks, and writers that put what they say into the buckets."""

    function: CloudFunction
    storage: StorageServer
    kms: KmsServer
    google: MetadataServer
    ledger: Ledger

    def gateway(self, **claims):
        """Return a gateway with an attestation, which has introduced itself."""
        self.ledger.now = system_clock()
        writer = self.ledger.writer(register=False)
        usual = {"email": ACCOUNT, "email_verified": True}
        writer.attest(lambda aud: self.google.issuer.token(**usual | {"aud": aud} | claims))
        self.put(writer.registration)
        writer.open()
        writer.introduce()
        return self.flush(writer)

    def flush(self, writer):
        for one in writer.seal():
            self.put(one)
        return writer

    def put(self, one):
        self.create(EVIDENCE if one.bucket == "evidence" else BODIES, one.name, one.data)

    def create(self, bucket, name, data):
        """Create an object as somebody who may."""
        held = self.storage.buckets.bucket(bucket)
        allowed, held.allowed = held.allowed, None
        self.storage.buckets.insert(bucket, {"name": name}, data, {"ifGenerationMatch": "0"})
        held.allowed = allowed

    def names(self, bucket, prefix):
        return [name for name in self.storage.buckets.bucket(bucket).objects if name.startswith(prefix)]

    def verify(self, folder):
        """Copy the buckets into a folder, as an auditor does, and verify it."""
        for bucket, place in ((EVIDENCE, "evidence"), (BODIES, "bodies/standard"), (LOG, "log")):
            for one in list(self.storage.buckets.bucket(bucket).objects.values()):
                path = folder / place / one.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(one.data)
        key = VerifierKey(name=ORIGIN, public_key=self.kms.key.public_key().public_bytes_raw())
        return verify_folder(folder, keys=[str(key)], now=system_clock(), as_of=system_clock())


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder, kms, google = tmp_path_factory.mktemp("house"), KmsServer(KEY), MetadataServer(ACCOUNT)
    ledger = Ledger(folder, start=system_clock(), stores=memory_stores(), heads=MemoryHead())
    with StorageServer() as storage, kms.serving() as kms_address, google.serving() as metadata_address:
        for name in (EVIDENCE, BODIES):
            storage.make_bucket(name, retention_s=YEAR_S, locked=True)
        storage.make_bucket(LOG)
        storage.allow(EVIDENCE, *OBJECTS)
        storage.allow(BODIES, "storage.objects.list")  # which bodies are there, and nothing of what they say
        storage.allow(LOG, *OBJECTS, "storage.objects.delete")
        environment = {
            "STORAGE_EMULATOR_HOST": storage.url,
            "KMS_EMULATOR_HOST": kms_address,
            "AFFIDAVIT_ORIGIN": ORIGIN,
            "AFFIDAVIT_EVIDENCE_BUCKET": EVIDENCE,
            "AFFIDAVIT_BODY_BUCKETS": f"standard={BODIES}",
            "AFFIDAVIT_LOG_BUCKET": LOG,
            "AFFIDAVIT_LOG_KEY": KEY,
            "AFFIDAVIT_RETENTION": "standard=400",
            "AFFIDAVIT_WRITERS": f"gateway={ACCOUNT}",
            "AFFIDAVIT_ATTESTATION_KEYS": f"http://{metadata_address}/jwks",
        }
        with serving("sequence_log", environment, folder) as function:
            yield House(function, storage, kms, google, ledger)


def test_a_log_of_attested_writers_verifies_until_somebody_stores_nonsense_in_it(house, tmp_path):
    """One story, because each step needs what is stored before it."""
    gateway, forged = house.gateway(), house.gateway(email="somebody@else.iam.gserviceaccount.com")
    status, answer = house.function.post(b"", content_type="application/octet-stream")
    assert (status, answer) == (200, {"size": 8, "added": 8, "oldest_waiting_us": None, "busy": False})
    gateway.call()
    house.flush(gateway)

    assert house.function.post()[1] == {"size": 11, "added": 3, "oldest_waiting_us": None, "busy": False}
    assert house.function.post()[1]["added"] == 0
    assert house.function.ask("GET") == (405, {"code": "method_not_allowed"})
    assert len(house.names(EVIDENCE, "commit/")) == len(house.names(EVIDENCE, "checkpoint/")) == house.kms.signed == 2
    report = house.verify(tmp_path)
    assert report.status == 0, explain(report)
    assert not failed(report)
    assert notes(report, "attestations") == []
    errors = [entry["message"] for entry in house.function.entries() if entry["severity"] == "ERROR"]
    assert all(forged.id in message for message in errors)

    house.create(EVIDENCE, f"commit/{11:020d}.json", b"nonsense")
    status, answer = house.function.post()

    assert (status, answer) == (200, {"code": "verification_failed", "incident": answer["incident"]})
    assert house.function.alarms() == ["sequencer_stopped"]
    assert house.kms.signed == 2
