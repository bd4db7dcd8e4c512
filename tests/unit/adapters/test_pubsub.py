"""What only the Pub/Sub bus does: deadlines and repeated attempts, what is too large, the way around an outage."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from grpc import StatusCode

from affidavit.adapters.gcp.pubsub import (
    IN_FLIGHT_BYTES,
    LARGE,
    PATIENCE,
    TRIAL_DEADLINE,
    TRIAL_EVERY,
    PubSubBus,
    open_publisher,
)
from affidavit.errors import Misconfigured, OutcomeUnknown, Unavailable
from affidavit.evidence.ports import EvidenceObject
from fakes.failing_server import Fault
from fakes.pubsub import PublishServer
from fakes.stores import MemoryStore

WRITER = "20261122T122557Z-0123456789abcdef"
TOPIC = "projects/a-project/topics/evidence"
DOWN = Fault(StatusCode.UNAVAILABLE)
SILENT = Fault(None)


def a_segment(number, data=b"segment"):
    return EvidenceObject("evidence", "", f"segment/{WRITER}/{number:012d}-0123456789abcdef.ndjson.gz", data)


def a_body(number, data=b"bodies", retention_class="standard"):
    return EvidenceObject("body", retention_class, f"{WRITER}/{number:012d}-0123456789abcdef.ndjson.gz", data)


class House:
    """A bus with its buckets, between a server that fails as it is told and a clock that goes when it is told."""

    def __init__(self, server):
        self.server = server
        self.now = 1000.0
        self.slept = []
        self.created = []
        self.evidence = self.store("evidence")
        self.classes = {"standard": self.store("standard"), "payroll": self.store("payroll")}
        self.bus = PubSubBus(
            open_publisher(server.environment),
            TOPIC,
            evidence=self.evidence,
            bodies=self.classes.__getitem__,
            ticks=lambda: self.now,
            sleep=self.sleep,
        )

    def store(self, bucket):
        house = self

        class Told(MemoryStore):
            def create(self, objects):
                taken = super().create(objects)
                house.created += [(bucket, name) for name in objects]
                return taken

        return Told()

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def fails(self, *objects):
        with pytest.raises((Unavailable, OutcomeUnknown)):
            self.bus.publish(objects)

    def lose_patience(self):
        """Fail until the bus goes around Pub/Sub."""
        self.server.fail(DOWN)
        self.fails(a_segment(0))
        self.now += PATIENCE


@pytest.fixture
def server():
    running = PublishServer()
    yield running
    running.stop()


@pytest.fixture
def house(server):
    made = House(server)
    yield made
    made.bus.close()


def test_a_segment_and_its_bodies_are_one_request_of_one_message_an_object(house, server):
    """evidence-format section 6: attributes v, bucket, class, name; no ordering key."""
    house.bus.publish([a_body(1), a_segment(1)])

    (request,) = server.requests
    body, segment = request.messages
    assert request.topic == TOPIC
    assert (body.data, dict(body.attributes)) == (
        b"bodies",
        {"v": "1", "bucket": "body", "class": "standard", "name": a_body(1).name},
    )
    assert (segment.data, dict(segment.attributes)) == (
        b"segment",
        {"v": "1", "bucket": "evidence", "class": "", "name": a_segment(1).name},
    )
    assert body.ordering_key == segment.ordering_key == ""
    assert server.headers[0]["x-goog-request-params"] == "topic=projects%2Fa-project%2Ftopics%2Fevidence"


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("code", ["ABORTED", "CANCELLED", "INTERNAL", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "UNKNOWN"])
def test_what_is_over_in_a_moment_nobody_hears_of(house, server, code, persisted):
    """An outage is told to every waiting call; a hiccup of the service shall be none."""
    server.fail(Fault(StatusCode[code], persisted), times=2)

    house.bus.publish([a_segment(1)])

    assert set(server.taken) == {a_segment(1)}
    assert len(server.requests) == 3


def test_attempts_end_before_the_deadline(house, server):
    server.fail(DOWN)

    with pytest.raises(OutcomeUnknown, match="UNAVAILABLE"):
        house.bus.publish([a_segment(1)])

    assert 2 < len(server.requests) < 10
    assert sum(house.slept) < 2.0


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        ("NOT_FOUND", "create it"),
        ("PERMISSION_DENIED", "roles/pubsub.publisher"),
        ("UNAUTHENTICATED", "service account"),
        ("INVALID_ARGUMENT", "neither a schema nor message transforms"),
        ("FAILED_PRECONDITION", "encryption key"),
    ],
)
def test_what_a_person_must_mend_is_not_tried_again_but_said(house, server, code, mend):
    """The sentence stands on /readyz, so it names no project."""
    server.fail(Fault(StatusCode[code]))

    with pytest.raises(Unavailable, match=mend) as told:
        house.bus.publish([a_segment(1)])

    assert len(server.requests) == 1
    assert "a-project" not in str(told.value)


def test_a_quota_that_stays_used_up_is_said(house, server):
    server.fail(Fault(StatusCode.RESOURCE_EXHAUSTED))

    with pytest.raises(Unavailable, match="quota"):
        house.bus.publish([a_segment(1)])


@pytest.mark.parametrize("persisted", [False, True])
def test_silence_ends_with_the_deadline_and_the_same_may_be_published_again(house, server, persisted):
    """google-cloud "Pub/Sub": the client library's own futures have hung for ever."""
    server.fail(Fault(None, persisted), times=1)

    with pytest.raises(OutcomeUnknown, match="in time"):
        house.bus.publish([a_body(1), a_segment(1)])
    house.bus.publish([a_body(1), a_segment(1)])

    assert server.taken == [a_body(1), a_segment(1)] * (1 + persisted)
    assert len(server.requests) == 2


