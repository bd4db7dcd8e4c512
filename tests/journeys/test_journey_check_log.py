"""Cloud Scheduler calls, and the function `check_log` verifies: its own process, over a strict Cloud Storage and a KMS.

evidence-format section 9; google-cloud "Cloud Storage".
"""

from __future__ import annotations

import contextlib
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from affidavit.clock import MINUTE, SECOND, system_clock
from affidavit.errors import Misconfigured
from affidavit.wiring.check import open_check_log
from fakes.functions import serving
from fakes.kms_server import KmsServer
from fakes.ledger import ORIGIN, RETENTION, Ledger
from fakes.storage_server import Fault, StorageServer

KEY = "projects/acme-audit/locations/europe-west1/keyRings/acme/cryptoKeys/log/cryptoKeyVersions/1"
BUCKETS = {
    "evidence": "acme-evidence",
    "log": "acme-log",
    **{f"bodies/{name}": f"acme-body-{name}" for name in RETENTION},
}
CHECK, QUARANTINE = "acme-check", "acme-quarantine"
CREATE, GET, LIST = (f"storage.objects.{verb}" for verb in ("create", "get", "list"))


class Deployment:
    """A gateway that works in a folder, whose buckets are copied to the storage server as they grow."""

    def __init__(self, root: Path, storage: StorageServer) -> None:
        self.ledger = Ledger(root, start=system_clock() - 3 * MINUTE)
        self.gateway = self.ledger.gateway()
        self.storage = storage

    def work(self, calls: int = 5) -> None:
        for _ in range(calls):
            self.gateway.call()
        self.gateway.flush()
        self.ledger.advance(SECOND)
        self.ledger.sequence()
        self.copy()

    def copy(self) -> None:
        for folder, bucket in BUCKETS.items():
            root = self.ledger.root / folder
            for path in sorted(root.rglob("*")) if root.is_dir() else ():
                if path.is_file():
                    self._put(bucket, path.relative_to(root).as_posix(), path.read_bytes())

    def _put(self, bucket: str, name: str, data: bytes) -> None:
        objects = self.objects(bucket)
        if name in objects and objects[name].data == data:
            return
        if name in objects:
            self.remove(bucket, name)  # the head, which moves
        with self.everything_allowed(bucket):
            self.storage.buckets.insert(bucket, {"name": name}, data, {"ifGenerationMatch": "0"})

    def remove(self, bucket: str, name: str) -> None:
        with self.everything_allowed(bucket):
            self.storage.buckets.delete(bucket, name, {})

    def objects(self, bucket: str):
        return self.storage.buckets.bucket(bucket).objects

    @contextlib.contextmanager
    def everything_allowed(self, name: str):
        bucket = self.storage.buckets.bucket(name)
        allowed, bucket.allowed = bucket.allowed, None
        yield
        bucket.allowed = allowed


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    leaps = itertools.count(int(time.time()), 2)  # nobody waits for the limit of one change a second
    with StorageServer(now=lambda: float(next(leaps))) as storage:
        for name in (*BUCKETS.values(), CHECK, QUARANTINE):
            storage.make_bucket(name)
        # What terraform/audit grants the checker: to read everything, and to create in the check bucket alone.
        for name in (*BUCKETS.values(), QUARANTINE):
            storage.allow(name, GET, LIST)
        storage.allow(CHECK, CREATE, GET, LIST)
        yield Deployment(tmp_path_factory.mktemp("ledger"), storage)


@pytest.fixture(scope="module")
def kms(deployment):
    server = KmsServer(KEY)
    server.key = load_pem_private_key((deployment.ledger.root / "log.key").read_bytes(), None)
    with server.serving() as address:
        yield address


def environment(deployment, kms, **changed):
    return {
        "STORAGE_EMULATOR_HOST": deployment.storage.url,
        "KMS_EMULATOR_HOST": kms,
        "AFFIDAVIT_ORIGIN": ORIGIN,
        "AFFIDAVIT_EVIDENCE_BUCKET": BUCKETS["evidence"],
        "AFFIDAVIT_BODY_BUCKETS": ",".join(f"{name}=acme-body-{name}" for name in RETENTION),
        "AFFIDAVIT_LOG_BUCKET": BUCKETS["log"],
        "AFFIDAVIT_QUARANTINE_BUCKET": QUARANTINE,
        "AFFIDAVIT_CHECK_BUCKET": CHECK,
        "AFFIDAVIT_LOG_KEY": KEY,
        **changed,
    }


