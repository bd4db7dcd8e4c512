"""The embedded worker: from the journal into the log, whatever happens to it on the way."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from affidavit.clock import MINUTE, SECOND, system_clock
from affidavit.errors import Misconfigured
from affidavit.serve.worker import Worker
from affidavit.wiring.data_folder import DataFolder
from affidavit.wiring.worker import LogSettings, open_worker
from fakes.auditor import audit_folder
from fakes.disks import FaultyDisk, KillingDisk
from fakes.ledger import ORIGIN, RETENTION, FakeDisk, Ledger, Randomness, records

SETTINGS = LogSettings(origin=ORIGIN, retention=RETENTION, roles=frozenset({"gateway", "console"}))
AS_TEXT = SETTINGS.encode()
DEADLINE = 20  # seconds; a bound, not a measure


class Journalled(Ledger):
    """A ledger whose writers publish into the journal; what becomes of it is the worker's."""

    def __init__(self, root):
        super().__init__(root)
        self.buses = {}

    def deliver(self, objects):
        if objects:
            self.bus_of(objects[0].name).publish(objects)

    def bus_of(self, name):
        writer = next(writer for writer in self.writers if writer.id in name)
        if writer.id not in self.buses:
            self.buses[writer.id] = self.folder.bus(writer.id, self.clock, file_bytes=16 * 1024)
        return self.buses[writer.id]

    def let_go(self):
        for bus in self.buses.values():
            bus.close()
        self.buses = {}

    def worker(self, disk=None, report=dict):
        parts = open_worker(self.root, SETTINGS, random=Randomness("worker"), disk=disk or FakeDisk())
        return Worker(parts, self.clock, report)

    def journal_files(self):
        return [path.name for path in (self.root / "journal").iterdir()]

    def published_ids(self):
        sent = [one for writer in self.writers for one in writer.published]
        return {f"{one['writer']}/{one['seq']}" for one in records(sent)}


@pytest.fixture
def house(tmp_path):
    house = Journalled(tmp_path / "data")
    yield house
    house.let_go()


def a_life(house, calls=3):
    gateway = house.gateway()
    for _ in range(calls):
        gateway.call()
        gateway.flush()
    gateway.close()


def test_what_is_in_the_journal_gets_its_place_in_the_log(house):
    a_life(house)
    house.let_go()
    house.worker().step()

    assert audit_folder(house.root).ids() == house.published_ids()
    assert house.journal_files() == []


def test_a_journal_of_a_living_gateway_stays_until_it_is_let_go(house):
    a_life(house)
    worker = house.worker()
    worker.step()
    assert len(house.journal_files()) == 1

    house.let_go()
    worker.step()
    assert house.journal_files() == []


def test_who_stops_says_whether_anything_is_left_to_commit(house):
    """the requirements: `writer:closed` written and committed; exit status 0 says so."""
    stop = threading.Event()
    stop.set()
    a_life(house)
    worker = house.worker()
    house.advance(-10 * MINUTE)  # a clock that was set back: what is of the future waits
    assert worker.run(stop) is False

    house.advance(20 * MINUTE)
    assert worker.run(stop) is True


def test_each_step_tells_how_far_it_is(house):
    told = []
    worker = house.worker(report=told.append)
    a_life(house)
    stop = threading.Event()
    stop.set()
    worker.run(stop)

    assert told[-1] == {"error": None, "size": audit_folder(house.root).commits[-1]["size"], "uncommitted_us": 0}


def test_what_waits_shows_its_age(house):
    told = []
    worker = house.worker(report=told.append)
    gateway = house.gateway()
    gateway.flush()
    worker._try()
    gateway.alive()
    gateway.flush()
    house.advance(2 * MINUTE)
    worker._try()

    assert 2 * MINUTE <= told[-1]["uncommitted_us"] <= 2 * MINUTE + SECOND


def test_garbage_in_the_journal_is_put_aside_and_nothing_stops(house):
    (house.root / "journal" / "someone-000001.journal").write_bytes(b"garbage")
    a_life(house)
    house.worker().step()

    assert audit_folder(house.root).ids() == house.published_ids()
    assert [path.read_bytes() for path in (house.root / "quarantine").rglob("*") if path.is_file()] == [b"garbage"]


def test_a_segment_without_registration_is_put_aside_and_nothing_stops(house):
    stranger = house.writer(register=False)
    stranger.open()
    stranger.flush()
    a_life(house)
    house.worker().step()

    found = audit_folder(house.root)
    assert stranger.id not in found.chains
    assert len(found.chains) == 1
    assert stranger.id in str(next(path for path in (house.root / "quarantine").rglob("*") if path.is_file()))


def test_while_the_disk_is_full_nothing_is_lost_and_the_mend_is_said(house, caplog):
    a_life(house)
    disk = FaultyDisk()
    told = []
    worker = house.worker(disk, told.append)
    disk.break_all("write_new", "link")
    for _ in range(3):
        assert worker._try() == (False, True)
    assert "free some space" in told[-1]["error"]
    assert caplog.text.count("free some space") == 1

    disk.mend()
    assert worker._try() == (False, False)
    assert told[-1]["error"] is None
    assert audit_folder(house.root).ids() == house.published_ids()


def test_a_log_that_contradicts_itself_keeps_nobody_from_storing(house):
    """Evidence is taken in all the same; only the log stands still, loudly."""
    a_life(house)
    worker = house.worker()
    worker.step()
    checkpoint = next((house.root / "evidence/checkpoint").iterdir())
    checkpoint.unlink()
    checkpoint.write_bytes(b"x")
    worker = house.worker()
    a_life(house)

    assert worker._try()[1]
    assert worker.error
    assert len(list((house.root / "evidence/writer").iterdir())) == 2