def test_a_server_that_was_away_is_found_again(house, server):
    server.stop()
    house.fails(a_segment(1))
    server.start()
    publish_until_taken(house, a_segment(1))

    assert set(server.taken) == {a_segment(1)}


def publish_until_taken(house, one):
    for _ in range(40):
        try:
            return house.bus.publish([one])
        except OutcomeUnknown:
            threading.Event().wait(0.25)
    raise AssertionError("the connection was never made anew")


def test_more_than_a_request_holds_goes_side_by_side(house, server):
    """Pub/Sub takes 10 MB a request."""
    objects = [a_body(1, bytes(6_000_000)), a_body(1, bytes(2_000_000), "payroll"), a_segment(1, bytes(5_000_000))]

    house.bus.publish(objects)

    assert sorted(len(one.messages) for one in server.requests) == [1, 2]
    assert set(server.taken) == set(objects)


def test_when_one_of_several_requests_fails_the_publish_fails(house, server):
    objects = [a_body(1, bytes(6_000_000)), a_segment(1, bytes(6_000_000))]
    server.fail(Fault(StatusCode.DATA_LOSS), times=1)

    house.fails(*objects)
    house.bus.publish(objects)

    assert set(server.taken) == set(objects)


# What is too large for a message


def test_an_object_of_7_mib_is_published(house, server):
    house.bus.publish([a_body(1, bytes(LARGE)), a_segment(1)])

    assert len(server.taken) == 2
    assert house.created == []


def test_a_larger_one_is_in_its_bucket_before_the_segment_that_needs_it_is_published(house, server):
    """evidence-format section 6."""
    large = a_body(1, bytes(LARGE + 1), "payroll")
    house.classes["payroll"].faults.fail(persisted=False)
    with pytest.raises(Unavailable):
        house.bus.publish([large, a_body(1), a_segment(1)])
    assert server.requests == []

    house.bus.publish([large, a_body(1), a_segment(1)])

    assert house.classes["payroll"].objects == {large.name: large.data}
    assert server.taken == [a_body(1), a_segment(1)]


def test_a_segment_that_is_too_large_goes_after_its_bodies(house, server):
    objects = [a_body(1, bytes(LARGE + 1)), a_segment(1, bytes(LARGE + 1))]

    house.bus.publish(objects)

    assert house.created == [("standard", objects[0].name), ("evidence", objects[1].name)]
    assert server.requests == []


def test_a_large_object_is_created_once_however_often_its_segment_is_published(house, server):
    """The recorder publishes the same until it is durable, and megabytes take a while."""
    objects = [a_body(1, bytes(LARGE + 1)), a_segment(1)]
    server.fail(Fault(StatusCode.DATA_LOSS), times=2)

    house.fails(*objects)
    house.fails(*objects)
    house.bus.publish(objects)

    assert house.created == [("standard", objects[0].name)]


def test_what_is_durable_is_not_remembered(house):
    """Or a gateway that runs for months would remember every large body."""
    house.bus.publish([a_body(1, bytes(LARGE + 1))])
    house.bus.publish([a_body(1, bytes(LARGE + 1))])

    assert len(house.created) == 2


# Flow control


def test_too_much_at_once_is_refused_at_once(house):
    """architecture "Group commit": what waits in an outage is bounded, and waits in one place."""
    store, entered, goes_on = house.classes["standard"], threading.Event(), threading.Event()
    create = store.create

    def slow(objects):
        entered.set()
        assert goes_on.wait(30)
        return create(objects)

    store.create = slow
    with ThreadPoolExecutor(1) as other:
        first = other.submit(house.bus.publish, [a_body(1, bytes(IN_FLIGHT_BYTES - 100))])
        assert entered.wait(30)
        with pytest.raises(Unavailable, match="too much"):
            house.bus.publish([a_segment(2, bytes(101))])
        house.bus.publish([a_segment(2, bytes(100))])
        goes_on.set()
        first.result(30)
    house.bus.publish([a_segment(3, bytes(101))])


