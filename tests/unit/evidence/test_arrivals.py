"""What is pushed ends in its bucket or in the quarantine, in any order and however often: evidence-format section 6."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import threading
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affidavit.errors import OutcomeUnknown, Unavailable
from affidavit.evidence.arrivals import Arrivals
from affidavit.evidence.intake import QUARANTINED, Intake
from affidavit.evidence.message import parse_push
from fakes.ledger import ORIGIN, Ledger
from fakes.stores import Faults, MemoryHead, memory_stores

ATTRIBUTES = ("v", "bucket", "class", "name")


def push(one, **changed) -> bytes:
    """Return a request's body as Pub/Sub wraps an object."""
    attributes = {"v": "1", "bucket": one.bucket, "class": one.retention_class, "name": one.name} | changed
    return envelope(one.data, {name: value for name, value in attributes.items() if value is not None})


def envelope(data: bytes, attributes: dict) -> bytes:
    message = {
        "data": base64.b64encode(data).decode(),
        "attributes": attributes,
        "messageId": "2070443601311540",
        "message_id": "2070443601311540",
        "publishTime": "2026-11-22T12:25:57.000Z",
    }
    subscription = "projects/acme-prod-1/subscriptions/acme-evidence-write"
    return json.dumps({"message": message, "subscription": subscription, "deliveryAttempt": 1}).encode()


class House:
    """Stores in memory, arrivals over them, and a gateway that is registered as on Google Cloud: by itself."""

    def __init__(self, root, faults=None):
        self.stores = memory_stores(faults)
        self.ledger = Ledger(root, stores=self.stores, heads=MemoryHead())
        self.arrivals = self.new_arrivals()
        self.gateway = self.ledger.gateway()

    def new_arrivals(self):
        return Arrivals(Intake(self.stores, origin=ORIGIN), self.stores.quarantine)

    def call(self):
        """Return a bodies object and a segment."""
        self.gateway.call()
        return self.gateway.seal()

    def all(self):
        bodies = {name: dict(self.stores.bodies(name).objects) for name in ("standard", "payroll")}
        return {**bodies, "evidence": dict(self.stores.evidence.objects)}

    @property
    def quarantine(self):
        return self.stores.quarantine.objects


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.fixture
def alarms(caplog):
    caplog.set_level(logging.ERROR)
    return lambda: [getattr(record, "alarm", None) for record in caplog.records]


def test_a_message_is_one_object_and_is_stored_as_it_came(house):
    body, segment = house.call()

    assert [house.arrivals.take(push(one)) for one in (body, segment)] == ["taken", "taken"]

    assert house.stores.bodies("standard").read(body.name) == body.data
    assert house.stores.evidence.read(segment.name) == segment.data
    assert not house.quarantine


def test_every_order_of_three_calls_gives_the_same(tmp_path):
    results = []
    for number, order in enumerate(permutations(range(6))):
        if number % 24 == 0:
            house = House(tmp_path / str(number))
            objects = [one for _ in range(3) for one in house.call()]
            before = dict(house.stores.evidence.objects)
        house.stores.evidence.objects = dict(before)
        for name in ("standard", "payroll"):
            house.stores.bodies(name).objects.clear()
        for index in order:
            assert house.arrivals.take(push(objects[index])) == "taken"
        results.append(house.all())
    assert all(result == results[0] for result in results)
    assert len(results) == 720


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_redelivered_and_reordered_between_instances_it_is_the_same(tmp_path_factory, data):
    """Pub/Sub delivers at least once and in no order, to any instance; a redelivery has a new message id."""
    house = House(tmp_path_factory.mktemp("house"))
    objects = [one for _ in range(4) for one in house.call()]
    instances = [house.new_arrivals() for _ in range(3)]
    extra = data.draw(st.lists(st.sampled_from(range(8)), max_size=16))
    deliveries = data.draw(st.permutations([*range(8), *extra]))
    for index in deliveries:
        arrivals = instances[data.draw(st.integers(0, 2))]
        assert arrivals.take(push(objects[index])) == "taken"

    for one in objects:
        store = house.stores.evidence if one.bucket == "evidence" else house.stores.bodies(one.retention_class)
        assert store.read(one.name) == one.data
    assert not house.quarantine


