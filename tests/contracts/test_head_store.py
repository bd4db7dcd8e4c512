"""The laws of `audit.ports.HeadStore`, on the fake, the folder and Cloud Storage."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from affidavit.adapters.embedded.directory import Scratch
from affidavit.adapters.embedded.head import DirectoryHead
from affidavit.errors import Conflict, OutcomeUnknown, Unavailable
from fakes.cloud_storage import heads_of
from fakes.disks import FaultyDisk
from fakes.real_project import with_project
from fakes.storage_server import Fault
from fakes.stores import MemoryHead


def open_folder(root, disk=None):
    for name in ("log", "tmp"):
        (root / name).mkdir(exist_ok=True)
    disk = disk or FaultyDisk()
    lock = root / "tmp" / "checkpoint.lock"
    return DirectoryHead(root / "log", lock=lock, scratch=Scratch(root / "tmp", disk), disk=disk), disk


@pytest.fixture(params=with_project("memory", "folder", "strict", "fake-gcs", needs="LOG_BUCKET"))
def heads(request, tmp_path):
    if request.param == "memory":
        return MemoryHead()
    return open_folder(tmp_path)[0] if request.param == "folder" else heads_of(request.param, request)


def test_before_the_first_commit_there_is_no_head(heads):
    """evidence-format section 7."""
    assert heads.head() is None


def test_a_swap_replaces_exactly_what_is_expected(heads):
    """Law 1."""
    heads.swap(None, b"first")
    heads.swap(b"first", b"second")

    assert heads.head() == b"second"


@pytest.mark.parametrize("expected", [None, b"another"])
def test_a_swap_of_something_else_changes_nothing(heads, expected):
    """Law 1."""
    heads.swap(None, b"first")

    with pytest.raises(Conflict):
        heads.swap(expected, b"second")
    assert heads.head() == b"first"


def test_tiles_are_there_and_can_be_put_again(heads):
    """Law 3."""
    heads.put_tiles({"tile/0/000": b"0" * 32, "tile/entries/000.p/7": b"entries"})
    heads.put_tiles({"tile/0/000": b"0" * 32, "tile/1/000.p/1": b"1" * 32})

    assert heads.tile("tile/0/000") == b"0" * 32
    assert heads.tile("tile/entries/000.p/7") == b"entries"
    assert heads.tile("tile/1/000.p/1") == b"1" * 32
    assert heads.tile("tile/0/001") is None


def test_a_tile_is_never_another(heads):
    """Law 3."""
    heads.put_tiles({"tile/0/000": b"0" * 32})

    with pytest.raises(Conflict):
        heads.put_tiles({"tile/0/000": b"1" * 32})
    assert heads.tile("tile/0/000") == b"0" * 32


def test_partial_tiles_go_when_the_full_one_is_there(heads):
    """C2SP tlog-tiles: partial tiles may be deleted once the full tile exists."""
    heads.put_tiles({"tile/0/000.p/1": b"a", "tile/0/000.p/2": b"b", "tile/0/001.p/1": b"c", "tile/0/000": b"d"})

    heads.drop_partials(["tile/0/000"])

    assert [heads.tile(f"tile/0/{one}") for one in ("000.p/1", "000.p/2", "001.p/1", "000")] == [None, None, b"c", b"d"]


def broken_memory(request, *, persisted):
    heads = MemoryHead()
    heads.faults.fail(persisted=persisted)
    return heads, heads.faults.clear


def broken_folder(request, *, persisted):
    heads, disk = open_folder(request.getfixturevalue("tmp_path"))
    disk.break_all("sync_folder" if persisted else "write_new")
    return heads, disk.mend


def broken_bucket(request, *, persisted):
    strict = request.getfixturevalue("strict")
    fault = Fault(persisted=persisted, status=503 if persisted else 429)
    strict.server.fail(fault, times=100, operation="objects.insert")
    return strict.heads, strict.server.mend


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("broken", [broken_memory, broken_folder, broken_bucket])
def test_after_a_failed_swap_it_is_there_or_not(request, broken, persisted):
    """Law 4."""
    heads, mend = broken(request, persisted=persisted)

    with pytest.raises(OutcomeUnknown if persisted else Unavailable):
        heads.swap(None, b"first")
    mend()
    assert heads.head() == (b"first" if persisted else None)


@pytest.mark.parametrize("kind", with_project("strict", "fake-gcs", needs="LOG_BUCKET"))
def test_of_many_threads_that_swap_the_same_exactly_one_wins(request, kind):
    """Law 1, also where all of them put the same there."""
    heads = heads_of(kind, request)
    start = threading.Barrier(16)

    def race(_):
        start.wait()
        with contextlib.suppress(Conflict):
            heads.swap(None, b"the same")
            return 1
        return 0

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(race, range(16))) == 1
    assert heads.head() == b"the same"


# What only a folder can do wrong


@pytest.mark.parametrize("done", [False, True])
def test_at_every_fault_a_reader_sees_the_old_checkpoint_or_the_new_one(tmp_path, done):
    """Laws 2 and 4."""
    heads, _ = open_folder(tmp_path)
    heads.swap(None, b"old")
    for number in range(1, 5):
        heads, disk = open_folder(tmp_path)
        disk.fail_at(number, done=done)
        with contextlib.suppress(OutcomeUnknown):
            try:
                heads.swap(b"old", b"new")
            except Unavailable:
                assert heads.head() == b"old"
        assert heads.head() in {b"old", b"new"}
        disk.mend()
        heads.swap(heads.head(), b"old")


def _race(root, start, wins):
    heads, _ = open_folder(root)
    start.wait()
    for _ in range(50):
        old = heads.head()
        with contextlib.suppress(Conflict):
            heads.swap(old, b"%d" % (int(old or b"0") + 1))
            wins.put(1)


def test_of_many_who_swap_the_same_exactly_one_wins(tmp_path):
    """Law 1, between processes: every swap that succeeds counts one further."""
    context = multiprocessing.get_context("fork")
    start, wins = context.Barrier(4), context.Queue()
    racers = [context.Process(target=_race, args=(tmp_path, start, wins)) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    count = 0
    while not wins.empty():
        count += wins.get()
    assert int(open_folder(tmp_path)[0].head()) == count > 0
