"""A sequencer that stops anywhere, fails anywhere, or is not alone: afterwards everything is as if it never happened.

evidence-format section 7: creating the commit is the one decision; everything else follows from the commits.
"""

from __future__ import annotations

import contextlib
import tempfile
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from affidavit.clock import MINUTE, SECOND
from affidavit.errors import OutcomeUnknown, Unavailable
from affidavit.evidence.ports import EvidenceStore
from fakes.auditor import Audit, audit, audit_folder
from fakes.disks import FaultyDisk
from fakes.ledger import Ledger, records
from fakes.stores import Faults, MemoryHead, Stopped, memory_stores


def memory_ledger(root) -> tuple[Ledger, Faults]:
    faults = Faults()
    return Ledger(root, stores=memory_stores(faults), heads=MemoryHead(faults)), faults


def audit_memory(ledger) -> Audit:
    bodies = {
        f"{name}/{path}": data
        for name in ("standard", "payroll")
        for path, data in ledger.stores.bodies(name).objects.items()
    }
    heads = ledger.heads
    log = {**heads.tiles, **({"checkpoint": heads.checkpoint} if heads.checkpoint is not None else {})}
    return audit(ledger.stores.evidence.objects, log, bodies, ledger.vkey)


def prepare(ledger) -> None:
    """Give the sequencer everything to do at once: a first commit, a hole, a loss, a full tile."""
    dead, gateway = ledger.gateway(), ledger.gateway()
    for writer in (dead, gateway):
        writer.flush()
    ledger.sequence()
    gateway.call()
    gateway.lose()
    for _ in range(130):
        gateway.call()
    gateway.flush()
    for _ in range(7):
        ledger.advance(5 * MINUTE)
        gateway.alive()
    gateway.flush()
    console = ledger.writer("console")
    console.open()
    console.flush()


def as_if_never_stopped(root) -> set[str]:
    ledger = Ledger(root)
    prepare(ledger)
    ledger.sequence()
    return audit_folder(root).ids()


def stops(ledger) -> bool:
    """Sequence, and tell whether the process ended on the way."""
    try:
        ledger.sequence()
    except Stopped:
        return True
    return False


@pytest.mark.parametrize("done", [False, True])
def test_stopped_before_and_after_each_write_of_the_ports(tmp_path, done):
    expected = as_if_never_stopped(tmp_path / "expected")
    for number in count(1):
        ledger, faults = memory_ledger(tmp_path / str(number))
        prepare(ledger)
        faults.stop_at(number, done=done)
        if not stops(ledger):
            break
        faults.clear()
        ledger.sequencer = ledger.new_sequencer()
        ledger.sequence()

        found = audit_memory(ledger)
        assert found.ids() == expected
        assert (len(found.said("log:gap")), len(found.said("log:writer_lost"))) == (1, 1)
        assert ledger.sequence() == 0
    assert number > 4


@pytest.mark.parametrize("done", [False, True])
def test_stopped_before_and_after_each_call_of_the_disk(tmp_path, done):
    expected = as_if_never_stopped(tmp_path / "expected")
    for number in count(1):
        disk = FaultyDisk()
        ledger = Ledger(tmp_path / str(number), disk=disk)
        prepare(ledger)
        disk.stop_at(number, done=done)
        if not stops(ledger):
            break
        disk.mend()
        ledger.sequencer = ledger.new_sequencer()
        ledger.sequence()

        found = audit_folder(ledger.root)
        assert found.ids() == expected
        assert (len(found.said("log:gap")), len(found.said("log:writer_lost"))) == (1, 1)
    assert number > 20


@pytest.mark.parametrize("persisted", [False, True])
def test_each_write_that_fails_once_is_made_up_for_by_the_next_run(tmp_path, persisted):
    expected = as_if_never_stopped(tmp_path / "expected")
    for number in count(1):
        ledger, faults = memory_ledger(tmp_path / str(number))
        prepare(ledger)
        faults.fail_at(number, persisted=persisted)
        try:
            ledger.sequence()
            break
        except (Unavailable, OutcomeUnknown):
            faults.clear()
        ledger.sequence()

        found = audit_memory(ledger)
        assert found.ids() == expected
        assert (len(found.said("log:gap")), len(found.said("log:writer_lost"))) == (1, 1)
    assert number > 4


def test_while_writes_fail_for_long_nothing_is_lost_and_nothing_is_decided_twice(tmp_path):
    ledger, faults = memory_ledger(tmp_path)
    prepare(ledger)
    for turn in range(12):
        faults.fail(1, persisted=turn % 2 == 1)
        with contextlib.suppress(Unavailable, OutcomeUnknown):
            ledger.sequence()
    faults.clear()
    ledger.sequence()

    assert ledger.sequence() == 0
    audit_memory(ledger)


class Racing:
    """A store in which somebody else acts just before a write of this one."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store
        self.before_create = lambda: None

    def create(self, objects):
        act, self.before_create = self.before_create, lambda: None
        act()
        return self._store.create(objects)

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.mark.parametrize("writes_before", [0, 1])
def test_whoever_loses_a_race_goes_on_from_the_winners_commit(tmp_path, writes_before):
    """evidence-format section 7: losing that race means: read the winner's, start again."""
    ledger, _ = memory_ledger(tmp_path)
    racing = Racing(ledger.stores.evidence)
    first = ledger.new_sequencer()
    second = ledger.new_sequencer()
    first._parts = type(first._parts)(
        **{name: getattr(first._parts, name) for name in first._parts.__slots__} | {"store": racing}
    )
    gateway = ledger.gateway()
    gateway.flush()
    if writes_before:
        first.run(ledger.now)
        gateway.call()
        gateway.flush()

    def other_wins():
        gateway.call()
        gateway.flush()
        assert second.run(ledger.now) > 0

    racing.before_create = other_wins
    first.run(ledger.now)

    found = audit_memory(ledger)
    assert found.kinds().count("call:requested") == 1 + writes_before
    assert first.run(ledger.now) == second.run(ledger.now) == 0


