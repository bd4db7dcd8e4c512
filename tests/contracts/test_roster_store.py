"""The laws of `identity.roster.RosterStore`, on the fake, SQLite and Firestore."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from grpc import StatusCode

from affidavit.adapters.embedded.roster import SqliteRoster
from affidavit.adapters.gcp.roster import FirestoreRoster
from affidavit.errors import Conflict, OutcomeUnknown, Unavailable
from affidavit.identity.roster import Entry
from fakes.failing_server import Fault
from fakes.firestore import Database
from fakes.real_project import with_project
from fakes.rosters import MemoryRoster

NOW = 1_795_350_357_000_001


class Memory:
    def __init__(self):
        self.store = MemoryRoster()

    def again(self):
        return self.store

    def break_next(self, *, persisted):
        self.store.faults.fail(persisted=persisted)

    def close(self):
        pass


class Sqlite:
    def __init__(self, path):
        self.path = path
        self.opened = []
        self.store = self.again()

    def again(self):
        self.opened.append(SqliteRoster(self.path))
        return self.opened[-1]

    def close(self):
        for one in self.opened:
            one.close()


class Firestore:
    def __init__(self, emulator):
        self.database = Database.of(emulator)
        self.store = self.again()

    def again(self):
        return FirestoreRoster(self.database.open())

    def break_next(self, *, persisted):
        """Let the next commit fail, in a way that is not tried again."""
        fault = Fault(StatusCode.DATA_LOSS, persisted)
        self.store = FirestoreRoster(self.database.open_failing(fault, 1, method="/Commit"))

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


def user(name="ana@example.com", **changes):
    usual = {
        "directory": f"okta-{uuid.uuid4()}",
        "kind": "user",
        "id": str(uuid.uuid4()),
        "name": name,
        "version": 1,
        "active": True,
        "deleted": False,
        "created": NOW,
        "modified": NOW,
        "attributes": {"userName": name, "emails": [{"value": name, "primary": True}], "name": {"formatted": "ä'\"💥"}},
    }
    return Entry(**usual | changes)


def again(entry, **changes):
    return replace(entry, version=entry.version + 1, **changes)


def beside(entry, **changes):
    return replace(entry, id=str(uuid.uuid4()), **changes)


def test_what_was_put_every_process_finds_in_its_newest_state(made):
    """Laws 1 and 4."""
    before = made.store.since(0).position
    ana, bo = user(), user("bo@example.com")
    other = made.again()

    made.store.put([ana])
    read = other.since(before)
    other.put([bo, again(ana, active=False)])

    assert list(read.entries) == [ana]
    assert list(made.store.since(read.position).entries) == [bo, again(ana, active=False)]
    assert list(made.again().since(before).entries) == [bo, again(ana, active=False)]
    rest = made.again().since(made.store.since(0).position)
    assert list(rest.entries) == []
    assert rest.position >= read.position


def test_the_same_again_is_nothing(made):
    """Law 3."""
    ana = user()
    made.store.put([ana])
    position = made.store.since(0).position

    made.store.put([ana])
    made.again().put([ana])

    assert list(made.store.since(position).entries) == []


@pytest.mark.parametrize("version", [1, 3])
def test_another_version_than_the_next_is_a_conflict_and_nothing_of_it_is_put(made, version):
    """Law 2."""
    ana, bo = user(), user("bo@example.com")
    made.store.put([ana])
    position = made.store.since(0).position

    with pytest.raises(Conflict):
        made.store.put([bo, replace(ana, version=version, active=False)])

    assert list(made.store.since(position).entries) == []


@pytest.mark.parametrize("name", ["ana@example.com", "ANA@Example.com"])
def test_a_living_name_is_had_once(made, name):
    """Law 2; RFC 7643 section 4.1.1: `userName` is unique, and its case does not count."""
    ana = user()
    made.store.put([ana])

    with pytest.raises(Conflict):
        made.store.put([beside(ana, name=name)])
    with pytest.raises(Conflict):
        made.store.put([beside(ana, name="bo"), beside(ana, name="BO")])

    made.store.put([beside(ana, kind="group", active=False)])
    made.store.put([replace(beside(ana), directory=f"entra-{uuid.uuid4()}")])


def test_a_name_is_free_when_its_holder_is_deleted_or_has_another(made):
    ana = user()
    made.store.put([ana])
    made.store.put([again(ana, active=False, deleted=True)])
    second = beside(ana)
    made.store.put([second])

    made.store.put([beside(ana), again(second, name="ana.k@example.com")])

    with pytest.raises(Conflict):
        made.store.put([beside(ana, name="ana.k@example.com")])


def test_of_6_that_change_one_entry_at_once_one_succeeds(made):
    """Law 2."""
    ana = user()
    made.store.put([ana])
    stores = [made.again() for _ in range(6)]

    def put(number):
        try:
            stores[number].put([again(ana, modified=NOW + number)])
        except Conflict:
            return 0
        return 1

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(put, range(6))) == 1


def test_of_6_that_put_other_entries_at_once_none_is_lost(made):
    """Laws 1 and 4: each has a place of its own."""
    before = made.store.since(0).position
    entries = [user(f"{number}@example.com") for number in range(6)]
    stores = [made.again() for _ in entries]

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda number: stores[number].put([entries[number]]), range(6)))

    assert {one.id for one in made.store.since(before).entries} == {one.id for one in entries}


def test_a_confirmation_never_goes_back(made):
    """Law 5."""
    name = f"workspace-{uuid.uuid4()}"
    for at in (NOW, NOW + 5, NOW + 1):
        made.store.confirm(name, at)

    assert made.again().since(0).confirmed[name] == NOW + 5


@pytest.mark.parametrize("persisted", [False, True])
def test_what_failed_may_be_put_again(breakable, persisted):
    """Law 6."""
    before = breakable.store.since(0).position
    ana = user()
    breakable.break_next(persisted=persisted)

    with pytest.raises((Unavailable, OutcomeUnknown)):
        breakable.store.put([ana])
    assert list(breakable.store.since(before).entries) == [ana] * persisted
    breakable.store.put([ana])

    assert list(breakable.store.since(before).entries) == [ana]


@pytest.mark.parametrize("persisted", [False, True])
def test_a_hiccup_of_firestore_puts_nothing_twice(firestore_emulator, persisted):
    made = Firestore(firestore_emulator)
    ana = user()

    FirestoreRoster(made.database.open_failing(Fault(StatusCode.UNAVAILABLE, persisted), 1, method="/Commit")).put(
        [ana]
    )

    assert list(made.store.since(0).entries) == [ana]
    made.close()


def test_a_closed_file_is_unavailable(tmp_path):
    closed = SqliteRoster(tmp_path / "state.sqlite")
    closed.close()

    with pytest.raises(Unavailable):
        closed.put([user()])
    with pytest.raises(Unavailable):
        closed.since(0)