def test_what_is_published_alone_is_never_too_much(house):
    """Otherwise the recorder would publish it for ever."""
    house.bus.publish([a_body(1, bytes(IN_FLIGHT_BYTES + 1))])

    assert len(house.created) == 1


# The way around


def test_for_10_s_a_failure_is_a_failure_then_objects_go_straight_to_their_buckets(house, server):
    """architecture "Group commit"; bodies first, for a segment is there only when its bodies are."""
    server.fail(DOWN)
    house.fails(a_segment(1))
    began = house.now
    house.now = began + PATIENCE - 2.1
    house.fails(a_segment(1))
    assert house.created == []

    house.now = began + PATIENCE
    objects = [a_segment(1), a_body(1), a_body(1, b"other", "payroll")]
    house.bus.publish(objects)

    assert house.created[-1] == ("evidence", a_segment(1).name)
    assert house.evidence.objects == {a_segment(1).name: b"segment"}
    assert house.classes["standard"].objects == {a_body(1).name: b"bodies"}
    assert house.classes["payroll"].objects == {a_body(1).name: b"other"}


def test_silence_counts_as_failure(house, server):
    house.lose_patience()
    server.fail(SILENT)

    house.bus.publish([a_segment(1)])

    assert house.created == [("evidence", a_segment(1).name)]


def test_a_failure_that_was_interrupted_begins_anew(house, server):
    server.fail(DOWN)
    house.fails(a_segment(1))
    server.mend()
    house.now += PATIENCE - 1
    house.bus.publish([a_segment(1)])
    server.fail(DOWN)
    house.now += 2

    house.fails(a_segment(2))

    assert house.created == []


def test_meanwhile_pubsub_is_tried_now_and_then(house, server):
    house.lose_patience()
    house.slept.clear()
    house.bus.publish([a_segment(1)])
    assert sum(house.slept) < TRIAL_DEADLINE
    tried = len(server.requests)

    house.bus.publish([a_segment(2)])
    house.now += TRIAL_EVERY - 0.1
    house.bus.publish([a_segment(3)])
    assert len(server.requests) == tried

    house.now += 0.2
    house.bus.publish([a_segment(4)])
    assert len(server.requests) > tried
    assert len(house.created) == 4


def test_when_it_answers_again_records_go_through_it_and_both_is_said(house, server, caplog):
    caplog.set_level(logging.WARNING, "affidavit.bus")
    house.lose_patience()
    house.bus.publish([a_segment(1)])
    server.mend()
    house.now += TRIAL_EVERY

    house.bus.publish([a_segment(2)])
    house.bus.publish([a_segment(3)])

    assert server.taken == [a_segment(2), a_segment(3)]
    assert house.created == [("evidence", a_segment(1).name)]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    server.fail(DOWN)
    house.fails(a_segment(4))


@pytest.mark.parametrize("persisted", [False, True])
def test_when_the_bucket_fails_too_nothing_is_promised(house, persisted):
    house.lose_patience()
    house.evidence.faults.fail(persisted=persisted)

    house.fails(a_body(1), a_segment(1))
    house.bus.publish([a_body(1), a_segment(1)])

    assert house.evidence.objects == {a_segment(1).name: b"segment"}
    assert house.classes["standard"].objects == {a_body(1).name: b"bodies"}


def test_on_the_way_around_a_large_object_is_created_once(house, server):
    large = a_body(1, bytes(LARGE + 1), "payroll")
    house.lose_patience()
    house.evidence.faults.fail(persisted=False)

    house.fails(large, a_segment(1))
    house.bus.publish([large, a_segment(1)])

    assert house.created == [("payroll", large.name), ("evidence", a_segment(1).name)]


def test_large_objects_alone_say_nothing_about_pubsub(house, server):
    house.lose_patience()
    house.bus.publish([a_body(1, bytes(LARGE + 1))])
    house.bus.publish([a_segment(2)])

    assert server.taken == []
    assert len(house.created) == 2


# Opening and closing


def test_a_closed_bus_takes_nothing(server):
    house = House(server)
    house.bus.close()

    with pytest.raises(ValueError, match="closed"):
        house.bus.publish([a_segment(1)])


def test_an_emulator_on_cloud_run_is_a_mistake(server):
    """It would keep nothing."""
    with pytest.raises(Misconfigured, match="PUBSUB_EMULATOR_HOST"):
        open_publisher({**server.environment, "K_SERVICE": "gateway"})


def test_without_credentials_the_mend_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))

    with pytest.raises(Misconfigured, match="gcloud auth application-default login"):
        open_publisher({})
