"""What a sequencer asks of a bucket, where each request costs and takes some 30 ms: google-cloud "Cost"."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from affidavit.audit.listed_bodies import PAGE, ListedBodies
from affidavit.audit.read_ahead import AHEAD, MAX_AHEAD, ReadAhead
from affidavit.audit.sequencer import Sequencer, Sequencing
from affidavit.clock import DAY, MINUTE, SECOND
from affidavit.errors import Malformed, Unavailable
from fakes.auditor import audit_folder
from fakes.ledger import Ledger, busy_hour
from fakes.stores import MemoryStore


class Counting:
    """A store that counts requests: a listing is one for each thousand names."""

    def __init__(self, store):
        self.store = store
        self.requests = Counter()
        self._lock = threading.Lock()

    def count(self, what):
        with self._lock:
            self.requests[what] += 1

    def create(self, objects):
        self.count("create")
        return self.store.create(objects)

    def read(self, name):
        self.count("read")
        return self.store.read(name)

    def names(self, prefix, start=""):
        for number, name in enumerate(self.store.names(prefix, start)):
            if number % PAGE == 0:
                self.count("list")
            yield name


class Cloud:
    """A ledger whose sequencer is put together as on Google Cloud."""

    def __init__(self, root):
        self.ledger = Ledger(root)
        self.evidence = Counting(self.ledger.stores.evidence)
        self.bodies = {name: Counting(self.ledger.stores.bodies(name)) for name in ("standard", "payroll")}
        self.sequencer = self.new_sequencer()

    def new_sequencer(self):
        return Sequencer(
            Sequencing(
                store=ReadAhead(self.evidence),
                has_body=ListedBodies(self.bodies),
                heads=self.ledger.heads,
                signer=self.ledger.signer,
                admit=self.ledger.admit,
                retention=self.ledger.retention,
                random=self.ledger.random,
                walk=200,
            )
        )

    def sequence(self):
        """Run, and return what was asked of the evidence bucket and of the body buckets."""
        counted = [self.evidence, *self.bodies.values()]
        for one in counted:
            one.requests.clear()
        self.sequencer.run(self.ledger.now)
        return self.evidence.requests, self.bodies["standard"].requests


@pytest.fixture
def cloud(tmp_path):
    return Cloud(tmp_path / "data")


def test_the_log_is_the_same_as_from_a_disk(tmp_path, cloud):
    other = Ledger(tmp_path / "other")
    busy_hour(other, after_each=other.sequence)
    other.settle()
    busy_hour(cloud.ledger, after_each=cloud.sequence)
    for writer in cloud.ledger.writers:
        writer.flush()
    cloud.ledger.advance(5 * MINUTE + SECOND)
    cloud.sequence()

    assert audit_folder(cloud.ledger.root).kinds() == audit_folder(other.root).kinds()


def test_bodies_cost_a_listing_for_each_chain_and_thousand_and_segments_one_read_each(cloud):
    gateways = [cloud.ledger.gateway() for _ in range(2)]
    for gateway in gateways:
        gateway.flush()
    cloud.sequence()
    for _ in range(600):
        for gateway in gateways:
            gateway.call()
            gateway.flush()
    evidence, bodies = cloud.sequence()

    assert bodies == {"list": 2}
    assert evidence["read"] <= 1_200 + 5, "each segment, the commits around, the checkpoint"
    assert evidence["list"] <= 12
    assert evidence["create"] == 2, "a commit and a checkpoint"
    assert len(audit_folder(cloud.ledger.root).ids()) == 2 * (5 + 1_200)


def test_a_minute_in_which_nothing_came_costs_a_handful(cloud):
    cloud.ledger.gateway().flush()
    cloud.sequence()
    cloud.ledger.advance(MINUTE)
    evidence, bodies = cloud.sequence()

    assert evidence.total() <= 3
    assert not bodies


def test_registrations_are_listed_once_and_then_those_of_the_last_day(cloud):
    for _ in range(PAGE + 1):
        cloud.ledger.writer()
    cloud.sequence()
    cloud.ledger.advance(2 * DAY)
    late = cloud.ledger.writer()
    late.open()
    late.flush()
    evidence, _ = cloud.sequence()

    assert late.id in {record["writer"] for record in audit_folder(cloud.ledger.root).records}
    assert evidence["list"] <= 3


def test_a_bodies_object_that_comes_later_is_found_when_it_is_there(cloud):
    gateway = cloud.ledger.gateway()
    gateway.flush()
    cloud.sequence()
    gateway.call()
    body, segment = gateway.seal()
    cloud.ledger.deliver([segment])
    cloud.sequence()
    assert len(audit_folder(cloud.ledger.root).ids()) == 5

    cloud.ledger.deliver([body])
    cloud.sequence()

    assert len(audit_folder(cloud.ledger.root).ids()) == 7


def test_a_class_without_a_bucket_is_a_hole_in_one_chain_and_stops_no_other(cloud, caplog):
    del cloud.bodies["payroll"]
    cloud.sequencer = cloud.new_sequencer()
    one, other = cloud.ledger.gateway(), cloud.ledger.gateway()
    for gateway in (one, other):
        gateway.flush()
    one.call(retention_class="payroll")
    other.call()
    for gateway in (one, other):
        gateway.flush()
    cloud.sequence()

    kinds = [record["writer"] for record in audit_folder(cloud.ledger.root).said("call:answered")]
    assert kinds == [other.id]
    assert "no bucket is configured for the retention class payroll" in caplog.text


class Gate(MemoryStore):
    """A store whose reads wait until so many are under way."""

    def __init__(self, parties):
        super().__init__()
        self.barrier = threading.Barrier(parties)
        self.reads = []

    def read(self, name):
        self.reads.append(name)
        self.barrier.wait(timeout=30)
        return super().read(name)


def names(count):
    return [f"segment/w/{number:012d}-0.ndjson.gz" for number in range(count)]


def test_what_follows_in_the_list_is_read_meanwhile():
    store = Gate(AHEAD + 1)
    store.objects = {name: name.encode() for name in names(AHEAD + 1)}
    ahead = ReadAhead(store)
    assert list(ahead.names("segment/")) == names(AHEAD + 1)

    first = ahead.read(names(1)[0])  # comes back only if all are under way at once
    store.barrier = threading.Barrier(1)

    assert first == names(1)[0].encode()
    assert [ahead.read(name) for name in names(AHEAD + 1)[1:]] == [name.encode() for name in names(AHEAD + 1)[1:]]
    assert sorted(store.reads) == names(AHEAD + 1), "each once"


class Failing(MemoryStore):
    """A store that cannot be read while it is down."""

    down = False

    def read(self, name):
        if self.down:
            raise Unavailable("no route")
        return super().read(name)


def test_what_failed_fails_when_it_is_asked_for_and_is_asked_for_again():
    store = Failing()
    store.objects = dict.fromkeys(names(3), b"x")
    ahead = ReadAhead(store)
    list(ahead.names("segment/"))
    store.down = True
    for name in names(2):
        with pytest.raises(Unavailable):
            ahead.read(name)
    store.down = False

    assert [ahead.read(name) for name in names(3)] == [b"x"] * 3


def test_what_is_read_and_never_asked_for_does_not_fill_the_memory():
    store = MemoryStore()
    chains = [f"segment/w{number:03d}/" for number in range(MAX_AHEAD)]
    store.objects = {f"{chain}{place:02d}": b"x" for chain in chains for place in range(AHEAD + 1)}
    ahead = ReadAhead(store)
    for chain in chains:
        list(ahead.names(chain))
        ahead.read(f"{chain}00")

    assert len(ahead._ahead) <= MAX_AHEAD


def test_what_is_too_long_is_not_read_ahead_and_read_when_it_is_asked_for():
    """Whoever may create segments can store 128 of 64 MiB in a chain's folder, for good."""

    class Small(MemoryStore):
        def read(self, name):
            data = super().read(name)
            if len(data) > 2:
                raise Malformed("an object is longer than 2 MiB", code="too_long")
            return data

    store, small = MemoryStore(), Small()
    store.objects = small.objects = {names(4)[0]: b"x", names(4)[1]: b"long", names(4)[2]: b"y", names(4)[3]: b"long"}
    ahead = ReadAhead(store, small)
    list(ahead.names("segment/"))
    ahead.read(names(1)[0])
    assert all(future.exception() or len(future.result()) <= 2 for future in ahead._ahead.values())

    assert [ahead.read(name) for name in names(4)[1:]] == [b"long", b"y", b"long"]


def test_other_objects_are_read_when_they_are_asked_for():
    store = Counting(MemoryStore())
    store.store.objects = {f"writer/{number}": b"x" for number in range(10)}
    ahead = ReadAhead(store)
    list(ahead.names("writer/"))
    ahead.read("writer/0")

    assert store.requests["read"] == 1
