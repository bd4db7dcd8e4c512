"""What enters the log, when, and what the log says about it: evidence-format sections 3, 5, 7 and 8."""

from __future__ import annotations

import logging
import zlib

import pytest

from affidavit.audit import batch, chains
from affidavit.clock import MINUTE, SECOND, format_time
from affidavit.errors import Malformed
from affidavit.evidence.names import segment_name
from affidavit.evidence.packing import pack
from affidavit.evidence.ports import EvidenceObject
from affidavit.evidence.stored import sha256_hex, unpack
from fakes.ledger import RETENTION, STEP, busy_hour, records
from interop.tessera_fsck import fsck

HOUR = 60 * MINUTE


def opened(ledger, role="gateway"):
    writer = ledger.writer(role)
    writer.open()
    return writer


def test_the_first_commit_states_retention_then_admits_then_takes(ledger, audited):
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequence()

    audit = audited()
    assert audit.kinds() == ["log:retention", "log:writer_admitted", "writer:opened"]
    assert audit.records[0]["classes"] == RETENTION
    admitted = audit.records[1]
    assert (admitted["about"], admitted["role"], admitted["account"]) == (gateway.id, "gateway", None)
    assert admitted["registration_sha256"] == sha256_hex(gateway.registration.data)


def test_a_log_without_writers_states_retention_once(ledger, audited):
    assert ledger.sequence() == 1
    assert ledger.sequence() == 0

    assert audited().kinds() == ["log:retention"]


def test_each_later_commit_begins_with_what_the_one_before_was(ledger, audited):
    for _ in range(3):
        opened(ledger).flush()
        ledger.sequence()

    audit = audited()
    said = audit.said("log:committed")
    assert [(one["start"], one["until"]) for one in said] == [(0, 3), (3, 6)]
    assert said[1]["time"] == audit.commits[2]["time"] == format_time(ledger.now)


def test_a_commit_that_would_hold_nothing_else_is_not_made(ledger, audited):
    opened(ledger).flush()
    ledger.sequence()
    for _ in range(5):
        ledger.advance()
        assert ledger.sequence() == 0

    assert len(audited().commits) == 1


def test_a_busy_hour_is_whole(ledger, audited):
    busy_hour(ledger)

    audit = audited()
    published = [one for writer in ledger.writers for one in writer.published]
    assert audit.ids() == {f"{one['writer']}/{one['seq']}" for one in records(published)}
    assert not audit.said("log:gap") + audit.said("log:late") + audit.said("log:writer_lost")
    assert all(chain.closed for chain in audit.chains.values())


def test_another_projects_checker_accepts_the_folder(ledger):
    """C2SP tlog-tiles as transparency-dev/tessera reads it, over what the sequencer wrote."""
    busy_hour(ledger, calls=300)
    assert ledger.sequencer.size > 1_000

    checked = fsck(ledger.root / "log", "gateway.example.com/audit", ledger.vkey)
    assert checked.returncode == 0, checked.stderr


def test_quiet_segments_wait_up_to_five_minutes(ledger, audited):
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequence()
    gateway.alive()
    gateway.flush()
    alive_at = ledger.now

    ledger.now = alive_at + 5 * MINUTE - 1
    assert ledger.sequence() == 0
    ledger.now = alive_at + 5 * MINUTE
    assert ledger.sequence() == 2
    assert audited().kinds()[-2:] == ["log:committed", "writer:alive"]


def test_quiet_segments_do_not_wait_when_there_is_a_commit_anyway(ledger, audited):
    one, other = opened(ledger), opened(ledger)
    one.alive()
    one.flush()
    other.flush()
    ledger.sequence()

    assert audited().kinds().count("writer:alive") == 1


def test_what_follows_a_quiet_segment_takes_it_along(ledger, audited):
    gateway = opened(ledger)
    gateway.flush()
    gateway.alive()
    gateway.flush()
    gateway.close()
    ledger.sequence()

    assert audited().kinds()[-3:] == ["writer:opened", "writer:alive", "writer:closed"]


# Holes


def with_a_hole(ledger):
    """Return a gateway, what was lost, and when the record after the hole was made."""
    gateway = opened(ledger)
    gateway.flush()
    gateway.alive()
    gateway.alive()
    lost = gateway.lose()
    after = ledger.now + STEP
    gateway.introduce()
    gateway.flush()
    return gateway, lost, after