def in_a_process(act):
    """Run in a child and return its exit status, negative for a signal."""
    child = multiprocessing.get_context("fork").Process(target=act)
    child.start()
    child.join(DEADLINE)
    assert child.exitcode is not None
    return child.exitcode


@pytest.mark.parametrize("done", [False, True])
def test_killed_at_each_step_between_its_writes_and_started_again(tmp_path, done):
    """`kill -9` before and after every single call that it makes to the disk, from the journal to the head."""
    number, exitcode = 0, -signal.SIGKILL
    while exitcode == -signal.SIGKILL:
        number += 1
        house = Journalled(tmp_path / str(number))
        gateway = house.gateway()
        gateway.call("streamed")
        gateway.flush()
        house.worker().step()
        for _ in range(120):
            gateway.call()
        gateway.close()
        house.let_go()

        def killed(house=house, number=number):
            house.worker(KillingDisk(number, done=done)).step()

        exitcode = in_a_process(killed)
        house.worker().step()

        found = audit_folder(house.root)
        assert found.ids() == house.published_ids()
        assert house.journal_files() == []
    assert exitcode == 0
    assert number > 25


def test_killed_at_random_moments_of_a_busy_life(house):
    """The journal holds everything meanwhile; nothing is taken twice, nothing is lost."""
    gateways = [house.gateway(), house.gateway()]
    for number in (3, 17, 8, 29, 11, 40, 5, 23):
        for gateway in gateways:
            gateway.call()
            gateway.flush()

        def killed(number=number):
            house.worker(KillingDisk(number, done=number % 2 == 0)).step()

        in_a_process(killed)
        house.advance(MINUTE)
    for gateway in gateways:
        gateway.close()
    house.let_go()
    house.worker().step()

    assert audit_folder(house.root).ids() == house.published_ids()
    assert house.journal_files() == []


def test_two_workers_at_once_do_each_other_no_harm(house):
    a_life(house, calls=1)

    def work(worker):
        for _ in range(60):
            worker._try()
            time.sleep(0.001)

    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(house.worker(),)) for _ in range(2)]
    for child in children:
        child.start()
    gateway = house.gateway()
    for _ in range(200):
        gateway.call()
        gateway.flush()
    for child in children:
        child.join(DEADLINE)
    gateway.close()
    house.let_go()
    house.worker().step()

    found = audit_folder(house.root)
    assert found.ids() == house.published_ids()
    assert house.journal_files() == []
    assert not found.said("log:gap")


# The process


def command(root, log=AS_TEXT):
    return [sys.executable, "-m", "affidavit.serve.worker", "--data", str(root), "--log", log]


@contextlib.contextmanager
def started(root, *more):
    """The worker as the gateway starts it: a pipe on its standard input."""
    process = subprocess.Popen(
        [*command(root), *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def says(process):
    """Return the next line of its report."""
    ready, _, _ = select.select([process.stdout], [], [], DEADLINE)
    assert ready, "the worker says nothing"
    return json.loads(process.stdout.readline())


class Now(Journalled):
    def clock(self):
        return system_clock()


@pytest.fixture
def live(tmp_path):
    house = Now(tmp_path / "data")
    yield house
    house.let_go()


@pytest.mark.parametrize("how", ["end of input", "SIGTERM"])
def test_told_to_stop_it_first_does_what_is_left(live, how):
    with started(live.root, "--report") as process:
        says(process)
        a_life(live, calls=20)
        live.let_go()
        process.stdin.close() if how == "end of input" else process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0

    found = audit_folder(live.root)
    assert found.ids() == live.published_ids()
    assert all(chain.closed for chain in found.chains.values())
    assert live.journal_files() == []


def test_an_interrupt_from_the_terminal_does_not_stop_it(live):
    with started(live.root, "--report") as process:
        says(process)
        process.send_signal(signal.SIGINT)
        says(process)
        process.stdin.close()
        assert process.wait(DEADLINE) == 0


def test_when_the_gateway_is_killed_its_worker_finishes_and_ends(live, tmp_path):
    """`kill -9` of whoever holds the pipe closes it."""
    code = (
        "import subprocess, time\n"
        f"worker = subprocess.Popen({command(live.root)!r}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    gateway = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    pid = int(gateway.stdout.readline())
    a_life(live)
    live.let_go()
    gateway.kill()
    gateway.wait()
    deadline = time.monotonic() + DEADLINE
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    gateway.stdout.close()

    assert not _lives(pid)
    assert audit_folder(live.root).ids() == live.published_ids()


def _lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_gives_way_to_the_data_path(live):
    with started(live.root, "--report") as process:
        says(process)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) > os.getpriority(os.PRIO_PROCESS, 0)


def test_a_wrong_setting_ends_it_with_status_2_and_one_line(tmp_path):
    wrong = command(tmp_path / "data", "{}")
    done = subprocess.run(wrong, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=DEADLINE)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["severity"] == "CRITICAL"
    assert "origin" in json.loads(line)["message"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"origin":"","retention":{},"roles":[]}',
        '{"origin":"o","retention":{"A":1},"roles":[]}',
        '{"origin":"o","retention":{"a":0},"roles":[]}',
        '{"origin":"o","retention":{"a":true},"roles":[]}',
        '{"origin":"o","retention":{},"roles":["root"]}',
        '{"origin":"o","retention":{},"roles":"gateway"}',
        '{"origin":"o","retention":{},"roles":[],"x":1}',
    ],
)
def test_settings_are_read_strictly(text):
    with pytest.raises(Misconfigured):
        LogSettings.parse(text)


def test_settings_are_read_back():
    assert LogSettings.parse(SETTINGS.encode()) == SETTINGS


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(Misconfigured):
        DataFolder.open(tmp_path / "file" / "data")
