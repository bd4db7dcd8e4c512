"""The check that is made each minute: what it verifies, what it says, what it keeps.

Source: evidence-format section 9; `audit.watch`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import pytest

from affidavit.audit.alarms import CHECK_FAILED, DEAD_LETTER, QUARANTINED, UNCOMMITTED_OLD, WRITER_LOST
from affidavit.audit.points import point_name
from affidavit.audit.verify.notes import parse_keys
from affidavit.audit.verify.point import Point
from affidavit.audit.verify.stores import store_buckets
from affidavit.audit.watch import EXPECTED, LONGEST, Seen, Watch, Watched
from affidavit.clock import DAY, MINUTE, SECOND, parse_time
from affidavit.errors import Malformed, Misconfigured, OutcomeUnknown, Unavailable
from fakes.ledger import RETENTION, Ledger
from fakes.stores import Faults, MemoryHead, MemoryStore, Stopped, memory_stores


@dataclass
class CountingStore:
    """A store that counts what is asked of another, and refuses what a test says."""

    inner: MemoryStore
    asked: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    unlisted: str | None = None

    def read(self, name):
        self.asked.append(name)
        if name in self.refused:
            raise Unavailable("the bucket does not answer")
        return self.inner.read(name)

    def names(self, prefix, start=""):
        self.asked.append(f"{prefix}…")
        if self.unlisted is not None and prefix.startswith(self.unlisted):
            raise Unavailable("the bucket does not answer")
        return self.inner.names(prefix, start)


@dataclass
class LogBucket:
    """The log bucket as a store, over the head that the sequencer writes."""

    head: MemoryHead

    def read(self, name):
        return self.head.checkpoint if name == "checkpoint" else self.head.tiles.get(name)

    def names(self, prefix, start=""):
        names = [*self.head.tiles, *(["checkpoint"] if self.head.checkpoint else [])]
        yield from sorted(name for name in names if name.startswith(prefix) and name >= start)


class House:
    """A deployment in memory: a gateway, a sequencer, and the check."""

    def __init__(self, root, part: int | None = None, start: str = "2026-11-22T12:00:00.000000Z") -> None:
        self.head = MemoryHead()
        self.faults = Faults()
        self.stores = memory_stores()
        self.ledger = Ledger(root, stores=self.stores, heads=self.head, start=parse_time(start))
        self.evidence = CountingStore(self.stores.evidence)
        self.check = MemoryStore(self.faults)
        self.letters: dict[str, object] = {}
        self.seconds, self.hurry = 0.0, 0.0
        self.part = part
        self.watch = self.new_watch()

    def new_watch(self) -> Watch:
        bodies = {name: self.stores.bodies(name) for name in RETENTION}
        watched = Watched(
            buckets=lambda: store_buckets(self.evidence, bodies, LogBucket(self.head)),
            keys=lambda: parse_keys([self.ledger.vkey]),
            check=self.check,
            quarantine=self.stores.quarantine,
            dead_letters=self.letters,
            clock=self.ledger.clock,
            ticks=self.tick,
            random=self.ledger.random,
        )
        return Watch(watched, self.part) if self.part else Watch(watched)

    def tick(self) -> float:
        """Return a time that goes on by `hurry` each time somebody looks."""
        self.seconds += self.hurry
        return self.seconds

    def objects(self) -> dict[str, bytes]:
        return self.stores.evidence.objects

    def points(self) -> list[str]:
        return [name for name in sorted(self.check.objects) if name.startswith("point/")]

    def work(self, calls: int = 3) -> None:
        """Let a gateway answer calls, and the sequencer commit them."""
        gateway = self.gateway
        for _ in range(calls):
            gateway.call()
        gateway.flush()
        self.ledger.advance(10 * SECOND)
        self.ledger.sequence()

    @property
    def gateway(self):
        return self.ledger.writers[0] if self.ledger.writers else self.ledger.gateway()


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def alarms(caplog) -> list[str]:
    said = [record.alarm for record in caplog.records if hasattr(record, "alarm")]
    caplog.clear()
    return said


def flip(data: bytes) -> bytes:
    return data[:40] + bytes([data[40] ^ 1]) + data[41:]


def segment(house: House, place: int) -> str:
    return sorted(name for name in house.objects() if name.startswith("segment/"))[place]


# What is verified


def test_an_empty_log_is_checked_and_nothing_is_wrong(house, caplog):
    assert house.watch.run() == Seen(size=0, verified_from=0, at_end=True, status=0, alarms=())
    assert house.points() == []


def test_each_check_verifies_what_is_new_and_reads_nothing_that_is_old(house, caplog):
    house.work()
    first = house.watch.run()
    old = segment(house, 0)
    house.work()
    house.evidence.asked.clear()
    second = house.watch.run()

    assert (first.verified_from, first.status, first.alarms) == (0, 0, ())
    assert (second.verified_from, second.status, second.alarms) == (first.size, 0, ())
    assert second.size > first.size
    assert old not in house.evidence.asked
    assert segment(house, 1) in house.evidence.asked
    assert not {"writer/…", "segment/…"} & set(house.evidence.asked), "nothing is listed from the beginning"
    assert alarms(caplog) == []


def test_a_check_without_anything_new_asks_little_and_keeps_nothing(house):
    house.work()
    house.watch.run()
    kept = dict(house.check.objects)
    house.evidence.asked.clear()

    seen = house.watch.run()

    assert (seen.size, seen.status) == (seen.verified_from, 0)
    assert house.check.objects == kept
    assert len(house.evidence.asked) < 12


def test_a_busy_day_is_green_at_every_minute(house, caplog):
    gateway = house.gateway
    for minute in range(40):
        gateway.call(("answered", "streamed", "refused", "withheld", "forsaken")[minute % 5])
        if minute == 12:
            missing = gateway.lose()
            gateway.call()
        gateway.flush()
        house.ledger.advance(MINUTE)
        house.ledger.sequence()
        if minute == 26:
            house.ledger.deliver(missing)
            house.ledger.sequence()
        seen = house.watch.run()
        assert (seen.status, seen.at_end) == (0, True), [record.getMessage() for record in caplog.records]
    assert alarms(caplog) == []
    assert seen.verified_from > 0


def test_a_big_log_is_verified_by_several_checks_each_within_its_time(tmp_path):
    house = House(tmp_path, part=10)
    for _ in range(6):
        house.work()
    house.hurry = LONGEST + 1

    seen = [house.watch.run()]
    while not seen[-1].at_end:
        seen.append(house.watch.run())

    assert len(seen) > 3
    assert [one.verified_from for one in seen[1:]] == [one.size for one in seen[:-1]]
    assert {one.status for one in seen} == {0}


def test_a_check_that_never_comes_to_the_end_says_so(tmp_path, caplog):
    """What is judged at the end alone, `uncommitted` for one, would never be judged, and nobody would be told."""
    house = House(tmp_path, part=10)
    for _ in range(6):
        house.work()
    house.hurry = LONGEST + 1

    assert not house.watch.run().alarms
    house.ledger.advance(61 * MINUTE)
    assert house.watch.run().alarms == (CHECK_FAILED,)
    assert "verified up to 2026-11-22T12:0" in caplog.text

    house.hurry = 0
    caplog.clear()
    assert house.watch.run().at_end
    assert "is behind" not in caplog.text


# What is wrong


def test_a_failure_stays_red_and_does_not_hide_what_comes_later(house, caplog):
    house.work()
    house.watch.run()
    house.work()
    house.objects()[segment(house, 1)] = flip(house.objects()[segment(house, 1)])
    for _ in range(3):
        house.work()
        seen = house.watch.run()
        assert (seen.status, seen.alarms, seen.at_end) == (1, (CHECK_FAILED,), True)
        assert seen.size > seen.verified_from
        assert alarms(caplog) == [CHECK_FAILED]
    house.work()
    house.stores.bodies("standard").objects.clear()
    assert house.watch.run().alarms == (CHECK_FAILED, CHECK_FAILED)
    assert [getattr(record, "check", None) for record in caplog.records] == ["segments", "bodies"]


def test_what_an_operator_accepts_is_no_alarm_any_more(house, caplog):
    """The file of `affidavit verify --expect`, in the check bucket."""
    house.work()
    house.watch.run()
    house.work()
    name = segment(house, 1)
    house.objects()[name] = flip(house.objects()[name])
    house.work()
    assert house.watch.run().status == 1
    record = f"{house.gateway.id}/{int(name.split('/')[2][:12])}"
    house.check.objects[EXPECTED] = (
        f"- {{check: segments, object: evidence/{name}, record: {record}, by: ana, why: a disk}}".encode()
    )

    accepted = house.watch.run()

    assert (accepted.status, accepted.alarms) == (0, ())
    house.check.objects[EXPECTED] = b"- {check: tree, by: ana, why: nothing}"
    assert house.watch.run().alarms == (CHECK_FAILED, CHECK_FAILED)  # the wound, and what does not occur
    house.check.objects[EXPECTED] = b"nonsense"
    assert CHECK_FAILED in house.watch.run().alarms


def test_a_log_that_is_rolled_back_fails(house):
    house.work()
    house.watch.run()
    before = dict(house.objects()), house.head.checkpoint
    house.work()
    house.watch.run()
    house.stores.evidence.objects = house.evidence.inner.objects = before[0]
    house.head.checkpoint = before[1]

    seen = house.watch.run()

    assert seen.status == 1
    assert set(seen.alarms) == {CHECK_FAILED}


def test_a_log_that_is_written_anew_fails_though_it_is_right_in_itself(house, tmp_path):
    house.work()
    house.watch.run()
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other")
    other.ledger.signer = house.ledger.signer
    other.ledger.sequencer = other.ledger.new_sequencer()
    for _ in range(3):
        other.work()
    house.evidence.inner, house.head = other.stores.evidence, other.head
    house.stores.evidence.objects = other.stores.evidence.objects

    assert house.watch.run().status == 1


def test_a_segment_that_nobody_commits_is_an_alarm_of_its_own(house):
    house.work()
    house.gateway.call()
    house.gateway.flush()
    house.ledger.advance(11 * MINUTE)

    assert house.watch.run().alarms == (UNCOMMITTED_OLD,)
    assert house.watch.run().alarms == (UNCOMMITTED_OLD,), "as long as it is so"
    house.ledger.sequence()
    assert house.watch.run().alarms == ()


def test_a_lost_writer_is_said_once(house):
    other = house.ledger.gateway(), house.ledger.gateway()
    other[1].call("open")
    other[1].flush()
    house.work()
    house.watch.run()
    lost = []
    for _ in range(35):
        house.ledger.advance(MINUTE)
        house.work(1)
        lost += house.watch.run().alarms

    assert lost == [WRITER_LOST]


def test_dead_letters_are_an_alarm_as_long_as_they_lie_there(house, caplog):
    def broken():
        raise Misconfigured("no permission")

    def away():
        raise Unavailable("not now")

    house.letters |= {"a": lambda: "3 messages", "b": lambda: None, "c": broken, "d": away}

    assert house.watch.run().alarms == (DEAD_LETTER, DEAD_LETTER)
    assert [record.object for record in caplog.records if hasattr(record, "alarm")] == ["a", "c"]


def test_what_comes_into_quarantine_is_said_once(house):
    house.stores.quarantine.create({"segment/x": b"junk", "writer/y": b"junk"})

    assert house.watch.run().alarms == (QUARANTINED, QUARANTINED)
    assert house.watch.run().alarms == ()
    house.stores.quarantine.create({"segment/z": b"junk"})
    assert house.watch.run().alarms == (QUARANTINED,)


def test_what_cannot_be_read_is_tried_again_and_an_alarm_only_after_a_while(house):
    house.work()
    size = house.watch.run().size
    house.work()
    house.evidence.refused.add(segment(house, 1))

    seen = house.watch.run()
    assert (seen.size, seen.status, seen.alarms) == (size, 3, ())
    house.ledger.advance(16 * MINUTE)
    house.gateway.alive()
    house.gateway.flush()
    house.ledger.sequence()
    assert set(house.watch.run().alarms) == {CHECK_FAILED}
    house.evidence.refused.clear()
    assert house.watch.run().status == 0


def test_what_lies_beside_the_log_and_cannot_be_listed_is_an_alarm_after_a_while_too(house):
    """The point moves on, so it does not tell; meanwhile nobody would notice what is not committed."""
    house.work()
    house.watch.run()
    house.evidence.unlisted = "segment/"
    raised = []
    for _ in range(20):
        house.ledger.advance(MINUTE)
        house.work(1)
        raised.append(house.watch.run().alarms)

    assert raised[10] == ()
    assert raised[-1] == (CHECK_FAILED,)
    house.evidence.unlisted = None
    assert house.watch.run().alarms == ()


def test_dead_letters_that_nobody_can_look_at_for_long_are_an_alarm(house):
    def away():
        raise Unavailable("not now")

    house.letters["a"] = away
    assert house.watch.run().alarms == ()
    house.ledger.advance(16 * MINUTE)
    assert house.watch.run().alarms == (DEAD_LETTER,)
    house.letters["a"] = lambda: None
    assert house.watch.run().alarms == ()
    house.letters["a"] = away
    assert house.watch.run().alarms == ()


def test_a_point_from_the_future_does_not_hide_what_cannot_be_read(house):
    house.work()
    size = house.watch.run().size
    point = Point.parse(house.check.objects[point_name(size)])
    house.check.objects[point_name(size)] = replace(point, made=point.made + DAY).encode()
    house.work()
    house.evidence.refused.add(segment(house, 1))

    assert set(house.watch.run().alarms) == {CHECK_FAILED}


@pytest.mark.parametrize("name", [EXPECTED, "point"])
def test_an_object_of_the_check_bucket_that_is_too_long_stops_no_check(house, monkeypatch, name):
    house.work()
    size = house.watch.run().size
    name = point_name(size) if name == "point" else name
    read = house.check.read

    def bounded(asked):
        if asked == name:
            raise Malformed("an object is longer than 64 MiB", code="too_long")
        return read(asked)

    monkeypatch.setattr(house.check, "read", bounded)
    seen = house.watch.run()

    assert (seen.size, seen.status) == (size, 0)
    assert seen.alarms == ((CHECK_FAILED,) if name == EXPECTED else ())


def test_the_newest_point_that_can_be_gone_on_from_is_taken(house, caplog):
    house.work()
    size = house.watch.run().size
    house.work()
    whole = house.watch.run().size
    house.check.objects[point_name(whole)] = b"{}"
    house.check.objects[point_name(whole + 5)] = house.check.objects[point_name(size)].replace(b'"kept"', b'"keqt"')

    seen = house.watch.run()

    assert (seen.verified_from, seen.size, seen.status) == (size, whole, 0)
    assert sum("cannot be gone on from" in record.getMessage() for record in caplog.records) == 2


# Stops, and two at once


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_check_that_is_killed_at_any_write_says_everything_in_the_end(tmp_path, caplog, write, done):
    house = House(tmp_path, part=12)
    for _ in range(3):
        house.work()
    house.objects()[segment(house, 1)] = flip(house.objects()[segment(house, 1)])
    house.stores.quarantine.create({"segment/x": b"junk"})
    house.faults.stop_at(write, done=done)
    with pytest.raises(Stopped):
        house.watch.run()

    seen = house.new_watch().run()

    assert seen.status == 1
    assert set(alarms(caplog)) == {CHECK_FAILED, QUARANTINED}
    assert house.new_watch().run().alarms == (CHECK_FAILED,)


@pytest.mark.parametrize(("persisted", "error"), [(False, Unavailable), (True, OutcomeUnknown)])
def test_a_point_that_may_not_be_kept_is_no_harm(house, persisted, error):
    house.work()
    house.faults.fail(persisted=persisted)

    with pytest.raises(error):
        house.watch.run()
    assert house.watch.run().status == 0
    assert len(house.points()) == 1


def test_two_checks_at_once_agree(tmp_path):
    house = House(tmp_path)
    house.work()
    one, other = house.new_watch(), house.new_watch()
    results = []
    create = house.check._create

    def meanwhile(objects):
        house.check._create = create
        results.append(other.run())
        return create(objects)

    house.check._create = meanwhile
    results.append(one.run())
    house.work()

    assert results[0] == results[1]
    assert house.new_watch().run().status == 0
    assert len(house.points()) == 2


# The checkpoint of the day


def notes(caplog) -> list[tuple[int, str]]:
    said = [(one.size, one.note) for one in caplog.records if getattr(one, "event", None) == "daily_checkpoint"]
    caplog.clear()
    return said


def test_the_last_checkpoint_of_a_day_is_said_once_after_it(tmp_path, caplog):
    house = House(tmp_path, start="2026-11-22T23:58:00.000000Z")
    caplog.set_level(logging.INFO)
    sizes = []
    while house.ledger.now < parse_time("2026-11-23T00:05:00.000000Z"):
        house.work()
        if house.ledger.now < parse_time("2026-11-23T00:00:00.000000Z"):
            sizes.append(house.watch.run().size)
            assert notes(caplog) == []
        house.ledger.advance(20 * SECOND)
    house.watch.run()

    [(size, note)] = notes(caplog)
    assert size == sizes[-1]
    assert note.encode() == house.objects()[f"checkpoint/{size:020d}"]
    house.work()
    house.watch.run()
    assert notes(caplog) == []


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("write", [1, 2])
def test_a_check_that_is_killed_after_midnight_does_not_keep_the_day_to_itself(tmp_path, caplog, write, done):
    house = House(tmp_path, start="2026-11-22T23:59:00.000000Z")
    house.work()
    size = house.watch.run().size
    house.ledger.advance(2 * MINUTE)
    house.work()
    house.faults.stop_at(write, done=done)
    with pytest.raises(Stopped):
        house.watch.run()
    house.new_watch().run()
    house.new_watch().run()

    assert {told for told, _ in notes(caplog)} == {size}


def test_a_day_after_which_nothing_comes_is_over_ten_minutes_later(tmp_path, caplog):
    house = House(tmp_path, start="2026-11-22T23:50:00.000000Z")
    house.work()
    house.gateway.close()
    house.ledger.sequence()
    size = house.watch.run().size
    house.ledger.now = parse_time("2026-11-23T00:09:00.000000Z")
    house.watch.run()
    assert notes(caplog) == []
    house.ledger.now = parse_time("2026-11-23T00:11:00.000000Z")
    house.new_watch().run()
    assert [told for told, _ in notes(caplog)] == [size]
    house.ledger.now += DAY
    house.watch.run()
    assert [told for told, _ in notes(caplog)] == [size], "each day, whatever happened"
