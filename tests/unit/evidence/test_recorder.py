"""Group commit: what waits, what is told, and what the chain looks like after every fault."""

from __future__ import annotations

import asyncio
import itertools
import threading

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.errors import Misconfigured, OutcomeUnknown, Unavailable
from affidavit.evidence import recorder as recorder_module
from affidavit.evidence.recorder import Recorder
from affidavit.evidence.segment import parse_segment
from affidavit.evidence.stored import sha256_hex, unpack
from affidavit.evidence.writer import Writer
from fakes.bus import MemoryBus


@pytest.fixture
def bus():
    return MemoryBus()


@pytest.fixture
def writer():
    ticks = itertools.count(1_800_000_000_000_000, 7)
    salts = itertools.count()
    return Writer(
        origin="log.test/audit",
        role="gateway",
        config_sha256="0" * 64,
        clock=lambda: next(ticks),
        random=lambda n: next(salts).to_bytes(n, "big"),
        key=Ed25519PrivateKey.generate(),
    )


@pytest.fixture
async def recorder(writer, bus):
    recorder = Recorder(writer, bus)
    yield recorder
    bus.release()
    await recorder.close(timeout=5)


def chain(bus, writer):
    """The records on the bus in order, each segment once, checked for their signature, their order and their links."""
    segments = {}
    for sent in bus.durable:
        if sent.bucket == "evidence":
            segments[sent.name] = parse_segment(unpack(sent.data))
    prev, seq, records = sha256_hex(writer.registration), 0, []
    for segment in sorted(segments.values(), key=lambda s: s.first_seq):
        segment.verify(writer._key.public_key())
        assert segment.prev == prev
        for line in segment.records:
            record = orjson.loads(line)
            assert (record["seq"], record["prev"]) == (seq, prev)
            prev, seq = sha256_hex(line), seq + 1
            records.append(record)
    return records


async def test_a_record_is_durable_when_intend_returns(recorder, bus, writer):
    """architecture, promise 1."""
    receipt = await recorder.intend("call:requested", {"call": "a"})

    (record,) = chain(bus, writer)
    assert (receipt.id, record["kind"]) == (f"{writer.id}/0", "call:requested")
    assert receipt.sha256 == sha256_hex(parse_segment(unpack(bus.durable[-1].data)).records[0])


async def test_what_waits_while_one_segment_is_in_flight_goes_out_together(recorder, bus, writer):
    """architecture "Group commit": one segment in flight at a time."""
    bus.hold()
    first = asyncio.ensure_future(recorder.intend("call:requested", {"call": "0"}))
    await asyncio.sleep(0.05)
    rest = [asyncio.ensure_future(recorder.intend("call:requested", {"call": str(n)})) for n in range(1, 50)]
    await asyncio.sleep(0.05)
    assert len(bus.attempts) == 1
    bus.release()
    await asyncio.gather(first, *rest)

    assert len(bus.attempts) == 2
    assert [record["call"] for record in chain(bus, writer)] == [str(n) for n in range(50)]


async def test_a_segment_takes_at_most_200_records_and_one_mebibyte(recorder, bus, writer):
    """architecture "Group commit"."""
    bus.hold()
    waiting = [asyncio.ensure_future(recorder.intend("call:requested", {"call": str(n)})) for n in range(450)]
    big = [recorder.body(b"x" * 700_000, "standard") for _ in range(3)]
    for body in big:
        recorder.add("call:answered", {"response": body.reference()}, (body,))
    bus.release()
    await asyncio.gather(*waiting)
    await recorder.conclude("call:answered", {})

    counts = [len(parse_segment(unpack(sent.data)).records) for sent in bus.durable if sent.bucket == "evidence"]
    assert max(counts) == 200
    assert sum(1 for sent in bus.durable if sent.bucket == "body") == 3


class Turns:
    """Ticks by which each turn of the loop takes so many seconds."""

    def __init__(self, seconds):
        self._ticks = itertools.count()
        self._seconds = seconds

    def __call__(self):
        return next(self._ticks) * self._seconds


async def _busy(writer, bus, seconds):
    """Return a recorder whose last segment held many, and whose turns take so long."""
    recorder = Recorder(writer, bus, ticks=Turns(seconds))
    bus.hold()
    for n in range(recorder_module.MANY + 1):  # the first is sent at once, so it takes a second segment to be many
        recorder.add("call:requested", {"call": str(n)})
    bus.release()
    await recorder.conclude("call:answered", {})
    return recorder