def test_nothing_is_taken_over_a_hole_for_ten_minutes(ledger, audited):
    _, _, after = with_a_hole(ledger)
    ledger.sequence()
    ledger.now = after + 10 * MINUTE - 1
    ledger.sequence()

    assert audited().kinds() == ["log:retention", "log:writer_admitted", "writer:opened"]


def test_a_hole_keeps_nobody_else_waiting(ledger, audited):
    with_a_hole(ledger)
    opened(ledger, "console").flush()
    ledger.sequence()

    assert audited().kinds().count("writer:opened") == 2


def test_a_hole_that_is_filled_in_time_is_never_stated(ledger, audited):
    _, lost, _ = with_a_hole(ledger)
    ledger.sequence()
    ledger.advance(9 * MINUTE)
    ledger.deliver(lost)
    ledger.sequence()

    audit = audited()
    assert not audit.said("log:gap")
    assert audit.kinds().count("writer:alive") == 2


def test_after_ten_minutes_a_hole_is_stated_and_the_chain_goes_on(ledger, audited):
    gateway, _, after = with_a_hole(ledger)
    ledger.sequence()
    ledger.now = after + 10 * MINUTE
    ledger.sequence()

    audit = audited()
    (gap,) = audit.said("log:gap")
    assert (gap["about"], gap["from"], gap["to"]) == (gateway.id, 1, 2)
    assert audit.commits[-1]["writers"][gateway.id]["next_seq"] == 7


def test_what_fills_a_stated_hole_is_late_and_taken(ledger, audited):
    gateway, lost, _ = with_a_hole(ledger)
    ledger.advance(11 * MINUTE)
    ledger.sequence()
    ledger.deliver(lost)
    ledger.sequence()

    audit = audited()
    (late,) = audit.said("log:late")
    assert (late["about"], late["from"], late["to"]) == (gateway.id, 1, 2)
    assert audit.chains[gateway.id].holes == set()
    assert ledger.sequence() == 0


@pytest.mark.parametrize("restart", [False, True])
def test_a_hole_can_be_filled_in_parts_and_in_any_order(ledger, audited, restart):
    gateway = opened(ledger)
    gateway.flush()
    parts = []
    for _ in range(3):
        gateway.alive()
        parts.append(gateway.lose())
    gateway.introduce()
    gateway.flush()
    ledger.advance(11 * MINUTE)
    ledger.sequence()
    for number in (1, 2, 0):
        if restart:
            ledger.sequencer = ledger.new_sequencer()
        ledger.deliver(parts[number])
        assert ledger.sequence() == 3

    audit = audited()
    assert [(one["from"], one["to"]) for one in audit.said("log:late")] == [(2, 2), (3, 3), (1, 1)]
    assert audit.chains[gateway.id].holes == set()


def test_the_hole_of_a_closed_writer_can_be_filled(ledger, audited):
    gateway, lost, _ = with_a_hole(ledger)
    gateway.close()
    ledger.advance(11 * MINUTE)
    ledger.sequence()
    ledger.sequencer = ledger.new_sequencer()
    ledger.deliver(lost)
    ledger.sequence()

    assert audited().chains[gateway.id].holes == set()


def test_a_hole_before_the_first_record_is_a_hole(ledger, audited):
    gateway = opened(ledger)
    lost = gateway.lose()
    gateway.introduce()
    gateway.flush()
    ledger.sequence()
    assert audited().chains == {}

    ledger.advance(11 * MINUTE)
    ledger.sequence()
    assert audited().kinds()[2:4] == ["log:writer_admitted", "log:gap"]
    ledger.deliver(lost)
    ledger.sequence()
    assert audited().chains[gateway.id].holes == set()


def test_each_hole_is_stated_where_the_chain_stands_before_it(ledger, audited):
    """A statement comes before all segments of its commit, so each hole has a commit of its own, made at once."""
    gateway = opened(ledger)
    gateway.flush()
    for _ in range(2):
        gateway.alive()
        gateway.lose()
        gateway.call()
        gateway.flush()
    ledger.advance(11 * MINUTE)
    ledger.sequence()

    audit = audited()
    assert [(one["from"], one["to"]) for one in audit.said("log:gap")] == [(1, 1), (4, 4)]
    assert len({commit["time"] for commit in audit.commits}) == 1


