"""Pub/Sub pushes, and the function `write_evidence` stores: its own process, over a strict Cloud Storage.

evidence-format section 6; issue 4, "Functions".
"""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.functions import serving
from fakes.ledger import ORIGIN, Ledger
from fakes.storage_server import Fault, StorageServer
from fakes.stores import MemoryHead, memory_stores

EVIDENCE, BODIES, QUARANTINE = "acme-evidence", "acme-body-standard", "acme-quarantine"
YEAR_S = 365 * 24 * 3600


@pytest.fixture(scope="module")
def storage():
    with StorageServer() as server:
        for name in (EVIDENCE, BODIES, QUARANTINE):
            server.buckets.make({"name": name, "retentionPolicy": {"retentionPeriod": str(YEAR_S)}})
        # What terraform/gateway grants: to create, and of the evidence bucket to get `writer/`.
        server.buckets[EVIDENCE].denied |= {"storage.objects.delete", "storage.objects.list"}
        for name in (BODIES, QUARANTINE):
            server.buckets[name].denied |= {"storage.objects.delete", "storage.objects.list", "storage.objects.get"}
        yield server


def environment(storage, **changed):
    return {
        "STORAGE_EMULATOR_HOST": storage.url,
        "AFFIDAVIT_ORIGIN": ORIGIN,
        "AFFIDAVIT_EVIDENCE_BUCKET": EVIDENCE,
        "AFFIDAVIT_BODY_BUCKETS": f"standard={BODIES}",
        "AFFIDAVIT_QUARANTINE_BUCKET": QUARANTINE,
        **changed,
    }


@pytest.fixture(scope="module")
def function(storage, tmp_path_factory):
    with serving("write_evidence", environment(storage), tmp_path_factory.mktemp("function")) as function:
        yield function


@pytest.fixture
def gateway(storage, tmp_path):
    """A gateway that has registered in the bucket itself, as on Google Cloud."""
    ledger = Ledger(tmp_path, seed=str(tmp_path), stores=memory_stores(), heads=MemoryHead())
    gateway = ledger.gateway()
    storage.buckets.insert(
        EVIDENCE,
        gateway.registration.name,
        gateway.registration.data,
        content_type="application/octet-stream",
        preconditions={"ifGenerationMatch": 0},
        checksums={},
        metadata=None,
    )
    gateway.seal()
    return gateway


def call(gateway):
    gateway.call()
    return gateway.seal()


def push(one, **changed):
    attributes = {"v": "1", "bucket": one.bucket, "class": one.retention_class, "name": one.name} | changed
    message = {"data": base64.b64encode(one.data).decode(), "attributes": attributes, "messageId": "1"}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


def stored(storage, bucket):
    return {name: one.data for name, one in storage.buckets[bucket].objects.items()}


def test_a_pushed_object_is_in_its_bucket_when_it_is_acknowledged(function, gateway, storage):
    body, segment = call(gateway)

    assert [function.post(push(one)) for one in (segment, body)] == [(200, {"fate": "taken"})] * 2
    assert stored(storage, EVIDENCE)[segment.name] == segment.data
    assert stored(storage, BODIES)[body.name] == body.data


def test_redelivered_by_many_at_once_it_is_stored_once(function, gateway, storage):
    objects = [one for _ in range(4) for one in call(gateway)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: function.post(push(one)), objects * 4))

    assert answers == [(200, {"fate": "taken"})] * 32
    assert {one.name for one in objects if one.bucket == "evidence"} <= stored(storage, EVIDENCE).keys()
    generations = {name: one.generation for name, one in storage.buckets[EVIDENCE].objects.items()}
    assert function.post(push(objects[1]))[0] == 200
    assert generations == {name: one.generation for name, one in storage.buckets[EVIDENCE].objects.items()}


@pytest.mark.parametrize("lost", ["after", "cut"])
def test_an_answer_of_the_bucket_that_is_lost_is_no_loss(function, gateway, storage, lost):
    """google-cloud "Cloud Storage": the client tries again, and a 412 on our own bytes means done."""
    _, segment = call(gateway)
    storage.fail(Fault("insert", lost))

    assert function.post(push(segment)) == (200, {"fate": "taken"})
    assert stored(storage, EVIDENCE)[segment.name] == segment.data


def test_what_no_evidence_is_goes_to_the_quarantine_with_an_alarm_and_is_acknowledged(function, gateway, storage):
    _, segment = call(gateway)
    for body in (b"nonsense", push(segment, name="segment/of/nobody"), push(segment, v="2")):
        before = len(function.alarms())
        assert function.post(body) == (200, {"fate": "quarantined"})
        assert function.alarms()[before:] == ["evidence_quarantined"]

    assert b"nonsense" in stored(storage, QUARANTINE).values()
    assert list(stored(storage, QUARANTINE).values()).count(segment.data) == 2
    assert segment.name not in stored(storage, EVIDENCE)


def test_while_the_bucket_refuses_the_message_stays_with_pubsub(function, gateway, storage):
    _, segment = call(gateway)
    storage.buckets[EVIDENCE].denied.add("storage.objects.create")
    status, answer = function.post(push(segment))
    storage.buckets[EVIDENCE].denied.discard("storage.objects.create")

    assert (status, answer) == (503, {"code": "unavailable", "incident": answer["incident"]})
    told = next(entry for entry in function.entries() if entry.get("incident") == answer["incident"])
    assert "storage.objects.create" in told["message"]
    assert function.post(push(segment))[0] == 200


def test_a_body_of_a_class_without_a_bucket_is_lost_nowhere(function, gateway):
    """It may be evidence: somebody has still to make its bucket, and until then it comes again."""
    gateway.call(retention_class="payroll")
    body, _ = gateway.seal()
    status, answer = function.post(push(body))

    assert (status, answer["code"]) == (500, "misconfigured")


@pytest.mark.parametrize(
    ("method", "content_type", "status"),
    [("GET", None, 405), ("PUT", "application/json", 405), ("POST", "text/plain", 415)],
)
def test_what_is_no_push_is_refused_without_a_word(function, method, content_type, status):
    body = None if content_type is None else b"{}"
    got, answer = function.ask(method, body, content_type or "", path="/any/path")

    assert got == status
    assert list(answer) == ["code"]


def test_with_a_wrong_environment_it_says_so_to_operators_alone(storage, tmp_path):
    wrong = environment(storage, AFFIDAVIT_ORIGIN="", AFFIDAVIT_NONSENSE="1")
    with serving("write_evidence", wrong, tmp_path) as function:
        status, answer = function.post()

        assert (status, answer) == (500, {"code": "misconfigured", "incident": answer["incident"]})
        (entry,) = [entry for entry in function.entries() if "incident" in entry]
        assert "AFFIDAVIT_ORIGIN is not set; AFFIDAVIT_NONSENSE is not known" in entry["message"]


def test_on_cloud_run_no_emulator_gets_evidence(storage, tmp_path):
    with serving("write_evidence", environment(storage, K_SERVICE="acme-write-evidence"), tmp_path) as function:
        assert function.post()[1]["code"] == "misconfigured"
