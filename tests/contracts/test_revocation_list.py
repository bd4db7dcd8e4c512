"""The laws of `identity.revocation.RevocationList`, on the fake, SQLite and Firestore."""

from __future__ import annotations

import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from grpc import StatusCode

from affidavit.adapters.embedded.revocations import SqliteRevocations
from affidavit.adapters.gcp.firestore import FirestoreRevocations
from affidavit.errors import Misconfigured, OutcomeUnknown, Unavailable
from affidavit.identity.revocation import Revocation
from fakes.failing_server import Fault
from fakes.firestore import Database
from fakes.real_project import with_project
from fakes.revocations import MemoryRevocations

NOW = 1_795_350_357_000_001


class Memory:
    def __init__(self):
        self.list = MemoryRevocations()

    def again(self):
        return self.list

    def break_next(self, *, persisted):
        self.list.faults.fail(persisted=persisted)

    def close(self):
        pass


class Sqlite:
    def __init__(self, path):
        self.path = path
        self.opened = []
        self.list = self.again()

    def again(self):
        self.opened.append(SqliteRevocations(self.path))
        return self.opened[-1]

    def close(self):
        for one in self.opened:
            one.close()


class Firestore:
    def __init__(self, emulator):
        self.database = Database.of(emulator)
        self.list = self.again()

    def again(self):
        return FirestoreRevocations(self.database.open())

    def break_next(self, *, persisted):
        """Let the next commit fail, in a way that is not tried again."""
        fault = Fault(StatusCode.DATA_LOSS, persisted)
        self.list = FirestoreRevocations(self.database.open_failing(fault, 1, method="/Commit"))

    def close(self):
        self.database.close()


def made_of(request, tmp_path):
    match request.param:
        case "memory":
            return Memory()
        case "sqlite":
            return Sqlite(tmp_path / "state.sqlite")
        case "firestore":
            return Firestore(request.getfixturevalue("firestore_emulator"))
        case _:
            return Firestore(None)


@pytest.fixture(params=with_project("memory", "sqlite", "firestore", needs="DATABASE"))
def made(request, tmp_path):
    made = made_of(request, tmp_path)
    yield made
    made.close()


@pytest.fixture(params=with_project("memory", "firestore", needs="DATABASE"))
def breakable(request, tmp_path):
    made = made_of(request, tmp_path)
    yield made
    made.close()


def revocation(value="ana@example.com"):
    return Revocation(what="person", value=f"{value}-{uuid.uuid4()}", by="bo@example.com", reason="she left", at=NOW)


def test_what_was_added_every_process_finds_in_the_same_order(made):
    """Laws 1 and 3."""
    before = len(made.list.since(0))
    entries = [revocation(str(number)) for number in range(12)]
    other = made.again()
    for number, entry in enumerate(entries):
        (made.list if number % 2 else other).add(entry)

    assert list(made.list.since(before)) == list(other.since(before)) == entries
    assert list(made.again().since(before + 10)) == entries[10:]
    assert list(made.list.since(before + 12)) == []


@pytest.mark.parametrize("what", ["person", "token", "session", "sponsor"])
def test_an_entry_is_read_as_it_was_added(made, what):
    before = len(made.list.since(0))
    entry = Revocation(what=what, value="ä/'\"\n💥", by="", reason=f"{uuid.uuid4()}" + "x" * 5000, at=2**52)

    made.list.add(entry)

    assert list(made.list.since(before)) == [entry]


def test_the_same_again_is_nothing(made):
    """Law 2."""
    before = len(made.list.since(0))
    first, second = revocation(), revocation()
    for entry in (first, second, first, second):
        made.list.add(entry)
    made.again().add(first)

    assert list(made.list.since(before)) == [first, second]


def test_saying_it_at_another_time_is_another_entry(made):
    """Who was let in again may have to be kept out again."""
    before = len(made.list.since(0))
    first = revocation()
    others = [replace(first, at=NOW + 1), replace(first, by="cy@example.com"), replace(first, reason="again")]
    for entry in (first, *others):
        made.list.add(entry)

    assert list(made.list.since(before)) == [first, *others]