def test_a_segment_is_there_only_when_its_bodies_are(ledger, audited):
    """evidence-format section 6."""
    gateway = opened(ledger)
    gateway.flush()
    gateway.call()
    body, segment = gateway.seal()
    ledger.deliver([segment])
    ledger.sequence()
    assert audited().kinds().count("call:requested") == 0

    ledger.deliver([body])
    ledger.sequence()
    assert audited().kinds().count("call:requested") == 1


def test_a_segment_whose_bodies_never_come_is_a_hole_until_they_do(ledger, audited):
    gateway = opened(ledger)
    gateway.flush()
    gateway.call()
    body, segment = gateway.seal()
    gateway.introduce()
    gateway.flush()
    ledger.deliver([segment])
    ledger.advance(11 * MINUTE)
    ledger.sequence()
    assert [(one["from"], one["to"]) for one in audited().said("log:gap")] == [(1, 2)]

    ledger.deliver([body])
    ledger.sequence()
    assert audited().chains[gateway.id].holes == set()


# Writers that end, and that do not


@pytest.mark.parametrize("restart", [False, True])
def test_a_writer_that_is_silent_for_half_an_hour_is_lost(ledger, audited, restart):
    gateway = opened(ledger)
    gateway.flush()
    last = ledger.now
    ledger.sequence()
    if restart:
        ledger.sequencer = ledger.new_sequencer()
    ledger.now = last + 30 * MINUTE - 1
    assert ledger.sequence() == 0
    ledger.now = last + 30 * MINUTE
    assert ledger.sequence() == 2

    audit = audited()
    (lost,) = audit.said("log:writer_lost")
    assert (lost["about"], lost["from"]) == (gateway.id, 1)
    assert set(audit.commits[-1]["writers"]) == {"log"}


@pytest.mark.parametrize("restart", [False, True])
def test_a_lost_writer_stays_lost_and_each_segment_of_it_is_late(ledger, audited, restart):
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequence()
    ledger.advance(31 * MINUTE)
    ledger.sequence()
    for _ in range(3):
        gateway.call()
        gateway.flush()
        if restart:
            ledger.sequencer = ledger.new_sequencer()
        ledger.sequence()

    audit = audited()
    assert [(one["from"], one["to"]) for one in audit.said("log:late")] == [(1, 2), (3, 4), (5, 6)]
    assert audit.chains[gateway.id].next_seq == 7


def test_a_hole_of_a_lost_writer_is_stated_too(ledger, audited):
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequence()
    ledger.advance(31 * MINUTE)
    ledger.sequence()
    gateway.call()
    lost = gateway.lose()
    gateway.call()
    gateway.flush()
    ledger.sequence()
    assert not audited().said("log:late")

    ledger.advance(11 * MINUTE)
    ledger.sequence()
    ledger.deliver(lost)
    ledger.sequence()
    assert audited().chains[gateway.id].next_seq == 5
    assert audited().chains[gateway.id].holes == set()


def test_a_closed_writer_is_never_lost(ledger, audited):
    gateway = opened(ledger)
    gateway.close()
    ledger.sequence()
    ledger.advance(HOUR)

    assert ledger.sequence() == 0
    assert set(audited().commits[-1]["writers"]) == {"log"}


def test_nothing_follows_a_closed_writer(ledger, audited, caplog):
    gateway = opened(ledger)
    gateway.close()
    gateway.alive()
    gateway.flush()
    ledger.sequence()
    ledger.advance(HOUR)
    ledger.sequence()

    assert audited().kinds()[-1] == "writer:closed"
    assert "it follows writer:closed" in caplog.text


@pytest.mark.parametrize("restart", [False, True])
def test_nothing_follows_a_writer_whose_whole_life_is_in_the_log(ledger, audited, restart):
    gateway = opened(ledger)
    gateway.close()
    ledger.sequence()
    gateway.call()
    news = [one.name for one in gateway.flush()]
    if restart:
        ledger.sequencer = ledger.new_sequencer()
    ledger.sequencer.run(ledger.now, news)
    ledger.sequence()

    assert audited().kinds()[-1] == "writer:closed"


def test_what_is_late_does_not_make_a_writer_older(ledger, audited):
    gateway, lost, after = with_a_hole(ledger)
    ledger.now = after + 20 * MINUTE
    gateway.call()
    gateway.flush()
    ledger.sequence()
    ledger.deliver(lost)
    ledger.sequence()
    ledger.now = after + 35 * MINUTE
    ledger.sequence()

    assert audited().said("log:late")
    assert not audited().said("log:writer_lost")


