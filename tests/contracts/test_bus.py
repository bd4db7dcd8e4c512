"""The laws of `evidence.ports.Bus`, on the fake, the journal and Pub/Sub; and what a journal survives."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from dataclasses import replace

import pytest
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from affidavit.adapters.embedded.directory import Scratch
from affidavit.adapters.embedded.frames import encode_frames, read_frame
from affidavit.adapters.embedded.journal import JournalBus
from affidavit.adapters.embedded.journal_reader import JournalReader
from affidavit.adapters.gcp.pubsub import PubSubBus, open_publisher
from affidavit.errors import OutcomeUnknown, Unavailable
from affidavit.evidence.ports import EvidenceObject
from fakes.bus import MemoryBus
from fakes.disks import FaultyDisk
from fakes.failing_server import FailingServer, Fault, forward_to
from fakes.pubsub import Subscription
from fakes.real_project import told, with_project
from fakes.stores import memory_stores

WRITER = "20261122T122557Z-0123456789abcdef"
NOW = 1_795_350_357_000_001
EMULATOR = "PUBSUB_EMULATOR_HOST"


def an_object(number, size=40):
    return EvidenceObject("evidence", "", f"segment/{WRITER}/{number:012d}-x", os.urandom(size))


def a_body(number, size=40):
    return EvidenceObject("body", "standard", f"{WRITER}/{number:012d}-x", os.urandom(size))


class Journal:
    """Both ends of a journal in one folder."""

    def __init__(self, root, *, file_bytes=4096, batch_bytes=1024 * 1024):
        self.folder = root / "journal"
        for name in ("journal", "tmp"):
            (root / name).mkdir(exist_ok=True)
        self.root = root
        self.disk = FaultyDisk()
        self.reader_disk = FaultyDisk()
        self.scratch = Scratch(root / "tmp", self.disk)
        self.quarantined = []
        self.batch_bytes = batch_bytes
        self.bus = self.writer(WRITER, file_bytes)
        self.reader = self.new_reader()

    def writer(self, writer, file_bytes=4096):
        return JournalBus(
            self.folder, writer=writer, scratch=self.scratch, disk=self.disk, clock=lambda: NOW, file_bytes=file_bytes
        )

    def new_reader(self):
        def quarantine(name, data, why):
            self.quarantined.append((name, data))

        return JournalReader(self.folder, quarantine=quarantine, disk=self.reader_disk, batch_bytes=self.batch_bytes)

    def drain(self, count=0):
        """Deliver everything, and return it."""
        delivered = []
        while objects := self.reader.poll():
            delivered += objects
            self.reader.delivered()
        self.reader.delivered()
        return delivered

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())


class Memory:
    def __init__(self):
        self.bus = MemoryBus()

    def drain(self, count):
        delivered, self.bus.durable = self.bus.durable, []
        return delivered

    def break_next(self, *, persisted):
        self.bus.fail(1, persisted=persisted)


class BrokenJournal(Journal):
    def break_next(self, *, persisted):
        self.bus.publish([an_object(0)])
        self.drain()
        self.disk.fail_at(2 if persisted else 1, done=True) if persisted else self.disk.tear_at(1)


class PubSub:
    """A bus and a pull subscription; a server between the bus and Pub/Sub fails as it is told."""

    def __init__(self, topic, environment):
        self.environment = environment
        self.subscription = Subscription(
            topic, f"{topic.partition('/topics/')[0]}/subscriptions/bus-{uuid.uuid4()}", environment.get(EMULATOR)
        )
        self.bus = self.new_bus(environment)
        self.between = None

    def new_bus(self, environment):
        stores = memory_stores()
        publisher = open_publisher(environment)
        return PubSubBus(publisher, self.subscription.topic, evidence=stores.evidence, bodies=stores.bodies)

    def drain(self, count):
        return self.subscription.drain(count)

    def break_next(self, *, persisted):
        self.between = FailingServer(forward_to(self.subscription.channel, headers=["x-goog-request-params"]))
        self.between.fail(Fault(StatusCode.DATA_LOSS, persisted), times=1)
        self.bus.close()
        self.bus = self.new_bus({EMULATOR: self.between.address})

    def close(self):
        self.subscription.close()
        if self.between is not None:
            self.between.stop()


@pytest.fixture(params=with_project("memory", "journal", "pubsub", needs="EVIDENCE_TOPIC"))
def bus_and_reader(request, tmp_path):
    if request.param in ("memory", "journal"):
        made = Memory() if request.param == "memory" else BrokenJournal(tmp_path)
        yield made
        made.bus.close()
        return
    if request.param == "pubsub":
        emulator = request.getfixturevalue("pubsub_emulator")
        made = PubSub(f"projects/bus-{uuid.uuid4()}/topics/evidence", emulator.environment)
    else:
        made = PubSub(told("EVIDENCE_TOPIC"), {})
    yield made
    made.bus.close()
    made.close()


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path)
    yield made
    made.bus.close()


def test_what_is_published_is_delivered_exactly(bus_and_reader):
    """Law 1."""
    objects = [a_body(1), an_object(1, size=0), an_object(2, size=100_000)]
    bus_and_reader.bus.publish(objects)

    assert set(bus_and_reader.drain(3)) == set(objects)


@pytest.mark.parametrize("persisted", [False, True])
def test_after_a_failed_publish_the_same_publish_is_right(bus_and_reader, persisted):
    """Law 3."""
    objects, after = [a_body(1), an_object(1)], an_object(2)
    bus_and_reader.break_next(persisted=persisted)

    with pytest.raises((Unavailable, OutcomeUnknown)):
        bus_and_reader.bus.publish(objects)
    bus_and_reader.bus.publish(objects)
    bus_and_reader.bus.publish([after])

    assert set(bus_and_reader.drain(3)) == {*objects, after}


# What only a journal can do


@given(
    data=st.binary(max_size=300),
    name=st.from_regex(r"[a-z0-9/.-]{1,40}", fullmatch=True),
    body=st.booleans(),
    written=st.integers(0, 2**52),
)
def test_frames_are_read_back(data, name, body, written):
    one = EvidenceObject("body" if body else "evidence", "standard" if body else "", name, data)
    frames = encode_frames([one, one], written)
    frame = read_frame(frames, 0)

    assert (frame.content, frame.written) == (one, written)
    assert read_frame(frames, frame.end).content == one
    assert read_frame(frames, len(frames)) is None


@given(data=st.binary(max_size=60), at=st.integers(0, 200), value=st.integers(1, 255))
def test_a_frame_with_any_byte_changed_is_none(data, at, value):
    frames = bytearray(encode_frames([EvidenceObject("evidence", "", "writer/x.json", data)], NOW))
    frames[at % len(frames)] ^= value

    assert read_frame(bytes(frames), 0) is None


def test_the_journal_can_be_read_by_nobody_else(journal):
    journal.bus.publish([an_object(1)])

    assert [stat.S_IMODE(path.stat().st_mode) for path in journal.folder.iterdir()] == [0o600]


def test_one_publish_is_one_write_and_one_sync(journal):
    """architecture "Ports": append-only journal file, one `fdatasync`."""
    journal.bus.publish([an_object(1)])
    journal.disk.calls.clear()

    journal.bus.publish([a_body(2), an_object(2)])

    assert journal.disk.calls == ["write_at", "fdatasync"]


def test_a_new_file_has_its_name_made_durable_before_it_is_written(journal):
    journal.bus.publish([an_object(1)])

    assert journal.disk.calls == ["write_new", "link", "sync_folder", "unlink", "write_at", "fdatasync"]


def test_until_it_is_said_to_be_delivered_it_comes_again(journal):
    journal.bus.publish([an_object(1)])
    first = journal.reader.poll()

    assert journal.reader.poll() == first
    journal.reader.delivered()
    assert journal.reader.poll() == []


def test_a_reader_that_starts_again_delivers_again(journal):
    objects = [an_object(number) for number in range(3)]
    journal.bus.publish(objects)
    assert journal.drain() == objects

    journal.reader = journal.new_reader()
    assert journal.drain() == objects


def test_a_file_stays_while_its_writer_holds_it_and_goes_after(journal):
    journal.bus.publish([an_object(1)])
    journal.drain()
    assert len(journal.files()) == 1

    journal.bus.publish([an_object(2)])
    journal.bus.close()
    assert len(journal.drain()) == 1
    assert journal.files() == []


def test_a_file_is_not_removed_before_all_of_it_was_delivered(journal):
    journal.bus.publish([an_object(1)])
    journal.bus.close()
    journal.reader.poll()

    assert len(journal.files()) == 1


def test_what_is_written_after_the_last_poll_is_not_removed_with_the_file(journal):
    journal.bus.publish([an_object(1)])
    journal.reader.poll()
    late = an_object(2)
    journal.bus.publish([late])
    journal.bus.close()
    journal.reader.delivered()

    assert journal.drain() == [late]
    assert journal.files() == []


def test_files_are_begun_anew_when_full_and_read_in_order(journal):
    objects = [an_object(number, size=700) for number in range(40)]
    for one in objects:
        journal.bus.publish([one])
    assert len(journal.files()) > 4

    assert journal.drain() == objects
    assert len(journal.files()) == 1


def test_an_object_larger_than_a_file_is_written_all_the_same(journal):
    objects = [an_object(1), an_object(2, size=50_000), an_object(3)]
    for one in objects:
        journal.bus.publish([one])

    assert journal.drain() == objects


def test_a_poll_takes_about_a_batch(tmp_path):
    journal = Journal(tmp_path, batch_bytes=2_000)
    objects = [an_object(number, size=500) for number in range(30)]
    for one in objects:
        journal.bus.publish([one])

    assert 3 <= len(journal.reader.poll()) <= 5
    assert journal.drain() == objects
    journal.bus.close()


def test_many_writers_are_read(journal):
    other = journal.writer("20261122T122558Z-fedcba9876543210")
    mine, theirs = an_object(1), an_object(2)
    other.publish([theirs])
    journal.bus.publish([mine])

    assert journal.drain() == [mine, theirs]
    other.close()


def test_the_oldest_that_waits_is_told(journal):
    assert journal.reader.poll() == []
    assert journal.reader.oldest is None
    journal.bus.publish([an_object(1)])
    journal.reader.poll()
    assert journal.reader.oldest == NOW

    journal.reader.delivered()
    journal.reader.poll()
    assert journal.reader.oldest is None


def test_two_readers_do_each_other_no_harm(journal):
    journal.bus.publish([an_object(1)])
    journal.bus.close()
    first, second = journal.new_reader(), journal.new_reader()

    assert first.poll() == second.poll() != []
    first.delivered()
    second.delivered()
    assert journal.files() == []
    assert second.poll() == []


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_after_any_failure_the_file_is_left_and_nothing_promised_is_lost(journal, call, done, code):
    """After a failed fsync nobody knows what the disk holds; after a failed write the end is torn."""
    kept, again, after = an_object(1), an_object(2), an_object(3)
    journal.bus.publish([kept])
    before = journal.files()
    journal.disk.fail_at(call, done=done, code=code)

    with pytest.raises(OutcomeUnknown):
        journal.bus.publish([again])
    journal.bus.publish([again])
    journal.bus.publish([after])

    assert set(before) < set(journal.files())
    delivered = journal.drain()
    assert [one for one in (kept, again, after) if one in delivered] == [kept, again, after]
    assert len(journal.files()) == 1


@pytest.mark.parametrize("kind", ["write_new", "link", "sync_folder"])
def test_when_no_file_can_be_begun_nothing_is_done_and_the_mend_is_said(journal, kind):
    journal.disk.break_all(kind, code=errno.ENOSPC)

    with pytest.raises(Unavailable, match="free some space"):
        journal.bus.publish([an_object(1)])
    journal.disk.mend()
    mine = an_object(2)
    journal.bus.publish([mine])

    assert journal.drain() == [mine]


def test_an_outage_leaves_no_heap_of_files(journal):
    journal.disk.break_all("fdatasync")
    for _ in range(20):
        with pytest.raises(OutcomeUnknown):
            journal.bus.publish([an_object(1)])

    assert journal.files() == []
    assert list((journal.root / "tmp").iterdir()) == []


def test_a_torn_end_is_put_aside_and_what_was_promised_is_delivered(journal):
    kept, torn = an_object(1), an_object(2, size=500)
    journal.bus.publish([kept])
    journal.disk.tear_at(1)
    with pytest.raises(OutcomeUnknown):
        journal.bus.publish([torn])

    assert journal.drain() == [kept]
    ((name, rest),) = journal.quarantined
    assert name.startswith(f"journal/{WRITER}-000001.journal@")
    assert encode_frames([torn], NOW).startswith(rest.rstrip(b"\0"))
    assert journal.files() == []


def test_whole_frames_of_a_torn_publish_are_delivered(journal):
    """At least once: the writer publishes the same again, and names make that harmless."""
    whole = a_body(1, size=10)
    journal.bus.publish([an_object(0)])
    journal.drain()
    journal.disk.tear_at(1)
    with pytest.raises(OutcomeUnknown):
        journal.bus.publish([whole, an_object(1, size=800)])

    assert journal.drain() == [whole]


def test_garbage_is_passed_over_and_put_aside(journal):
    """A damaged frame costs itself, not those after it."""
    objects = [an_object(number) for number in range(3)]
    for one in objects:
        journal.bus.publish([one])
    journal.bus.close()
    (path,) = journal.folder.iterdir()
    data = bytearray(path.read_bytes())
    first = len(encode_frames(objects[:1], NOW))
    data[first + 90] ^= 1
    path.write_bytes(data)

    assert journal.drain() == [objects[0], objects[2]]
    ((name, rest),) = journal.quarantined
    assert name.endswith(f"@{first}")
    assert len(rest) == len(encode_frames(objects[1:2], NOW))
    assert journal.files() == []


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"garbage", b"affidavit-journal/1 ", os.urandom(5000)])
def test_a_file_of_a_dead_gateway_is_cleared_away_whatever_it_holds(journal, content):
    (journal.folder / "someone-000001.journal").write_bytes(content)

    assert journal.drain() == []
    assert journal.files() == []
    assert b"".join(data for _, data in journal.quarantined).strip(b"\0") == content.strip(b"\0")


def test_what_is_no_journal_is_left_alone(journal):
    (journal.folder / "README").write_bytes(b"not a journal")

    assert journal.drain() == []
    assert journal.files() == ["README"]


def test_a_file_that_cannot_be_removed_is_not_delivered_again(journal):
    journal.bus.publish([an_object(1)])
    journal.bus.close()
    journal.reader_disk.break_all("unlink", code=errno.EROFS)

    assert len(journal.drain()) == 1
    assert journal.drain() == []
    journal.reader_disk.mend()
    assert journal.drain() == []
    assert journal.files() == []


def test_while_the_quarantine_fails_nothing_is_removed(journal):
    (journal.folder / "someone-000001.journal").write_bytes(b"garbage")

    def full(name, data, why):
        raise Unavailable("free some space")

    reader = JournalReader(journal.folder, quarantine=full, disk=journal.reader_disk)
    reader.poll()
    with pytest.raises(Unavailable):
        reader.delivered()
    assert len(journal.files()) == 1


def test_an_object_keeps_its_class(journal):
    objects = [a_body(1), replace(a_body(2), retention_class="payroll_eu")]
    journal.bus.publish(objects)

    assert [one.retention_class for one in journal.drain()] == ["standard", "payroll_eu"]