def test_of_8_that_add_at_once_none_is_lost(made):
    """Law 1; two of each are the same."""
    before = len(made.list.since(0))
    entries = [revocation(str(number)) for number in range(4)] * 2
    lists = [made.again() for _ in entries]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: lists[number].add(entries[number]), range(8)))

    found = list(made.list.since(before))
    assert len(found) == 4
    assert set(found) == set(entries)
    assert found == list(made.again().since(before))


@pytest.mark.parametrize("persisted", [False, True])
def test_what_failed_may_be_added_again(breakable, persisted):
    """Law 4."""
    before = len(breakable.list.since(0))
    entry = revocation()
    breakable.break_next(persisted=persisted)

    with pytest.raises((Unavailable, OutcomeUnknown)):
        breakable.list.add(entry)
    assert list(breakable.list.since(before)) == [entry] * persisted
    breakable.list.add(entry)

    assert list(breakable.list.since(before)) == [entry]


def test_who_finds_their_place_taken_takes_the_next(firestore_emulator):
    made = Firestore(firestore_emulator)
    entries = [revocation(str(number)) for number in range(5)]
    made.list.add(entries[0])

    class Overtaken(FirestoreRevocations):
        """Others add after each look of it."""

        def since(self, position):
            found = super().since(position)
            for entry in entries[1:3] if position == 0 else entries[3:4] if position == 1 else ():
                made.list.add(entry)
            return found

    Overtaken(made.database.open()).add(entries[4])

    assert list(made.list.since(0)) == entries
    made.close()


@pytest.mark.parametrize("persisted", [False, True])
def test_a_hiccup_of_firestore_adds_nothing_twice(firestore_emulator, persisted):
    made = Firestore(firestore_emulator)
    fault = Fault(StatusCode.UNAVAILABLE, persisted)
    entry = revocation()

    FirestoreRevocations(made.database.open_failing(fault, 1, method="/Commit")).add(entry)

    assert list(made.list.since(0)) == [entry]
    made.close()


def test_a_firestore_that_does_not_answer_is_unavailable(firestore_emulator):
    made = Firestore(firestore_emulator)
    broken = FirestoreRevocations(made.database.open_failing(Fault(StatusCode.DATA_LOSS), float("inf")))

    with pytest.raises(Unavailable):
        broken.since(0)
    with pytest.raises(Unavailable):
        broken.add(revocation())
    made.close()


def test_a_file_that_is_no_state_is_a_mistake_and_a_closed_one_unavailable(tmp_path):
    (tmp_path / "other").write_bytes(b"not a database, whatever it is" * 100)
    with pytest.raises(Misconfigured, match="nothing is revoked"):
        SqliteRevocations(tmp_path / "other")

    closed = SqliteRevocations(tmp_path / "state.sqlite")
    closed.close()
    with pytest.raises(Unavailable):
        closed.add(revocation())


def test_whoever_comes_and_goes_leaves_the_list_to_those_who_stay(tmp_path):
    """SQLite "How To Corrupt", section 2.2: a process that closes a file loses all of its locks on it."""
    path = tmp_path / "state.sqlite"
    staying, beside = SqliteRevocations(path), SqliteRevocations(path)
    program = (
        "import sys; from pathlib import Path; from affidavit.adapters.embedded.revocations import SqliteRevocations\n"
        "from affidavit.identity.revocation import Revocation\n"
        "entries = SqliteRevocations(Path(sys.argv[1]))\n"
        "entries.add(Revocation(what='person', value=sys.argv[2], by='root', reason='left', at=1))\n"
        "entries.close()\n"
    )

    for number in range(3):
        subprocess.run([sys.executable, "-c", program, str(path), f"p{number}@example.com"], check=True, timeout=30)
        assert [one.value for one in staying.since(number)] == [f"p{number}@example.com"]
    staying.close()
    beside.close()