def test_a_living_writer_is_not_lost_because_the_sequencer_paused(ledger, audited):
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequence()
    for _ in range(60):
        ledger.advance(MINUTE)
        gateway.alive()
        gateway.flush()
    ledger.sequence()

    audit = audited()
    assert not audit.said("log:writer_lost")
    assert audit.kinds().count("writer:alive") == 60


def test_the_first_commit_after_a_pause_states_who_was_lost_in_it(ledger, audited):
    """evidence-format section 7: every commit, the first after a pause too."""
    dead, living = opened(ledger), opened(ledger)
    for writer in (dead, living):
        writer.flush()
    ledger.sequence()
    ledger.advance(HOUR)
    living.call()
    living.flush()
    ledger.sequence()

    audit = audited()
    assert [one["about"] for one in audit.said("log:writer_lost")] == [dead.id]
    assert len(audit.commits) == 2


def test_a_whole_life_that_is_delivered_too_late_is_lost_and_late_at_once(ledger, audited):
    """A machine that died, and was switched on again two days later."""
    gateway = opened(ledger)
    gateway.flush()
    gateway.call()
    gateway.flush()
    ledger.advance(48 * HOUR)
    ledger.sequence()

    audit = audited()
    assert audit.kinds()[:5] == ["log:retention", "log:writer_admitted", "log:writer_lost", "log:late", "log:late"]
    assert audit.said("log:writer_lost")[0]["from"] == 0


def test_a_whole_orderly_life_that_is_delivered_late_is_just_taken(ledger, audited):
    gateway = opened(ledger)
    gateway.call()
    gateway.close()
    ledger.advance(48 * HOUR)
    ledger.sequence()

    assert not audited().said("log:writer_lost")


def test_what_follows_a_closed_writer_does_not_make_it_lost(ledger, audited):
    gateway = opened(ledger)
    gateway.close()
    gateway.alive()
    gateway.flush()
    ledger.advance(HOUR)
    ledger.sequence()

    assert not audited().said("log:writer_lost")


def test_before_a_writer_is_stated_lost_everything_is_looked_for(ledger, audited):
    """Somebody else stored what it said last, and no news told."""
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequencer.run(ledger.now, [])
    ledger.advance(31 * MINUTE)
    gateway.call()
    gateway.flush()
    ledger.sequencer._state.swept = ledger.now
    ledger.sequencer.run(ledger.now, [])

    assert not audited().said("log:writer_lost")


# Forks and noise


def a_fork_of(gateway, **fields):
    """Return a second, validly signed history of the place that comes next."""
    stolen = gateway.writer
    before = (stolen._prev, stolen.next_seq, stolen.last_time)
    gateway.alive(in_flight=7)
    forged = gateway.lose()
    stolen._prev, stolen.next_seq, stolen.last_time = before
    return forged


def test_of_a_fork_neither_side_is_taken_and_others_go_on(ledger, audited, caplog):
    gateway, console = opened(ledger), opened(ledger, "console")
    gateway.flush()
    forged = a_fork_of(gateway)
    gateway.call()
    gateway.flush()
    console.flush()
    ledger.deliver(forged)
    ledger.sequence()
    ledger.sequence()

    audit = audited()
    assert audit.chains[gateway.id].next_seq == 1
    assert audit.chains[console.id].next_seq == 1
    assert caplog.text.count("a fork") == 1


def test_a_forked_writer_is_lost_after_half_an_hour_and_nothing_more_is_taken(ledger, audited):
    gateway = opened(ledger)
    gateway.flush()
    ledger.deliver(a_fork_of(gateway))
    gateway.call()
    gateway.flush()
    ledger.sequence()
    ledger.advance(31 * MINUTE)
    ledger.sequence()
    ledger.sequencer = ledger.new_sequencer()
    ledger.sequence()

    audit = audited()
    assert [one["from"] for one in audit.said("log:writer_lost")] == [1]
    assert audit.chains[gateway.id].next_seq == 1


@pytest.mark.parametrize("restart", [False, True])
def test_a_second_history_of_a_committed_place_is_never_taken(ledger, audited, caplog, restart):
    gateway = opened(ledger)
    gateway.flush()
    forged = a_fork_of(gateway)
    gateway.call()
    gateway.flush()
    ledger.sequence()
    if restart:
        ledger.sequencer = ledger.new_sequencer()
        ledger.sequence()
    ledger.deliver(forged)
    ledger.sequencer.run(ledger.now, [one.name for one in forged])
    gateway.call()
    gateway.flush()
    ledger.sequence()

    assert audited().chains[gateway.id].next_seq == 5
    assert "its places in the chain are taken" in caplog.text