@pytest.mark.parametrize(
    ("seconds", "together"),
    [
        pytest.param(recorder_module.GATHERING, 1, id="a turn as long as it may be held"),
        pytest.param(recorder_module.GATHERING / 3, 3, id="busy turns"),
        pytest.param(recorder_module.IDLE_TURN / 2, 1, id="an idle turn"),
    ],
)
async def test_where_much_is_going_on_a_segment_waits_for_company_a_moment(writer, bus, seconds, together):
    """architecture "Group commit": what waits is collected for at most 5 ms, and not while there is nothing to do."""
    recorder = await _busy(writer, bus, seconds)

    for n in range(10):
        recorder.add("call:requested", {"call": f"turn {n}"})
        await asyncio.sleep(0)
    await recorder.conclude("call:answered", {})
    await recorder.close(timeout=5)

    segments = [parse_segment(unpack(sent.data)) for sent in bus.durable if sent.bucket == "evidence"]
    (gathered,) = [segment for segment in segments if b'"turn 0"' in segment.records[0]]
    assert len(gathered.records) == together
    assert len(chain(bus, writer)) == recorder_module.MANY + 1 + 1 + 10 + 1


async def test_a_segment_is_not_held_for_work_that_brings_no_records(writer, bus):
    """architecture "Group commit": a durable record waits for other records, not for whatever else the loop does."""
    recorder = await _busy(writer, bus, recorder_module.IDLE_TURN * 2)
    recorder.add("call:requested", {"call": "alone"})

    for _ in range(recorder_module.FRUITLESS):
        assert recorder._in_flight is None
        await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert recorder._in_flight is not None
    await recorder.close(timeout=5)


async def test_a_full_segment_waits_for_no_company(writer, bus):
    recorder = await _busy(writer, bus, recorder_module.IDLE_TURN * 2)
    for n in range(recorder_module.BATCH_RECORDS + 1):
        recorder.add("call:requested", {"call": f"more {n}"})

    await asyncio.sleep(0)

    assert recorder._in_flight is not None
    await recorder.close(timeout=5)


@pytest.mark.parametrize("persisted", [False, True])
async def test_a_failed_publish_refuses_the_intent_and_the_same_bytes_are_published_again(
    recorder, bus, writer, persisted
):
    """architecture "Group commit": a record can never be replaced by another with the same seq."""
    bus.fail(2, persisted=persisted)
    with pytest.raises(Unavailable):
        await recorder.intend("call:requested", {"call": "lost"})
    recorder.add("call:refused", {"call": "lost"})
    with pytest.raises(Unavailable):
        recorder.check()
    while recorder.outage:
        await asyncio.sleep(0.01)
    await recorder.intend("call:requested", {"call": "next"})

    assert bus.attempts[0] == bus.attempts[1] == bus.attempts[2]
    kinds = [(record["kind"], record["call"]) for record in chain(bus, writer)]
    assert kinds == [("call:requested", "lost"), ("call:refused", "lost"), ("call:requested", "next")]


@pytest.mark.parametrize("persisted", [False, True])
async def test_an_outcome_that_is_not_known_to_be_durable_is_unknown(recorder, bus, writer, persisted):
    """architecture "Failures": bus down after forwarding."""
    await recorder.intend("call:requested", {"call": "a"})
    bus.fail(1, persisted=persisted)
    with pytest.raises(OutcomeUnknown):
        await recorder.conclude("call:answered", {"call": "a"})
    while recorder.outage:
        await asyncio.sleep(0.01)
    assert [record["kind"] for record in chain(bus, writer)] == ["call:requested", "call:answered"]


@pytest.mark.parametrize("error", [Misconfigured("there is no bucket acme-evidence"), ValueError("nobody foresaw it")])
async def test_whatever_the_bus_raises_is_an_outage_and_not_the_end_of_the_recorder(writer, bus, error):
    """architecture "Group commit": where Pub/Sub fails, objects go straight to their buckets, if those are there."""

    class Misled:
        def __init__(self):
            self.refusing = True

        def publish(self, objects):
            if self.refusing:
                raise error
            bus.publish(objects)

        def close(self):
            bus.close()

    misled = Misled()
    recorder = Recorder(writer, misled)
    with pytest.raises(Unavailable):
        await recorder.intend("call:requested", {"call": "a"})
    misled.refusing = False
    async with asyncio.timeout(10):
        while recorder.outage is not None:
            await asyncio.sleep(0.01)
    await recorder.intend("call:requested", {"call": "b"})

    assert [record["call"] for record in chain(bus, writer)] == ["a", "b"]
    await recorder.close(timeout=5)