def test_two_that_take_turns_agree(tmp_path):
    ledger, _ = memory_ledger(tmp_path)
    both = [ledger.new_sequencer(), ledger.new_sequencer()]
    gateway, other = ledger.gateway(), ledger.gateway()
    for turn in range(40):
        for writer in (gateway, other)[: 1 + turn % 2]:
            writer.call()
            news = [one.name for one in writer.flush()]
        ledger.advance(SECOND)
        both[turn % 2].run(ledger.now, news)
    for sequencer in both:
        sequencer.run(ledger.now)

    found = audit_memory(ledger)
    assert found.kinds().count("call:answered") == 60
    assert len(found.commits) > 10


def published(ledger):
    sent = [one for writer in ledger.writers for one in writer.published]
    return {f"{one['writer']}/{one['seq']}" for one in records(sent)}


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: the log is right at every moment, and in the end it holds everything."""

    ledger: Ledger
    faults: Faults

    @initialize()
    def begin(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.ledger, self.faults = memory_ledger(Path(self.scratch.name))
        self.others = [self.ledger.new_sequencer()]
        self.held = []
        self.closed = set()
        self.writers = []
        self.latest = self.ledger.now

    def teardown(self):
        if not hasattr(self, "ledger"):
            return
        self.faults.clear()
        self.deliver_all()
        self.ledger.now = max(self.latest, self.ledger.now) + 20 * MINUTE
        sequencer = self.ledger.new_sequencer()
        for _ in range(3):
            sequencer.run(self.ledger.now)
        found = audit_memory(self.ledger)
        assert found.ids() == published(self.ledger)
        assert all(not chain.holes for chain in found.chains.values())
        self.scratch.cleanup()

    def living(self):
        return [writer for writer in self.writers if writer.id not in self.closed]

    @rule()
    def start(self):
        if len(self.living()) < 3:
            writer = self.ledger.writer()
            writer.open()
            writer.flush()
            self.writers.append(writer)

    @precondition(lambda self: self.living())
    @rule(which=st.integers(0, 9), kind=st.sampled_from(["answered", "streamed", "alive", "close"]), lose=st.booleans())
    def speak(self, which, kind, lose):
        writer = self.living()[which % len(self.living())]
        if kind == "alive":
            writer.alive()
        elif kind == "close":
            writer.say("writer:closed")
            self.closed.add(writer.id)
        else:
            writer.call(kind)
        objects = writer.seal()
        if lose:
            self.held.append(objects)
        else:
            self.ledger.deliver(objects)

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 9), part=st.booleans())
    def deliver_late(self, which, part):
        objects = self.held.pop(which % len(self.held))
        if part and len(objects) > 1:  # bodies and segments arrive in any order
            self.held.append(objects[:-1])
            objects = objects[-1:]
        self.ledger.deliver(objects)

    @rule(which=st.integers(0, 9))
    def deliver_twice(self, which):
        if self.writers:
            self.ledger.deliver(self.writers[which % len(self.writers)].published[:1])

    def deliver_all(self):
        while self.held:
            self.ledger.deliver(self.held.pop())

    @rule(micros=st.sampled_from([SECOND, MINUTE, 6 * MINUTE, 11 * MINUTE, 31 * MINUTE]))
    def wait(self, micros):
        self.ledger.advance(micros)

    @rule(micros=st.sampled_from([SECOND, 5 * MINUTE]))
    def clock_runs_back(self, micros):
        self.latest = max(self.latest, self.ledger.now)
        self.ledger.advance(-micros)

    @rule(which=st.integers(0, 3))
    def sequence(self, which):
        sequencers = [self.ledger.sequencer, *self.others]
        sequencers[which % len(sequencers)].run(self.ledger.now)

    @rule(number=st.integers(1, 6), done=st.booleans())
    def sequence_and_stop(self, number, done):
        self.faults.stop_at(number, done=done)
        with contextlib.suppress(Stopped):
            self.ledger.sequence()
        self.faults.clear()
        self.ledger.sequencer = self.ledger.new_sequencer()

    @rule(number=st.integers(1, 6), persisted=st.booleans())
    def sequence_and_fail(self, number, persisted):
        self.faults.fail_at(number, persisted=persisted)
        with contextlib.suppress(Unavailable, OutcomeUnknown):
            self.ledger.sequence()
        self.faults.clear()

    @invariant()
    def what_is_published_is_right(self):
        if hasattr(self, "ledger") and self.ledger.heads.checkpoint is not None:
            with contextlib.suppress(Unpublished):
                audit_memory(_only_published(self.ledger))


class Unpublished(Exception):
    """A run was stopped, and none has followed: the newest commit waits for its checkpoint."""


def _only_published(ledger):
    commits = [name for name in ledger.stores.evidence.objects if name.startswith("commit/")]
    kept = [name for name in ledger.stores.evidence.objects if name.startswith("checkpoint/")]
    if len(commits) != len(kept) or ledger.heads.checkpoint != ledger.stores.evidence.objects[max(kept)]:
        raise Unpublished
    return ledger


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