def test_nothing_is_taken_past_a_fork_however_long_it_waits(ledger, audited):
    """From there on the log vouches for nothing of that writer; a new process is a new writer."""
    gateway = opened(ledger)
    gateway.flush()
    ledger.deliver(a_fork_of(gateway))
    for _ in range(3):
        gateway.call()
        gateway.flush()
    ledger.advance(11 * MINUTE)
    ledger.sequence()
    ledger.sequencer = ledger.new_sequencer()
    ledger.sequence()

    assert audited().chains[gateway.id].next_seq == 1
    assert not audited().said("log:gap")


def test_a_writer_that_begins_with_a_fork_is_never_admitted(ledger, audited):
    gateway = ledger.writer()
    ledger.deliver(a_fork_of(gateway))
    gateway.open()
    gateway.flush()
    ledger.sequence()
    ledger.advance(HOUR)
    ledger.sequence()

    assert audited().kinds() == ["log:retention"]


def test_of_a_lost_writer_too_only_what_follows_is_taken(ledger, audited, caplog):
    """After a restart the hash of its last record is not at hand, but its last segment is."""
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequence()
    ledger.advance(31 * MINUTE)
    ledger.sequence()
    gateway.writer._prev = "ab" * 32
    gateway.call()
    gateway.flush()
    ledger.sequencer = ledger.new_sequencer()
    ledger.sequence()

    assert audited().chains[gateway.id].next_seq == 1
    assert "does not follow what is stored" in caplog.text


def test_a_segment_that_follows_another_history_is_not_taken(ledger, audited, caplog):
    gateway = opened(ledger)
    gateway.flush()
    a_fork_of(gateway)
    gateway.writer._prev = "ab" * 32
    gateway.call()
    gateway.flush()
    ledger.sequence()

    assert audited().chains[gateway.id].next_seq == 1
    assert "signed to follow another record" in caplog.text


def test_what_fills_a_hole_must_follow_its_neighbours(ledger, audited, caplog):
    gateway = opened(ledger)
    gateway.flush()
    forged = a_fork_of(gateway)
    gateway.alive()
    gateway.lose()
    gateway.call()
    gateway.flush()
    ledger.advance(11 * MINUTE)
    ledger.sequence()
    ledger.deliver(forged)
    ledger.sequence()

    assert audited().chains[gateway.id].holes == {1}
    assert "does not follow what is stored" in caplog.text


def test_a_copy_under_another_name_is_noise(ledger, audited, caplog):
    """evidence-format section 8: the same signed records under another name."""
    gateway = opened(ledger)
    (segment,) = gateway.flush()
    stream = zlib.compressobj(9, wbits=31)
    data = stream.compress(unpack(segment.data)) + stream.flush()
    data = data[:8] + b"\x00" + data[9:]
    copy = EvidenceObject("evidence", "", segment_name(gateway.id, 0, sha256_hex(data)), data)
    assert copy.name != segment.name
    ledger.deliver([copy])
    ledger.sequence()

    audit = audited()
    assert audit.kinds().count("writer:opened") == 1
    assert "the same records as" in caplog.text


def test_noise_is_ignored_and_said_once(ledger, audited, caplog):
    gateway = opened(ledger)
    gateway.flush()
    store = ledger.stores.evidence
    sha256 = sha256_hex(b"noise")
    store.create({segment_name(gateway.id, 1, sha256): b"noise"})
    store.create({segment_name(gateway.id, 1, "00" * 32): b"not even its hash"})
    line = pack(b"{}\n")
    store.create({segment_name(gateway.id, 1, sha256_hex(line)): line})
    store.create({f"segment/{gateway.id}/zzz": b"", "segment/nobody": b"", "writer/nobody.json": b"", "x": b""})
    store.create({"writer/20261122T122557Z-00000000000000aa.json": b"{}"})
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            ledger.sequence()

    assert audited().kinds() == ["log:retention", "log:writer_admitted", "writer:opened"]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(set(said)) >= 4


