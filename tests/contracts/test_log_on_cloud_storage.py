"""A whole log on Cloud Storage: written while requests fail, and verified while it grows."""

from __future__ import annotations

import itertools
import threading

import pytest

from affidavit.adapters.gcp.storage import CloudStorageStore
from affidavit.evidence.intake import Stores
from fakes.auditor import audit_folder
from fakes.ledger import Ledger
from fakes.storage_server import Fault
from unit.cli.test_verify import run


class Cloud:
    """A ledger whose stores are buckets."""

    def __init__(self, root, strict):
        self.strict = strict
        for name in ("body-payroll", "body-standard", "quarantine"):
            strict.server.make_bucket(name)
        bodies = {name: self.store(f"body-{name}") for name in ("payroll", "standard")}
        stores = Stores(evidence=strict.store, bodies=bodies.__getitem__, quarantine=self.store("quarantine"))
        self.ledger = Ledger(root, stores=stores, heads=strict.heads)

    def store(self, bucket):
        return CloudStorageStore(self.strict.client, bucket, patience=self.strict.patience)

    def copy(self, folder):
        """Copy the buckets as they are, without asking for anything."""
        for bucket in self.strict.server.buckets.all.values():
            for one in bucket.objects.values():
                path = folder / bucket.name.replace("body-", "bodies/") / one.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(one.data)
        (folder / "log.vkey").write_text(self.ledger.vkey)
        return folder


def live(ledger):
    gateway = ledger.gateway()
    for _ in range(3):
        for _ in range(8):
            gateway.call()
            gateway.flush()
        ledger.sequence()
    gateway.close()
    ledger.settle()


@pytest.mark.parametrize(
    "fault",
    [Fault(), Fault(persisted=True), Fault("cut", persisted=True), Fault(status=429)],
    ids=["error", "error, but done", "cut, but done", "too many requests"],
)
def test_when_every_other_request_fails_the_log_is_as_if_none_had(tmp_path, strict, fault):
    """evidence-format section 7; google-cloud "Cloud Storage" (lost answers)."""
    untouched = Ledger(tmp_path / "untouched")
    live(untouched)
    cloud = Cloud(tmp_path / "cloud", strict)
    turns = itertools.count()
    strict.server.faults.watch = lambda _: strict.server.fail(fault) if next(turns) % 2 else None

    live(cloud.ledger)

    strict.server.mend()
    found = audit_folder(cloud.copy(tmp_path / "copy"))
    assert found.ids() == audit_folder(untouched.root).ids()
    assert strict.server.buckets.all["quarantine"].objects == {}


@pytest.mark.parametrize("every", [1, 7])
def test_a_log_that_grows_while_it_is_copied_verifies(tmp_path, strict, monkeypatch, capsys, every):
    """AUDITORS.md: what refers is copied before what is referred to."""
    cloud = Cloud(tmp_path / "cloud", strict)
    gateway = cloud.ledger.gateway()
    for _ in range(20):
        gateway.call()
        gateway.flush()
    cloud.ledger.sequence()
    before = cloud.ledger.heads.head()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", strict.server.url)
    growing, turns = threading.Lock(), itertools.count()

    def grow(seen):
        if growing.acquire(blocking=False):  # its own requests change nothing more
            try:
                if next(turns) % every == 0:
                    gateway.call()
                    gateway.flush()
                    cloud.ledger.sequence()
            finally:
                growing.release()

    strict.server.faults.watch = grow

    buckets = ("--log", "gs://log", "--bodies", "payroll=gs://body-payroll", "--bodies", "standard=gs://body-standard")
    status = run("gs://evidence", *buckets, "--key", cloud.ledger.vkey, "--as-of", "commit")

    assert status == 0, capsys.readouterr().out
    assert cloud.ledger.heads.head() != before