def test_many_threads_with_the_same_messages_store_each_once(tmp_path):
    """functions-framework runs as many threads as the instance may have requests."""
    house = House(tmp_path)
    gateways = [house.gateway, *(house.ledger.gateway() for _ in range(3))]
    objects = []
    for gateway in gateways:
        for _ in range(5):
            gateway.call()
            objects += gateway.seal()
    fates, together = [], threading.Barrier(8)

    def deliver(start):
        together.wait()
        fates.extend(house.arrivals.take(push(one)) for one in objects[start:] + objects[:start])

    threads = [threading.Thread(target=deliver, args=(5 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert fates == ["taken"] * 8 * len(objects)
    assert house.stores.evidence.objects.keys() >= {one.name for one in objects if one.bucket == "evidence"}
    assert not house.quarantine


def test_a_registration_is_read_once_however_many_segments_there_are(house):
    """google-cloud "Cost": a read for each message would cost as much as the message."""
    reads = []
    store = house.stores.evidence
    read, store.read = store.read, lambda name: reads.append(name) or read(name)
    for _ in range(5):
        for one in house.call():
            house.arrivals.take(push(one))

    assert reads == [house.gateway.registration.name]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b'{"message":[]}',
        b'{"message":{"data":1}}',
        b'{"message":{"data":"not base64"}}',
        b'{"message":{"data":"","attributes":[]}}',
        b'{"message":{"data":"","attributes":{"v":1}}}',
        b'{"message":{"data":"","messageId":7}}',
        b"[" * 100_000,
    ],
    ids=lambda body: body[:40].decode(),
)
def test_a_request_that_is_no_push_is_kept_and_never_asked_for_again(house, alarms, body):
    assert house.arrivals.take(body) == "quarantined"
    assert house.arrivals.take(body) == "quarantined"

    assert list(house.quarantine.values()) == [body]
    assert set(alarms()) == {QUARANTINED}


@pytest.mark.parametrize(
    "changed",
    [
        {"v": "2"},
        {"v": None},
        {"bucket": "log"},
        {"bucket": None},
        {"name": ""},
        {"name": None},
        {"name": "../writer/x"},
        {"name": "commit/00000000000000000000.json"},
        {"name": "checkpoint/00000000000000000001"},
        {"name": "segment/x"},
        {"name": "a" * 2_000},
        {"name": "line\nbreak"},
        {"name": ".."},
        {"class": "standard"},
        {"bucket": "body", "class": "Standard"},
        {"bucket": "body", "class": ""},
        {"bucket": "body", "class": "standard"},
    ],
    ids=lambda changed: repr(changed)[:50],
)
def test_an_object_that_may_not_go_where_it_says_is_kept_under_a_plain_name(house, alarms, changed):
    _, segment = house.call()
    before = house.all()

    assert house.arrivals.take(push(segment, **changed)) == "quarantined"
    assert house.arrivals.take(push(segment, **changed)) == "quarantined"

    ((name, data),) = house.quarantine.items()
    assert data == segment.data
    assert name.isascii()
    assert name.isprintable()
    assert len(name) < 1_024, "Cloud Storage, Objects: names have at most 1,024 bytes"
    assert not any(part in ("", ".", "..") for part in name.split("/"))
    assert house.all() == before
    assert set(alarms()) == {QUARANTINED}


def test_a_segment_of_an_unregistered_writer_is_kept_because_none_is_early(house, alarms):
    """A writer registers in the bucket itself, before it publishes; and the bucket shows at once what was created."""
    stranger = house.ledger.writer(register=False)
    stranger.open()
    (segment,) = stranger.seal()

    assert house.arrivals.take(push(segment)) == "quarantined"

    assert list(house.quarantine.values()) == [segment.data]
    assert alarms() == [QUARANTINED]


def test_bodies_of_an_unregistered_writer_are_kept_and_not_locked_away(house, alarms):
    """Nobody signs a bodies object, so its writer's name is all that stands against filling a bucket that is locked."""
    stranger = house.ledger.writer(register=False)
    stranger.open()
    stranger.call()
    body, _ = stranger.seal()

    assert house.arrivals.take(push(body)) == "quarantined"

    assert not house.stores.bodies("standard").objects
    assert list(house.quarantine.values()) == [body.data]
    assert alarms() == [QUARANTINED]


def test_a_segment_signed_by_somebody_else_is_kept(house):
    house.gateway.call()
    *_, segment = house.gateway.seal()
    forged = house.ledger.writer()
    house.stores.evidence.objects[house.gateway.registration.name] = forged.registration.data.replace(
        forged.id.encode(), house.gateway.id.encode()
    )

    assert house.new_arrivals().take(push(segment)) == "quarantined"
    assert segment.name not in house.stores.evidence.objects


def test_a_segment_of_a_writer_of_another_log_is_kept(house):
    registered = json.loads(house.gateway.registration.data) | {"origin": "other.example.com/audit"}
    house.stores.evidence.objects[house.gateway.registration.name] = json.dumps(
        registered, sort_keys=True, separators=(",", ":")
    ).encode()
    *_, segment = house.call()

    assert house.new_arrivals().take(push(segment)) == "quarantined"


@pytest.mark.parametrize("deep", [b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b'{"a":' * 300 + b"1" + b"}" * 300])
def test_a_well_of_brackets_is_kept_like_other_nonsense(house, deep):
    name = f"writer/{house.gateway.id[:-1]}0.json"

    assert house.arrivals.take(envelope(deep, {"v": "1", "bucket": "evidence", "name": name})) == "quarantined"


@pytest.mark.parametrize(("persisted", "error"), [(False, Unavailable), (True, OutcomeUnknown)])
def test_a_write_that_fails_is_delivered_again_and_then_done(tmp_path, persisted, error):
    faults = Faults()
    house = House(tmp_path, faults)
    *_, segment = house.call()
    faults.fail(persisted=persisted)
    with pytest.raises(error):
        house.arrivals.take(push(segment))

    assert house.arrivals.take(push(segment)) == "taken"
    assert house.stores.evidence.read(segment.name) == segment.data


@given(data=st.binary(max_size=200), attributes=st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4))
def test_what_is_wrapped_comes_out(data, attributes):
    message = parse_push(envelope(data, attributes))

    assert (message.data, message.attributes) == (data, attributes)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=60), attributes=st.dictionaries(st.sampled_from(ATTRIBUTES), st.text(max_size=20)))
def test_whatever_comes_is_kept_or_stored_and_never_an_error(tmp_path_factory, data, attributes):
    house = House(tmp_path_factory.mktemp("house"))

    assert house.arrivals.take(envelope(data, attributes)) == "quarantined"
    ((name, kept),) = house.quarantine.items()
    assert kept == data
    assert name.endswith(hashlib.sha256(data).hexdigest()[:16])
