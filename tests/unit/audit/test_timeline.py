"""Reading a data folder for people: in the order of time, a little at a time, whatever lies there (requirements)."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.audit.timeline import finding, weave
from affidavit.audit.timeline.entries import CallEntry
from affidavit.audit.timeline.items import Damage, Recorded
from affidavit.audit.timeline.reader import Reader, merged
from affidavit.audit.timeline.weave import Weaver
from affidavit.audit.verify.buckets import Bucket, Buckets
from affidavit.clock import DAY, MINUTE, SECOND
from fakes.ledger import Ledger, busy_hour


@dataclass(frozen=True, slots=True)
class CountingBucket(Bucket):
    """A bucket that remembers what was read of it."""

    reads: list[str] = field(default_factory=list)

    def read(self, name):
        self.reads.append(name)
        return Bucket.read(self, name)


def buckets_of(ledger: Ledger) -> Buckets:
    buckets = Buckets.of(str(ledger.root / "evidence"), [str(ledger.root / "bodies")], {}, str(ledger.root / "log"))
    return Buckets(evidence=CountingBucket("evidence", buckets.evidence.folder), bodies=buckets.bodies, log=buckets.log)


def read(reader: Reader, weaver: Weaver, since: int = 0):
    for item in reader.since(since):
        weaver.take(item)
        yield from weaver.ready(item.at)
    yield from weaver.rest()


@given(st.lists(st.lists(st.integers(0, 50)).map(sorted), max_size=8))
def test_streams_are_merged_in_the_order_of_time_and_each_in_its_own(times):
    streams = [
        [Damage(at=at, object=str(number), why=str(place)) for place, at in enumerate(one)]
        for number, one in enumerate(times)
    ]

    items = list(merged([(one[0].at if one else 0, iter(one)) for one in streams]))

    assert [item.at for item in items] == sorted(at for one in times for at in one)
    for number, one in enumerate(streams):
        assert [item for item in items if item.object == str(number)] == one


def test_a_stream_is_opened_when_its_time_has_come():
    opened = []

    def stream(name, *times):
        opened.append(name)
        yield from (Damage(at=at, object=name, why="") for at in times)

    items = merged([(1, stream("early", 1, 5)), (3, stream("later", 3)), (9, stream("latest", 9))])

    assert [(next(items).object, list(opened)) for _ in range(4)] == [
        ("early", ["early"]),
        ("later", ["early", "later"]),
        ("early", ["early", "later"]),
        ("latest", ["early", "later", "latest"]),
    ]


def test_every_record_of_a_busy_hour_is_read_once_in_order(tmp_path):
    ledger = Ledger(tmp_path)
    busy_hour(ledger)

    items = list(Reader(buckets_of(ledger)).since())

    said = {writer.id: writer.writer.next_seq for writer in ledger.writers}
    for writer, until in said.items():
        assert [item.seq for item in items if item.writer == writer] == list(range(until))
    assert [item.at for item in items] == sorted(item.at for item in items)
    assert {item.writer for item in items} == {*said, "log"}


def test_every_call_of_a_busy_hour_is_one_entry(tmp_path):
    ledger = Ledger(tmp_path)
    busy_hour(ledger, calls=60)
    reader = Reader(buckets_of(ledger))

    calls = [
        entry for entry in read(reader, Weaver(reader.commits.admitted.__contains__)) if isinstance(entry, CallEntry)
    ]

    assert len(calls) == len({entry.call for entry in calls}) == 60
    assert sum(entry.refused for entry in calls) == 20
    assert all(entry.admitted and entry.ended for entry in calls)


def test_the_first_entry_is_there_before_the_rest_is_read(tmp_path):
    """Memory does not grow with the log: what was read is given out."""
    ledger = Ledger(tmp_path)
    busy_hour(ledger)
    buckets = buckets_of(ledger)
    reader = Reader(buckets)

    entries = read(reader, Weaver(lambda _: True))
    next(entries)

    segments = [name for name in buckets.evidence.reads if name.startswith("segment/")]
    assert len(segments) == len(ledger.writers), "one of each writer that has begun"


def test_bodies_are_read_only_of_what_is_shown(tmp_path):
    ledger = Ledger(tmp_path)
    gateway = ledger.gateway()
    for _ in range(50):
        gateway.call()
        gateway.flush()
        ledger.advance(MINUTE)
    ledger.settle()
    buckets = buckets_of(ledger)
    reader = Reader(buckets)

    calls = [
        entry
        for entry in read(reader, Weaver(lambda _: True), ledger.now - 10 * MINUTE)
        if isinstance(entry, CallEntry)
    ]

    assert len(calls) in (4, 5)
    segments = [name for name in buckets.evidence.reads if name.startswith("segment/")]
    assert len(segments) < 20, "the place to begin is found by halves"


def test_a_call_that_never_ends_does_not_hold_up_what_comes_after_it(tmp_path, monkeypatch):
    monkeypatch.setattr(weave, "MOST_WAITING", 10)
    ledger = Ledger(tmp_path)
    gateway = ledger.gateway()
    gateway.call("open")
    for _ in range(30):
        gateway.call()
    ledger.settle()
    weaver, most = Weaver(lambda _: True), 0

    for item in Reader(buckets_of(ledger)).since():
        weaver.take(item)
        most = max(most, len(weaver._waiting))
        list(weaver.ready(item.at))

    assert most <= 11


def test_what_an_entry_holds_is_bounded(tmp_path):
    ledger = Ledger(tmp_path)
    gateway = ledger.gateway()
    call = gateway.call("open", asked=b"a" * 1000)
    for event in range(20):
        gateway.event(call, event, b"e" * 1000)
    gateway.answer(call, None)
    ledger.settle()

    (entry,) = [
        entry
        for entry in read(Reader(buckets_of(ledger)), Weaver(lambda _: True, keep=100))
        if isinstance(entry, CallEntry)
    ]

    assert (len(entry.asked.data), len(entry.said.data), entry.events) == (100, 100, 20)
    assert not entry.asked.whole


@pytest.mark.parametrize("gap", [0, SECOND, DAY])
def test_a_call_is_found_by_its_id_in_the_right_chain(tmp_path, gap):
    ledger = Ledger(tmp_path)
    made = {}
    for _ in range(5):
        gateway = ledger.gateway()
        made[gateway.call()] = gateway.id
        made[gateway.call("streamed")] = gateway.id
        gateway.flush()
        ledger.advance(gap)
    ledger.settle()
    reader = Reader(buckets_of(ledger))

    for call, writer in made.items():
        found = finding.records_of_call(reader, call)
        assert {item.writer for item in found} == {writer}
        assert {item.record["call"] for item in found} == {call}
        assert len(found) in (2, 4)


def test_a_call_is_found_though_others_are_damaged(tmp_path):
    ledger = Ledger(tmp_path)
    gateway = ledger.gateway()
    call = gateway.call("open")
    gateway.flush()
    gateway.call()
    (segment,) = [one.name for one in gateway.flush() if one.bucket == "evidence"]
    gateway.answer(call, b"{}")
    ledger.settle()
    path = ledger.root / "evidence" / segment
    path.chmod(0o600)
    path.write_bytes(b"?")

    requested, damage, answered = finding.records_of_call(Reader(buckets_of(ledger)), call)

    assert (requested.kind, answered.kind) == ("call:requested", "call:answered")
    assert damage.object == f"evidence/{segment}"


def test_what_is_said_after_the_end_of_a_call_belongs_to_it(tmp_path):
    ledger = Ledger(tmp_path)
    gateway = ledger.gateway()
    call = gateway.call("withheld")
    gateway.call()
    ledger.settle()

    kinds = [item.kind for item in finding.records_of_call(Reader(buckets_of(ledger)), call)]

    assert kinds == ["call:requested", "call:answered", "call:withheld"]


def test_a_call_of_a_session_keeps_what_is_said_after_its_end(tmp_path):
    ledger = Ledger(tmp_path)
    gateway = ledger.gateway()
    call = gateway.call("withheld", session="k1:mine")
    gateway.call("withheld", session="k1:other")
    ledger.settle()
    weaver = Weaver(lambda _: True, session="k1:mine")

    entries = list(read(Reader(buckets_of(ledger)), weaver))

    assert [getattr(entry, "call", None) or entry.record["call"] for entry in entries] == [call, call]


class HastyBucket(Bucket):
    """A bucket whose first listing of a folder leaves out names, as readdir may while the folder grows."""

    def __init__(self, label, folder, left_out) -> None:
        super().__init__(label, folder)
        object.__setattr__(self, "left_out", left_out)

    def members(self, folder):
        left_out = self.left_out.pop(folder, ())
        return (one for one in super().members(folder) if one[0] not in left_out)


@pytest.mark.parametrize("news", [True, False])
def test_what_a_listing_left_out_while_a_folder_grew_is_no_hole(tmp_path, news):
    """POSIX readdir: of what is added while a folder is listed, the later may be given and the earlier not."""
    ledger = Ledger(tmp_path)
    gateway = ledger.gateway()
    for _ in range(6):
        gateway.call()
        gateway.flush()
        ledger.settle()
    folders = {f"segment/{gateway.id}/": slice(1, 4), "commit/": slice(2, 4)}
    left_out = {
        folder: {path.name for path in sorted((tmp_path / "evidence" / folder).iterdir())[which]}
        for folder, which in folders.items()
    }
    buckets = Buckets(
        evidence=HastyBucket("evidence", str(tmp_path / "evidence"), left_out),
        bodies=buckets_of(ledger).bodies,
        log=None,
    )
    whole = [item.id for item in Reader(buckets_of(ledger)).since()]

    reader = Reader(buckets)
    items = list(reader.news() if news else reader.since())

    assert not left_out, "both were asked for"
    assert [item.id for item in items if isinstance(item, Recorded)] == whole
    assert len(items) == len(whole)
