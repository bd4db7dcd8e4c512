"""The laws of `evidence.ports.EvidenceStore`, on the fake, the folder and Cloud Storage."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from affidavit.adapters.embedded.directory import SYNC_EACH, DirectoryStore, Scratch
from affidavit.errors import Malformed, OutcomeUnknown, Unavailable
from fakes.cloud_storage import store_of
from fakes.disks import FaultyDisk
from fakes.real_project import with_project
from fakes.storage_server import Fault
from fakes.stores import MemoryStore

NAME = "segment/20261122T122557Z-0123456789abcdef/000000000041-abababababababab.ndjson.gz"


def open_folder(root, disk=None):
    for name in ("evidence", "tmp"):
        (root / name).mkdir(exist_ok=True)
    disk = disk or FaultyDisk()
    return DirectoryStore(root / "evidence", scratch=Scratch(root / "tmp", disk), disk=disk), disk


def left_in(root):
    return [path.name for path in (root / "tmp").iterdir()]


@pytest.fixture(params=with_project("memory", "folder", "strict", "fake-gcs", needs="EVIDENCE_BUCKET"))
def store(request, tmp_path):
    if request.param == "memory":
        return MemoryStore()
    return open_folder(tmp_path)[0] if request.param == "folder" else store_of(request.param, request)


def test_what_is_created_can_be_read(store):
    """Law 1."""
    assert store.create({NAME: b"one", "writer/w.json": b"two"}) == frozenset()

    assert (store.read(NAME), store.read("writer/w.json")) == (b"one", b"two")


def test_what_was_never_created_is_not_there(store):
    store.create({NAME: b"one"})

    assert store.read("commit/1") is None
    assert store.read(f"{NAME}/below") is None
    assert store.read("segment") is None
    assert not store.holds("commit/1")
    assert store.holds(NAME)


def test_creating_a_taken_name_changes_nothing_and_says_so(store):
    """Law 2."""
    store.create({"commit/0": b"the first"})

    assert store.create({"commit/0": b"the second", "commit/1": b"another"}) == {"commit/0"}
    assert store.read("commit/0") == b"the first"
    assert store.read("commit/1") == b"another"


@pytest.mark.parametrize("many", [1, SYNC_EACH, SYNC_EACH + 1, 300])
def test_many_are_created_at_once(store, many):
    objects = {f"segment/w/{number:012d}-x": b"%d" % number for number in range(many)}

    assert store.create(objects) == frozenset()
    assert {name: store.read(name) for name in store.names("")} == objects


def test_an_empty_object_is_an_object(store):
    store.create({"a": b""})

    assert store.read("a") == b""


def test_names_come_in_byte_order_whatever_the_folders_are(store):
    """Byte order of whole names: `a-b` stands before `a/b`, and `a/b` before `aa`."""
    names = ["a/b", "a-b", "aa", "a/b-c/d", "a/b/c", "b", "a/a/z", "a.b"]
    store.create({name: b"" for name in names if name != "a/b"})  # a folder cannot also be a file
    expected = sorted(name.encode() for name in names if name != "a/b")

    assert [name.encode() for name in store.names("")] == expected


@pytest.mark.parametrize(
    ("prefix", "start", "expected"),
    [
        ("segment/a/", "", ["segment/a/1", "segment/a/2"]),
        ("segment/a/", "segment/a/2", ["segment/a/2"]),
        ("segment/a/", "segment/a/3", []),
        ("segment/", "segment/a/2", ["segment/a/2", "segment/ab/1", "segment/b/1"]),
        ("segment/a", "", ["segment/a/1", "segment/a/2", "segment/ab/1"]),
        ("segment/a/1", "", ["segment/a/1"]),
        ("writer", "", ["writer/a"]),
        ("nothing/", "", []),
        ("", "t", ["writer/a"]),
    ],
)
def test_names_can_begin_anywhere(store, prefix, start, expected):
    for name in ("segment/b/1", "segment/a/2", "segment/a/1", "segment/ab/1", "writer/a"):
        store.create({name: b""})

    assert list(store.names(prefix, start)) == expected


def broken_memory(request, *, persisted):
    store = MemoryStore()
    store.faults.fail(persisted=persisted)
    return store, store.faults.clear


def broken_folder(request, *, persisted):
    store, disk = open_folder(request.getfixturevalue("tmp_path"))
    store.create({"a/0": b""})
    disk.break_all("link" if not persisted else "sync_folder")
    return store, disk.mend


def broken_bucket(request, *, persisted):
    strict = request.getfixturevalue("strict")
    strict.server.fail(Fault(persisted=persisted, status=503 if persisted else 429), times=100)
    return strict.store, strict.server.mend


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("broken", [broken_memory, broken_folder, broken_bucket])
def test_after_a_failed_create_the_same_create_is_right(request, broken, persisted):
    """Law 3: each object was either written whole or not at all."""
    store, mend = broken(request, persisted=persisted)
    objects = {"a/1": b"one", "a/2": b"two"}

    with pytest.raises(OutcomeUnknown if persisted else Unavailable):
        store.create(objects)
    mend()
    assert {store.read(name) for name in objects} <= {None, b"one", b"two"}

    store.create(objects)
    assert [store.read(name) for name in objects] == [b"one", b"two"]


# What only a folder can do wrong


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("many", [2, SYNC_EACH + 1])
def test_a_fault_at_any_call_leaves_whole_objects_or_none(tmp_path, many, done):
    """Every system call fails once, its work not done and its work done but the answer lost."""
    objects = {f"a/{number}": b"x" * number for number in range(many)}
    number, calls = 0, 1
    while number < calls:
        number += 1
        root = tmp_path / str(number)
        root.mkdir()
        store, disk = open_folder(root)
        disk.fail_at(number, done=done)
        with contextlib.suppress(Unavailable, OutcomeUnknown):  # removing a temporary file fails unsaid
            store.create(objects)
        calls = max(calls, len(disk.calls))
        disk.mend()
        assert all(store.read(name) in {None, body} for name, body in objects.items())
        store.create(objects)
        assert {name: store.read(name) for name in store.names("")} == objects
    assert number > 2 * many


def test_a_torn_write_is_never_seen_under_a_name(tmp_path):
    store, disk = open_folder(tmp_path)
    disk.tear_at(1)

    with pytest.raises(Unavailable):
        store.create({"a": b"whole"})
    assert store.read("a") is None
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "mend"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "mount it for writing"), (errno.EIO, "input/output error")],
)
def test_the_mend_stands_in_the_sentence(tmp_path, code, mend):
    store, disk = open_folder(tmp_path)
    disk.break_all("write_new", code=code)

    with pytest.raises(Unavailable, match=mend):
        store.create({"a": b""})


def test_files_can_be_written_by_nobody(tmp_path):
    """architecture "Ports": files 0444."""
    store, _ = open_folder(tmp_path)
    store.create({"a/b": b""})

    assert stat.S_IMODE((tmp_path / "evidence/a/b").stat().st_mode) == 0o444


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../b", "a//b", "a/", ".a", "a\0", "a b", "é", "a/./b", "a\n"])
def test_a_name_never_leads_out_of_the_folder(tmp_path, name):
    store, _ = open_folder(tmp_path)

    with pytest.raises(Malformed):
        store.create({name: b""})
    with pytest.raises(Malformed):
        store.read(name)


def test_no_temporary_file_is_left_or_listed(tmp_path):
    store, _ = open_folder(tmp_path)
    store.create({"a": b"1"})
    store.create({"a": b"2", "b": b"3"})

    assert list(store.names("")) == ["a", "b"]
    assert left_in(tmp_path) == []


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    _, disk = open_folder(tmp_path)
    scratch = Scratch(tmp_path / "tmp", disk)
    scratch.write([b"left"])
    (tmp_path / "tmp" / "checkpoint.lock").write_bytes(b"")

    scratch.sweep(older_than=0)
    assert len(left_in(tmp_path)) == 2
    scratch.sweep(older_than=2**40)
    assert left_in(tmp_path) == ["checkpoint.lock"]


RACERS, TURNS = 16, 5


@pytest.mark.parametrize("kind", with_project("strict", "fake-gcs", needs="EVIDENCE_BUCKET"))
def test_of_many_threads_that_create_one_name_exactly_one_wins(request, kind):
    """Laws 1 and 2: what stands is what the one who won has written."""
    store = store_of(kind, request)
    start = threading.Barrier(RACERS)

    def race(number):
        start.wait()
        return [not store.create({f"commit/{turn}": b"%d" % number}) for turn in range(TURNS)]

    with ThreadPoolExecutor(RACERS) as pool:
        won = list(pool.map(race, range(RACERS)))

    for turn in range(TURNS):
        (winner,) = (number for number in range(RACERS) if won[number][turn])
        assert store.read(f"commit/{turn}") == b"%d" % winner


def _race(root, number, start, wins):
    store, _ = open_folder(root)
    start.wait()
    for turn in range(100):
        if not store.create({f"commit/{turn}": b"%d" % number}):
            wins.put((turn, number))


def test_of_many_who_create_one_name_exactly_one_wins(tmp_path):
    """Laws 1 and 2, between processes."""
    context = multiprocessing.get_context("fork")
    start, wins = context.Barrier(4), context.SimpleQueue()
    racers = [context.Process(target=_race, args=(tmp_path, number, start, wins)) for number in range(4)]
    for racer in racers:
        racer.start()
    won = dict(wins.get() for _ in range(100))
    for racer in racers:
        racer.join()

    store, _ = open_folder(tmp_path)
    assert wins.empty()
    assert {turn: store.read(f"commit/{turn}") for turn in range(100)} == {
        turn: b"%d" % number for turn, number in won.items()
    }