@pytest.fixture(scope="module")
def function(deployment, kms, tmp_path_factory):
    with serving("check_log", environment(deployment, kms), tmp_path_factory.mktemp("function")) as function:
        yield function


def test_what_is_new_is_verified_each_time(function, deployment):
    deployment.work()
    status, first = function.post()
    deployment.work()
    _, second = function.post()

    assert (status, first) == (
        200,
        {"size": first["size"], "verified_from": 0, "at_end": True, "status": 0, "alarms": []},
    )
    assert (second["verified_from"], second["status"], second["alarms"]) == (first["size"], 0, [])
    assert second["size"] > first["size"]


def test_a_check_asks_for_what_is_new_and_for_little_else(function, deployment):
    """google-cloud "Cost": it runs each minute, so what it asks is what it costs."""
    function.post()
    deployment.work()
    before = len(deployment.storage.requests)
    _, seen = function.post()
    asked = list(deployment.storage.requests)[before:]

    assert seen["size"] > seen["verified_from"]
    assert sum(one.operation == "objects.list" for one in asked) < 25
    assert len(asked) < 60


def test_two_at_once_and_answers_that_are_lost_are_no_harm(function, deployment):
    deployment.work()
    deployment.storage.fail(Fault("cut", persisted=True), operation="objects.insert")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: function.post(), range(4)))

    assert {status for status, _ in answers} == {200}
    assert {(one["size"], one["status"]) for _, one in answers} == {(answers[0][1]["size"], 0)}


def test_a_check_that_is_killed_in_the_middle_is_made_by_the_next(deployment, kms, tmp_path):
    deployment.work()
    with serving("check_log", environment(deployment, kms), tmp_path) as doomed:
        deployment.storage.fail(Fault("silence"), operation="objects.insert")  # it has verified, and keeps its point
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(doomed.post)
            while deployment.storage.requests[-1].operation != "objects.insert":
                time.sleep(0.01)
            doomed.kill()
            assert asked.exception() is not None
    deployment.storage.mend()
    with serving("check_log", environment(deployment, kms), tmp_path) as another:
        assert another.post()[1]["status"] == 0


def test_a_log_that_was_altered_is_an_alarm_with_its_name(function, deployment):
    deployment.work()
    objects = deployment.objects(BUCKETS["evidence"])
    newest = max(name for name in objects if name.startswith("segment/"))
    deployment.remove(BUCKETS["evidence"], newest)
    status, seen = function.post()
    deployment.copy()

    assert (status, seen["status"], seen["alarms"]) == (200, 1, ["check_failed"])
    [entry] = [entry for entry in function.entries() if entry.get("alarm") == "check_failed"]
    assert (entry["check"], entry["object"], entry["severity"]) == ("segments", f"evidence/{newest}", "ERROR")
    assert function.post()[1]["alarms"] == ["check_failed"], "it stays red, until somebody accepts it"


def test_whoever_calls_is_told_no_exceptions_text(deployment, kms, tmp_path):
    with serving(
        "check_log", environment(deployment, kms, AFFIDAVIT_CHECK_BUCKET="acme-nothing"), tmp_path
    ) as function:
        status, answer = function.post()

    assert status == 500
    assert answer.keys() == {"code", "incident"}
    assert answer["code"] == "misconfigured"


def test_an_environment_that_is_wrong_is_refused(deployment, kms):
    with pytest.raises(Misconfigured, match="AFFIDAVIT_CHECK_BUCKET is not set"):
        open_check_log({name: text for name, text in environment(deployment, kms).items() if "CHECK" not in name})
    with pytest.raises(Misconfigured, match="emulator"):
        open_check_log(environment(deployment, kms, K_SERVICE="check"))