async def test_a_bus_that_hangs_is_an_outage_after_the_deadline(recorder, bus, writer, monkeypatch):
    """architecture "Group commit": Publish exceeds its deadline."""
    monkeypatch.setattr(recorder_module, "DEADLINE", 0.05)
    bus.hold()
    with pytest.raises(Unavailable):
        await recorder.intend("call:requested", {"call": "slow"})
    with pytest.raises(OutcomeUnknown):
        await recorder.conclude("call:answered", {"call": "other"})
    bus.release()
    while recorder.outage:
        await asyncio.sleep(0.01)
    await recorder.intend("call:requested", {"call": "next"})
    assert [record["call"] for record in chain(bus, writer)] == ["slow", "other", "next"]


async def test_a_waiter_that_is_cancelled_takes_nobody_else_down(recorder, bus, writer):
    bus.hold()
    cancelled = asyncio.ensure_future(recorder.intend("call:requested", {"call": "a"}))
    kept = asyncio.ensure_future(recorder.intend("call:requested", {"call": "b"}))
    await asyncio.sleep(0)
    cancelled.cancel()
    bus.release()
    await kept
    assert [record["call"] for record in chain(bus, writer)] == ["a", "b"]


async def test_a_record_too_long_for_the_log_is_refused_and_leaves_the_chain_as_it_was(recorder, bus, writer):
    """evidence-format section 4: at most 65,535 bytes."""
    with pytest.raises(Exception, match="longer than a log entry"):
        await recorder.intend("call:requested", {"call": "x" * 70_000})
    await recorder.intend("call:requested", {"call": "a"})
    assert [record["seq"] for record in chain(bus, writer)] == [0]


async def test_close_waits_for_what_is_in_flight_then_lets_the_bus_go(writer, bus):
    recorder = Recorder(writer, bus)
    for n in range(500):
        recorder.add("call:requested", {"call": str(n)})
    assert await recorder.close(timeout=5)
    assert len(chain(bus, writer)) == 500


@pytest.mark.parametrize("persisted", [False, True])
async def test_close_outlasts_a_fault_that_is_shorter_than_its_time(writer, bus, persisted):
    recorder = Recorder(writer, bus)
    bus.fail(2, persisted=persisted)
    recorder.add("writer:closed", {})
    assert await recorder.close(timeout=30)
    assert [record["kind"] for record in chain(bus, writer)] == ["writer:closed"]


async def test_nothing_follows_the_last_word(writer, bus):
    """evidence-format section 5, `writer:closed`: who is late is told so, and the chain is as it was."""
    recorder = Recorder(writer, bus)
    recorder.add("writer:closed", {})
    closing = asyncio.ensure_future(recorder.close(timeout=30))
    await asyncio.sleep(0)

    with pytest.raises(Unavailable):
        await recorder.intend("issuer:keys", {})
    with pytest.raises(Unavailable):
        recorder.add("issuer:keys", {})
    assert await closing
    assert [record["kind"] for record in chain(bus, writer)] == ["writer:closed"]


async def test_close_gives_up_on_a_bus_that_never_answers(writer, bus):
    recorder = Recorder(writer, bus)
    bus.fail(10_000, persisted=False)
    recorder.add("writer:closed", {})
    assert not await recorder.close(timeout=0.3)


def test_a_bus_that_answers_after_everybody_has_left_ends_the_recorder_without_a_word(writer, bus, monkeypatch):
    """architecture "Failures": what a drain could not wait for is no error of its own."""
    died = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    bus.hold()

    async def leave():
        recorder = Recorder(writer, bus)
        recorder.add("writer:closed", {})
        assert not await recorder.close(timeout=0.1)
        return recorder._thread

    thread = asyncio.run(leave())
    bus.release()
    thread.join(timeout=10)

    assert not thread.is_alive()
    assert bus.closed
    assert died == []