def test_noise_is_read_once_however_much_there_is(ledger, monkeypatch):
    """Read again by each run, enough of it would leave no time for the log, for good."""
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequence()
    store = ledger.stores.evidence
    noise = {segment_name(gateway.id, 100 + n, sha256_hex(b"%d" % n)): b"%d" % n for n in range(20)}
    store.create(noise)
    asked = []
    read = store.read

    def counted(name):
        asked.append(name)
        return read(name)

    monkeypatch.setattr(store, "read", counted)
    for _ in range(3):
        ledger.advance(MINUTE)
        ledger.sequence()

    assert sorted(name for name in asked if name in noise) == sorted(noise)


def test_noise_takes_the_place_of_no_segment(ledger, audited, monkeypatch):
    """Only so many names of a chain are in memory; noise that sorts first must not be all of them, for good."""
    monkeypatch.setattr(chains, "MAX_WAITING", 10)
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequence()
    noise = {segment_name(gateway.id, 1, f"{n:016x}" + "0" * 48): b"noise" for n in range(25)}
    ledger.stores.evidence.create(noise)
    gateway.close()
    for _ in range(4):
        ledger.advance(MINUTE)
        ledger.sequence()

    assert audited().kinds()[-1] == "writer:closed"


def test_a_segment_that_is_gone_and_comes_back_is_taken_all_the_same(ledger, audited, monkeypatch):
    """A disk that is mounted again, an object that is restored: what is not there is no noise."""
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequence()
    gateway.close()
    read = ledger.stores.evidence.read
    with monkeypatch.context() as gone:
        gone.setattr(ledger.stores.evidence, "read", lambda name: None if "/000000000001-" in name else read(name))
        ledger.sequence()
    ledger.advance(MINUTE)
    ledger.sequence()

    assert audited().kinds()[-1] == "writer:closed"


def test_noise_in_a_stated_hole_is_ignored_and_the_log_goes_on(ledger, audited, caplog):
    """evidence-format section 8: an object under `segment/` that is no segment is noise, wherever its name sorts."""
    gateway, lost, _ = with_a_hole(ledger)
    ledger.stores.evidence.create({f"segment/{gateway.id}/000000000001-zzz": b"noise"})
    ledger.advance(11 * MINUTE)
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            ledger.sequence()
    ledger.deliver(lost)
    ledger.sequence()

    assert audited().chains[gateway.id].holes == set()
    assert caplog.text.count("000000000001-zzz is not taken into the log") == 1


def test_a_registration_that_no_store_reads_is_noise_and_the_log_goes_on(ledger, audited, caplog, monkeypatch):
    """A store reads no object that is longer than any of the format; whoever may register can store one for good."""
    noise = "writer/20261122T122557Z-00000000000000aa.json"
    ledger.stores.evidence.create({noise: b"{}"})
    read = ledger.stores.evidence.read

    def bounded(name):
        if name == noise:
            raise Malformed("an object is longer than 64 MiB", code="too_long")
        return read(name)

    monkeypatch.setattr(ledger.stores.evidence, "read", bounded)
    opened(ledger).flush()
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            ledger.sequence()

    assert audited().kinds() == ["log:retention", "log:writer_admitted", "writer:opened"]
    assert caplog.text.count(f"{noise} is not taken into the log") == 1


def test_a_registration_that_is_none_is_read_once(ledger, monkeypatch):
    """One of 64 MiB that is read again each minute, or a thousand of them, would leave no time for the log."""
    noise = "writer/20261122T122557Z-00000000000000aa.json"
    ledger.stores.evidence.create({noise: b"{}"})
    asked = []
    read = ledger.stores.evidence.read

    def counted(name):
        asked.append(name)
        return read(name)

    monkeypatch.setattr(ledger.stores.evidence, "read", counted)
    for _ in range(3):
        ledger.advance(MINUTE)
        ledger.sequence()

    assert asked.count(noise) == 1


def test_whoever_is_not_admitted_does_not_speak_in_the_log(ledger, audited, caplog):
    """evidence-format section 3: whoever can create objects cannot yet speak in the log."""
    ledger.roles.discard("cli")
    stranger = opened(ledger, "cli")
    stranger.close()
    ledger.sequence()

    assert audited().chains == {}
    assert stranger.id in caplog.text


