"""Sequencers that are killed, and that run side by side, as processes over a strict Cloud Storage.

evidence-format section 7: creating the commit is the one decision; everything else follows from the commits.
"""

from __future__ import annotations

import itertools
import os
import signal
from itertools import count

import pytest

from affidavit.clock import MINUTE, SECOND
from fakes.auditor import audit
from fakes.forked_sequencer import BODIES, EVIDENCE, LOG, Forks
from fakes.ledger import Ledger
from fakes.storage_server import StorageServer

YEAR_S = 365 * 24 * 3600
WRITES = ("insert", "delete")


class Deadly(StorageServer):
    """A server that kills whoever makes the n-th write, before or after it is done. Its clock leaps: nobody waits."""

    def __init__(self) -> None:
        leaps = itertools.count(1_795_350_000, 2)
        super().__init__(now=lambda: float(next(leaps)))
        self.writes = 0
        self.victim: int | None = None
        self.at, self.done = 0, False

    def kill_at(self, number: int, victim: int, *, done: bool) -> None:
        self.writes, self.at, self.victim, self.done = 0, number, victim, done

    def answer(self, request):
        if self.api.operation(request).name not in WRITES or self.victim is None:
            return super().answer(request)
        self.writes += 1
        if self.writes != self.at:
            return super().answer(request)
        if self.done:
            super().answer(request)
        os.kill(self.victim, signal.SIGKILL)
        self.victim = None
        return None, 0.0

    def fill(self, objects: dict[str, dict[str, bytes]]) -> None:
        """Make the buckets anew, with these objects."""
        self.buckets._buckets.clear()
        for bucket, named in objects.items():
            retention = {} if bucket == LOG else {"retentionPolicy": {"retentionPeriod": str(YEAR_S)}}
            self.buckets.make({"name": bucket, **retention})
            for name, data in named.items():
                self.put(bucket, name, data)

    def put(self, bucket: str, name: str, data: bytes) -> None:
        self.buckets.insert(
            bucket, name, data, content_type="x", preconditions={"ifGenerationMatch": 0}, checksums={}, metadata=None
        )

    def read(self, bucket: str) -> dict[str, bytes]:
        return {name: one.data for name, one in self.buckets[bucket].objects.items()}

    def audit(self, vkey: str):
        bodies = {f"{name}/{path}": data for name in BODIES for path, data in self.read(BODIES[name]).items()}
        return audit(self.read(EVIDENCE), self.read(LOG), bodies, vkey)


@pytest.fixture(scope="module")
def server():
    with Deadly() as server:
        yield server


@pytest.fixture(scope="module")
def forks():
    with Forks() as forks:
        yield forks


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """Everything to do at once: a first commit is there, a hole, a loss, a full tile."""
    ledger = Ledger(tmp_path_factory.mktemp("ledger"))
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
    return ledger


def objects(ledger) -> dict[str, dict[str, bytes]]:
    def read(folder):
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
        }

    root = ledger.root
    bodies = {bucket: read(root / "bodies" / name) for name, bucket in BODIES.items()}
    return {EVIDENCE: read(root / "evidence"), LOG: read(root / "log"), **bodies}


def run(forks, server, ledger) -> int:
    child = forks.sequencer(server.url, ledger.root, ledger.now)
    child.go()
    return child.wait()


@pytest.mark.parametrize("done", [False, True])
def test_killed_before_and_after_each_write_it_leaves_nothing_to_mend(server, forks, ledger, done):
    stored = objects(ledger)
    server.fill(stored)
    assert run(forks, server, ledger) == 0
    expected = server.audit(ledger.vkey)
    for number in count(1):
        server.fill(stored)
        child = forks.sequencer(server.url, ledger.root, ledger.now)
        server.kill_at(number, child.pid, done=done)
        child.go()
        status = child.wait()
        server.victim = None
        if status == 0:
            break
        assert status == -signal.SIGKILL
        assert run(forks, server, ledger) == 0

        found = server.audit(ledger.vkey)
        assert found.ids() == expected.ids()
        assert (len(found.said("log:gap")), len(found.said("log:writer_lost"))) == (1, 1)
    assert number > 8


def test_two_at_once_agree_while_more_comes(server, ledger, tmp_path):
    """google-cloud "Cloud Run": Scheduler calls at least once, and an instance may still be at it."""
    busy = Ledger(tmp_path / "busy")
    gateways = [busy.gateway() for _ in range(2)]
    for gateway in gateways:
        gateway.flush()
    with Forks() as first, Forks() as second:
        server.fill(objects(busy))
        for _ in range(6):
            children = [forks.sequencer(server.url, busy.root, busy.now) for forks in (first, second)]
            for child in children:
                child.go()
            for gateway in gateways:
                gateway.call()
                for one in gateway.flush():
                    server.put(EVIDENCE if one.bucket == "evidence" else BODIES["standard"], one.name, one.data)
            assert [child.wait() for child in children] == [0, 0]
            busy.advance(SECOND)
        assert run(first, server, busy) == 0

    found = server.audit(busy.vkey)
    assert found.kinds().count("call:answered") == 12
    assert len(found.commits) > 2
