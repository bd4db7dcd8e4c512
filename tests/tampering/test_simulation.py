"""A busy hour, verified after every single write that the real sequencer and the real intake make.

Source: evidence-format section 9, judged as of the simulated now; the requirements, "honest states never fail".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.notes import parse_keys
from affidavit.audit.verify.report import HOLDS, Report
from affidavit.audit.verify.request import Request
from affidavit.audit.verify.verification import verify
from affidavit.clock import MINUTE, SECOND
from fakes.ledger import FakeDisk, Ledger
from tampering.runs import SEED, explain, notes


class WatchedDisk(FakeDisk):
    """Tells somebody after everything that becomes visible under a name."""

    watcher: Callable[[str], object] = staticmethod(len)

    def link(self, path: str, name: str) -> None:
        super().link(path, name)
        self.watcher(name)

    def replace(self, path: str, name: str) -> None:
        super().replace(path, name)
        self.watcher(name)

    def unlink(self, path: str) -> None:
        super().unlink(path)
        if "/tile/" in path:
            self.watcher(path)


@dataclass
class Auditor:
    """Verifies after each write, as of the moment of that write."""

    ledger: Ledger
    looked: int = 0

    def look(self, name: str = "") -> None:
        if not any(bucket in name for bucket in ("/evidence/", "/bodies/", "/log/")):
            return
        report = self.verify()
        self.looked += 1
        assert report.status == HOLDS, f"after {name}: {explain(report)}"

    def verify(self) -> Report:
        root: Path = self.ledger.root
        buckets = Buckets.of(f"{root}/evidence", [f"{root}/bodies"], {}, f"{root}/log")
        now = self.ledger.now
        return verify(Request(buckets=buckets, keys=parse_keys([self.ledger.vkey]), now=now, as_of=now, seed=SEED))


@pytest.fixture
def ledger(tmp_path):
    disk = WatchedDisk()
    ledger = Ledger(tmp_path, disk=disk)
    ledger.auditor = Auditor(ledger)
    disk.watcher = ledger.auditor.look
    return ledger


def pass_time(ledger: Ledger, minutes: int, *living) -> None:
    """Let minutes go by, in which the living say that they are, and the sequencer runs."""
    for _ in range(minutes):
        ledger.advance(MINUTE)
        for writer in living:
            writer.alive()
            writer.flush()
        ledger.sequence()


def test_a_busy_hour_holds_after_every_single_write(ledger):
    """Several writers, an outage, a crash, a hole that is filled late, streams, withheld answers, a pause."""
    first, second, console = ledger.gateway(), ledger.gateway(), ledger.writer("console")
    console.open()
    ways = ("answered", "streamed", "refused", "forsaken", "failed", "withheld")
    for number, how in enumerate(ways):  # minutes 0 to 6
        (first, second)[number % 2].call(how, retention_class=("standard", "payroll")[number % 2])
        pass_time(ledger, 1, first, second, console)
    open_call = second.call("open")
    missing = second.lose()  # an outage: what was sealed does not arrive, what follows does
    second.call("answered")
    pass_time(ledger, 12, first, second, console)  # to minute 18: the hole is stated after ten
    assert any("log:gap" in note or "waits to be filled" in note for note in notes(ledger.auditor.verify(), "gaps"))
    ledger.deliver(missing)
    ledger.sequence()
    assert notes(ledger.auditor.verify(), "gaps") == []

    for _ in range(8):  # to minute 26: the sequencer does not run, and what waits grows
        ledger.advance(MINUTE)
        for writer in (first, second, console):
            writer.call("streamed", events=1) if writer is not console else writer.alive()
            writer.flush()
    ledger.sequencer = ledger.new_sequencer()
    ledger.sequence()

    second.call("open")
    second.flush()  # and there it crashes: no end of its calls, no writer:closed
    ledger.sequence()
    pass_time(ledger, 32, first, console)  # to minute 58: it is stated lost after thirty
    interrupted = notes(ledger.auditor.verify(), "calls")
    assert interrupted
    assert "2 interrupted" in interrupted[0], open_call

    second.alive()  # somebody finds its journal after all
    second.flush()
    ledger.sequence()
    for writer in (console, first):
        writer.close()
        ledger.sequence()
    pass_time(ledger, 2)

    assert ledger.auditor.looked > 250


class Crash(BaseException):
    """The sequencer's process is killed."""


@pytest.mark.parametrize("write", range(6))
def test_a_sequencer_that_dies_after_any_of_its_writes_leaves_what_holds_and_so_does_its_successor(ledger, write):
    gateway = ledger.gateway()
    gateway.flush()
    ledger.sequence()
    gateway.call("streamed")
    gateway.flush()
    writes = iter(range(100))

    def crash(name: str) -> None:
        ledger.auditor.look(name)
        if next(writes) == write:
            raise Crash

    ledger.folder.disk.watcher = crash
    try:
        ledger.sequence()
    except Crash:
        pass
    else:
        assert write > 4, "there are at least five writes: commit, tile, entries, checkpoint, head"
    ledger.folder.disk.watcher = ledger.auditor.look
    ledger.advance(9 * MINUTE)
    assert ledger.auditor.verify().status == HOLDS
    ledger.sequencer = ledger.new_sequencer()
    gateway.close()
    ledger.sequence()

    report = ledger.auditor.verify()
    assert report.status == HOLDS
    assert notes(report, "commits") == []


def test_two_sequencers_that_race_hold_after_every_single_write(ledger):
    other = ledger.new_sequencer()
    gateway = ledger.gateway()
    gateway.every = 2
    for number in range(12):
        gateway.call("answered")
        gateway.flush()
        ledger.advance(20 * SECOND)
        (ledger.sequencer, other)[number % 2].run(ledger.now)
    gateway.close()
    other.run(ledger.now)

    assert ledger.auditor.verify().status == HOLDS
    assert ledger.auditor.looked > 50


@pytest.mark.parametrize("small", [10_000, 0], ids=["in one process", "in three"])
def test_a_log_that_grows_while_it_is_read_holds(tmp_path, small):
    """An auditor looks at a gateway that runs: commits, tiles, writers and segments appear at any moment."""
    ledger = Ledger(tmp_path)
    gateway = ledger.gateway()
    gateway.every = 3
    gateway.call("streamed")
    gateway.flush()
    ledger.sequence()
    steps = 0

    def grow(*_: int) -> None:
        nonlocal steps
        steps += 1
        if steps > 12:
            return
        newcomer = ledger.gateway() if steps % 3 == 0 else gateway
        for _ in range(30):
            newcomer.call("answered")
        newcomer.flush()
        ledger.advance(SECOND)
        ledger.sequence()
        newcomer.call("answered")
        newcomer.flush()  # stored, and not in the log

    def grow_at_last(done: int, total: int) -> None:
        if done >= total:
            grow()

    for progress in (grow, grow_at_last):
        steps = 0
        buckets = Buckets.of(f"{tmp_path}/evidence", [f"{tmp_path}/bodies"], {}, f"{tmp_path}/log")
        request = Request(
            buckets=buckets,
            keys=parse_keys([ledger.vkey]),
            now=ledger.now,
            as_of=ledger.now,
            seed=SEED,
            small=small,
            progress=progress,
        )
        report = verify(request)
        assert report.status == HOLDS, explain(report)
        assert steps > 0