def test_a_writer_of_another_log_is_not_admitted(ledger, audited, monkeypatch):
    monkeypatch.setattr("fakes.ledger.ORIGIN", "gateway.example.com/other")
    stranger = ledger.writer(register=False)
    stranger.open()
    objects = [stranger.registration, *stranger.seal()]
    ledger.stores.evidence.create({one.name: one.data for one in objects})
    ledger.sequence()

    assert audited().chains == {}


# Time


def test_the_time_of_a_commit_never_runs_backwards(ledger, audited):
    opened(ledger).flush()
    ledger.sequence()
    first = ledger.now
    ledger.now -= 3 * HOUR
    opened(ledger).flush()
    ledger.sequence()

    assert [commit["time"] for commit in audited().commits] == [format_time(first)] * 2


def test_a_record_is_at_most_a_minute_younger_than_its_commit(ledger, audited):
    """evidence-format section 4."""
    gateway = opened(ledger)
    gateway.flush()
    ledger.advance(5 * MINUTE)
    gateway.call()
    gateway.flush()
    made = ledger.now
    ledger.now = made - MINUTE - 1
    ledger.sequence()
    assert audited().kinds().count("call:requested") == 0

    ledger.now = made - MINUTE
    ledger.sequence()
    assert audited().kinds().count("call:requested") == 1


def test_a_changed_retention_is_stated_at_once_and_once(ledger, audited):
    ledger.sequence()
    ledger.retention["standard"] = 500
    ledger.sequencer = ledger.new_sequencer()
    for _ in range(2):
        ledger.sequence()
    ledger.sequencer = ledger.new_sequencer()
    ledger.sequence()

    assert [one["classes"]["standard"] for one in audited().said("log:retention")] == [400, 500]


# News, listings, bounds


def test_with_news_nothing_is_listed_for_a_minute(ledger, audited, monkeypatch):
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequencer.run(ledger.now, [])
    listed = []
    evidence = ledger.stores.evidence
    monkeypatch.setattr(type(evidence), "names", lambda _, *where: listed.append(where) or iter(()))
    for _ in range(10):
        ledger.advance()
        gateway.call()
        ledger.sequencer.run(ledger.now, [one.name for one in gateway.flush()])

    assert listed == []
    assert audited().kinds().count("call:requested") == 10


def test_what_no_news_told_is_found_within_a_minute(ledger, audited):
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequencer.run(ledger.now, [])
    gateway.call()
    gateway.flush()
    opened(ledger, "console").flush()
    ledger.advance(59 * SECOND)
    assert ledger.sequencer.run(ledger.now, []) == 0
    ledger.advance(SECOND)
    assert ledger.sequencer.run(ledger.now, []) > 0

    assert audited().kinds().count("writer:opened") == 2


def test_no_gap_is_stated_because_news_came_in_another_order(ledger, audited):
    """Somebody else stored what comes first, long ago as its records tell."""
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequencer.run(ledger.now, [])
    gateway.call()
    gateway.flush()
    gateway.call()
    second = gateway.flush()
    ledger.advance(50 * SECOND)
    ledger.advance(20 * MINUTE)
    ledger.sequencer._state.swept = ledger.now
    ledger.sequencer.run(ledger.now, [one.name for one in second])

    assert not audited().said("log:gap")
    assert audited().kinds().count("call:requested") == 2


def test_a_registration_without_records_is_not_looked_at_again_and_again(ledger, monkeypatch):
    ledger.writer()
    ledger.sequencer.run(ledger.now, [])
    ledger.advance(31 * MINUTE)
    ledger.sequencer.run(ledger.now, [])
    ledger.advance(30 * SECOND)
    listed = []
    monkeypatch.setattr(type(ledger.stores.evidence), "names", lambda _, *where: listed.append(where) or iter(()))
    ledger.sequencer.run(ledger.now, [])

    assert listed == []


def test_what_waits_and_how_long_is_known_after_a_restart_too(ledger):
    gateway = opened(ledger)
    gateway.flush()
    ledger.sequence()
    gateway.alive()
    alive_at = ledger.now
    ledger.sequencer = ledger.new_sequencer()
    ledger.advance(30 * MINUTE)
    ledger.sequence()
    assert ledger.sequencer.oldest_waiting is None

    gateway, _, after = with_a_hole(ledger)
    ledger.sequence()
    assert ledger.sequencer.oldest_waiting == after > alive_at


def test_what_waits_does_not_fill_the_memory(ledger, monkeypatch):
    monkeypatch.setattr(chains, "MAX_WAITING", 4)
    gateway = opened(ledger)
    gateway.flush()
    gateway.call()
    gateway.lose()
    for _ in range(6):
        gateway.call()
        gateway.flush()
    ledger.sequencer.run(ledger.now, [])
    for _ in range(6):
        gateway.call()
        ledger.sequencer.run(ledger.now, [one.name for one in gateway.flush()])

    (chain,) = ledger.sequencer._state.known.in_order()
    assert 0 < len(chain.waiting) <= 4


def test_commits_are_bounded_and_the_rest_follows_at_once(ledger, audited, monkeypatch):
    monkeypatch.setattr(batch, "MAX_LEAVES", 20)
    gateway, other = opened(ledger), opened(ledger)
    for writer in (gateway, other):
        for _ in range(30):
            writer.call()
            writer.flush()
    ledger.sequence()

    audit = audited()
    assert audit.kinds().count("call:requested") == 60
    assert max(commit["size"] - commit["start"] for commit in audit.commits) <= 20 + 4
    assert len(audit.commits) > 5


def test_a_segment_larger_than_a_commit_should_be_is_taken_alone(ledger, audited, monkeypatch):
    monkeypatch.setattr(batch, "MAX_LEAVES", 3)
    monkeypatch.setattr(batch, "MAX_BYTES", 100)
    gateway = opened(ledger)
    gateway.introduce()
    gateway.flush()
    gateway.call()
    gateway.flush()
    ledger.sequence()

    assert [len(commit["segments"]) for commit in audited().commits] == [1, 1]


def test_a_long_backlog_is_listed_in_parts(ledger, audited, monkeypatch):
    monkeypatch.setattr(chains, "MAX_WAITING", 4)
    gateway = opened(ledger)
    for _ in range(30):
        gateway.call()
        gateway.flush()
    gateway.close()
    ledger.sequence()

    assert audited().chains[gateway.id].closed
    assert audited().kinds().count("call:requested") == 30


def test_a_dead_writers_long_backlog_is_late_from_its_first_segment(ledger, audited, monkeypatch):
    """Its newest record decides whether it is lost, however much stands before it."""
    monkeypatch.setattr(chains, "MAX_WAITING", 4)
    dead = opened(ledger)
    for _ in range(12):
        dead.call()
        dead.flush()
    ledger.advance(HOUR)
    ledger.sequence()

    audit = audited()
    assert [one["about"] for one in audit.said("log:writer_lost")] == [dead.id]
    assert len(audit.said("log:late")) == 12
    assert len(audit.commits) == 3


def test_after_a_pause_a_commit_is_as_long_as_it_takes_to_show_that_a_writer_lives(ledger, audited, monkeypatch):
    """Otherwise its reader must believe that the log forgot a log:writer_lost."""
    monkeypatch.setattr(batch, "MAX_LEAVES", 10)
    living, other = opened(ledger), opened(ledger)
    for writer in (living, other):
        writer.flush()
    ledger.sequence()
    for _ in range(60):
        ledger.advance(MINUTE)
        for writer in (living, other):
            writer.call()
            writer.flush()
    ledger.sequence()

    audit = audited()
    assert not audit.said("log:writer_lost")
    assert len(audit.commits) > 2


def test_after_a_restart_far_back_holes_and_losses_are_still_known(ledger, audited, caplog):
    ledger.walk = 3
    gateway, lost, _ = with_a_hole(ledger)
    dead = opened(ledger)
    dead.flush()
    ledger.advance(11 * MINUTE)
    ledger.sequence()
    console = opened(ledger, "console")
    for _ in range(30):
        ledger.advance(2 * MINUTE)
        for writer in (gateway, console):
            writer.call()
            writer.flush()
        ledger.sequence()
    dead.call()
    late = dead.flush()
    ledger.deliver(lost)
    ledger.sequencer = ledger.new_sequencer()
    newcomer = opened(ledger)
    newcomer.flush()
    ledger.sequencer.run(ledger.now)
    ledger.sequencer.run(ledger.now, [one.name for one in lost])
    assert newcomer.id in audited().chains, "a new writer does not wait until all was read"
    for _ in range(20):
        ledger.advance(10 * SECOND)
        ledger.sequencer.run(ledger.now, [])

    audit = audited()
    assert late
    assert "is not taken" not in caplog.text
    assert audit.chains[gateway.id].holes == set()
    assert audit.chains[dead.id].next_seq == 3
