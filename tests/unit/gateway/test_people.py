"""How what a directory says reaches every instance, and what happens while it does not.

Source: identity-and-approvals "Who tells us that Ana left"; evidence-format section 5, `directory:changed`.
"""

import asyncio
import logging
from dataclasses import replace

import pytest

from affidavit.adapters.embedded.roster import SqliteRoster
from affidavit.adapters.gcp.roster import FirestoreRoster
from affidavit.clock import SECOND
from affidavit.errors import Conflict, OutcomeUnknown, Unavailable
from affidavit.gateway.directory_changes import Changes, takes_away
from affidavit.gateway.directory_reading import EVERY, RETRY, DirectoryReading
from affidavit.gateway.people import LOOK, People
from affidavit.identity.directory import CONFIRMED, Sponsor
from affidavit.identity.reading import ReadUser
from affidavit.identity.roster import Entry
from fakes.firestore import Database
from fakes.house import StillClock
from fakes.rosters import MemoryRoster

ANA = "ana@example.com"
ROBOT = {"email": "deploy@proj.iam.gserviceaccount.com"}


class Body:
    def reference(self):
        return {"body": "0" * 64, "class": "standard", "size": 1}


class Records:
    """Records in memory, or the failure that a test wants."""

    def __init__(self):
        self.said = []
        self.outage = None
        self.witness = lambda: None

    def check(self):
        if self.outage:
            raise Unavailable(self.outage)

    def body(self, _data, _retention_class):
        return Body()

    async def intend(self, _kind, fields, _bodies=()):
        self._say(fields, Unavailable)

    async def conclude(self, _kind, fields, _bodies=()):
        self._say(fields, OutcomeUnknown)

    def _say(self, fields, failure):
        if self.outage:
            raise failure(self.outage)
        self.said.append({**fields, "stored": self.witness()})


class Instance:
    """One instance of the gateway."""

    def __init__(self, store, clock):
        self.clock = clock
        self.people = People(store, pushing=["okta"], reading=["workspace"], clock=clock)
        self.heard = []
        self.told = []
        self.people.heed = self.heard.append
        self.people.standing = self
        self.records = Records()
        self.changes = Changes(self.people, self.records)
        self.people.known([], [Sponsor(matches=lambda _: True, person=ANA)])

    def directory(self, inactive):
        self.told.append(dict(inactive))

    @property
    def sponsor(self):
        """Who answers for the machine and is let in: `Standing` refuses whom a directory has locked out."""
        found = self.heard[-1].sponsor(ROBOT) if self.heard else None
        return found.email if found and found.email not in self.people.roster.inactive else None


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def store():
    return MemoryRoster()


@pytest.fixture(params=["sqlite", "firestore"])
def real_store(request, tmp_path):
    """What two processes open, each for itself."""
    if request.param == "sqlite":
        yield lambda: SqliteRoster(tmp_path / "state.sqlite")
        return
    database = Database.of(request.getfixturevalue("firestore_emulator"))
    yield lambda: FirestoreRoster(database.open())
    database.close()


@pytest.fixture
async def one(store, clock):
    return Instance(store, clock)


@pytest.fixture
async def other(store, clock):
    return Instance(store, clock)


def user(**changes):
    usual = {
        "directory": "okta",
        "kind": "user",
        "id": "1",
        "name": ANA,
        "version": 1,
        "active": True,
        "deleted": False,
        "created": 0,
        "modified": 0,
        "attributes": {"userName": ANA},
    }
    return Entry(**usual | changes)


async def test_what_one_instance_hears_the_other_knows_at_its_next_look(one, other):
    await one.changes.make(lambda: (None, user()))
    assert one.sponsor == ANA
    assert other.sponsor is None

    await other.people.look()
    assert other.sponsor == ANA

    await one.changes.make(lambda: (user(), user(version=2, active=False)))
    await other.people.look()
    assert one.sponsor is other.sponsor is None
    assert one.told[-1] == other.told[-1] == {ANA: "okta"}


async def test_so_it_is_over_what_instances_really_share(real_store, clock):
    one, other = Instance(real_store(), clock), Instance(real_store(), clock)
    await one.changes.make(lambda: (None, user()))
    await other.people.look()
    assert other.sponsor == ANA

    await other.changes.make(lambda: (user(), user(version=2, active=False)))
    await one.people.look()

    assert one.sponsor is other.sponsor is None
    assert one.told[-1] == other.told[-1] == {ANA: "okta"}
    one.people.store.close()
    other.people.store.close()


async def test_nothing_is_told_where_nothing_has_changed(one):
    await one.people.look()
    heard = len(one.heard)

    for _ in range(3):
        await one.people.look()

    assert len(one.heard) == heard
    assert one.told == []


async def test_who_is_locked_out_stays_so_in_an_instance_that_starts_later(one, store, clock):
    """A deactivation survives every process: it lies in the store."""
    await one.changes.make(lambda: (None, user()))
    await one.changes.make(lambda: (user(), user(version=2, active=False, deleted=True)))

    later = Instance(store, clock)
    await later.people.look()

    assert later.sponsor is None
    assert later.told == [{ANA: "okta"}]


async def test_a_store_that_is_silent_for_15_minutes_leaves_nobody_a_sponsor_and_says_so(one, store, clock, caplog):
    """For a directory that pushes, confirmed is the time at which the store was last read."""
    await one.changes.make(lambda: (None, user()))
    store.silent = Unavailable("no answer")
    await one.people.look()
    clock.seconds += CONFIRMED // SECOND - 1
    await one.people.look()
    assert one.sponsor == ANA

    clock.seconds += 1
    with caplog.at_level(logging.WARNING, "affidavit.people"):
        await one.people.look()
        await one.people.look()
    assert one.sponsor is None
    loud = [one.message for one in caplog.records if one.levelno == logging.ERROR]
    assert sum("okta was not confirmed for 15 minutes" in one for one in loud) == 1

    store.silent = None
    await one.people.look()
    assert one.sponsor == ANA


async def test_people_are_told_anew_when_a_directory_counts_again(one, store, clock):
    """What was remembered of them while it did not is forgotten."""
    await one.changes.make(lambda: (None, user()))
    store.silent = Unavailable("no answer")
    clock.seconds += CONFIRMED // SECOND
    await one.people.look()
    store.silent = None
    heard = len(one.heard)

    await one.people.look()

    assert len(one.heard) == heard + 1


async def test_a_directory_that_is_read_is_confirmed_by_its_last_complete_reading_only(one, store, clock):
    await one.people.look()
    assert one.people.read() == {"okta": 0.0, "workspace": None}

    store.confirm("workspace", clock())
    clock.seconds += 60
    await one.people.look()

    assert one.people.read() == {"okta": 0.0, "workspace": 60.0}


async def test_a_failure_that_nobody_foresaw_ends_no_looking(one, store):
    store.silent = ZeroDivisionError()

    waited = []

    async def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await one.people.keep_current(sleep)

    assert waited == [LOOK] * 3
    assert store.reads == 3


# Changes.


async def test_what_gives_more_is_on_record_before_it_is_stored(one, store):
    one.records.witness = lambda: len(store.since(0).entries)

    await one.changes.make(lambda: (None, user()))

    (said,) = one.records.said
    assert said["stored"] == 0
    assert (said["directory"], said["what"], said["id"], said["how"]) == ("okta", "user", "1", "created")
    assert (said["email"], said["active"]) == (ANA, True)


async def test_what_takes_away_is_stored_before_it_is_on_record(one, store):
    store.put([user()])
    one.records.witness = lambda: store.since(0).entries[0].active

    await one.changes.make(lambda: (user(), user(version=2, active=False)))

    assert [said["stored"] for said in one.records.said] == [False]


async def test_nobody_is_let_in_unrecorded(one, store):
    one.records.outage = "the bus is down"

    with pytest.raises(Unavailable):
        await one.changes.make(lambda: (None, user()))

    assert list(store.since(0).entries) == []


async def test_nobody_stays_in_because_records_fail(one, other, store):
    store.put([user()])
    await other.people.look()
    one.records.outage = "the bus is down"

    with pytest.raises(OutcomeUnknown):
        await one.changes.make(lambda: (user(), user(version=2, active=False)))

    await other.people.look()
    assert one.sponsor is other.sponsor is None


@pytest.mark.parametrize("persisted", [False, True])
async def test_a_store_that_fails_is_said_and_doing_it_again_is_right(one, store, persisted):
    store.put([user()])
    store.faults.fail(persisted=persisted)

    def make():
        before = one.people.roster.find("okta", "user", "1")
        return before, before if not before.active else replace(before, version=before.version + 1, active=False)

    with pytest.raises((Unavailable, OutcomeUnknown)):
        await one.changes.make(make)
    await one.changes.make(make)

    assert store.since(0).entries[0].active is False
    assert one.sponsor is None
    assert one.records.said[-1]["active"] is False


async def test_of_two_that_change_the_same_the_second_starts_from_what_the_first_did(one, other, store):
    store.put([user()])

    def deactivate():
        before = one.people.roster.find("okta", "user", "1")
        return before, replace(before, version=before.version + 1, active=False)

    put = store.put

    def overtaken(entries):
        store.put = put
        put([user(version=2, attributes={"userName": ANA, "displayName": "Ana"})])
        put(entries)

    store.put = overtaken
    await one.changes.make(deactivate)

    (entry,) = store.since(0).entries
    assert (entry.version, entry.active, entry.attributes["displayName"]) == (3, False, "Ana")


async def test_who_is_always_overtaken_gives_up(one, store):
    def taken(_):
        raise Conflict("taken")

    store.put = taken

    with pytest.raises(Unavailable):
        await one.changes.make(lambda: (None, user()))


GROUP = {"kind": "group", "name": "dba"}


def members(*ids, version=1):
    return user(**GROUP, version=version, attributes={"members": [{"value": one} for one in ids]})


@pytest.mark.parametrize(
    ("before", "after", "away"),
    [
        (None, user(), False),
        (None, user(active=False), False),
        (user(), user(active=False), True),
        (user(), user(active=False, deleted=True), True),
        (user(active=False), user(), False),
        (user(), user(name="bo"), False),
        (members("1", "2"), members("1"), True),
        (members("1"), members("1", "2"), False),
        (members("1"), members("2"), False),
        (members("1"), replace(members("1"), name="admins"), False),
        (members("1"), replace(members("1"), deleted=True), True),
    ],
)
def test_what_takes_away(before, after, away):
    assert takes_away(before, after) is away


# Readings.


class Source:
    def __init__(self):
        self.users = [ReadUser(id="a", emails=(ANA,), active=True)]
        self.reads = 0
        self.failing = None

    def __call__(self):
        self.reads += 1
        if self.failing:
            raise self.failing
        return self.users


@pytest.fixture
def source():
    return Source()


def reading(instance, source, clock):
    return DirectoryReading(
        "workspace", source, people=instance.people, changes=instance.changes, clock=clock, spread=0.5
    )


async def test_a_complete_reading_is_stored_recorded_and_confirmed(one, other, source, clock):
    wait = await reading(one, source, clock).step()

    assert one.sponsor == ANA
    assert wait == EVERY / SECOND + 10
    assert [(said["directory"], said["how"], said["email"]) for said in one.records.said] == [
        ("workspace", "created", ANA)
    ]
    await other.people.look()
    assert other.sponsor == ANA
    assert other.people.read()["workspace"] == 0.0


async def test_who_is_suspended_or_gone_is_locked_out(one, source, clock):
    steps = reading(one, source, clock)
    await steps.step()

    source.users = [ReadUser(id="b", emails=("bo@example.com",), active=True)]
    clock.seconds += 320
    await steps.step()

    assert one.sponsor is None
    assert one.told[-1] == {ANA: "workspace"}


@pytest.mark.parametrize("failing", [Unavailable("page lost"), ZeroDivisionError()])
async def test_a_reading_that_fails_changes_and_confirms_nothing(one, source, clock, failing):
    steps = reading(one, source, clock)
    await steps.step()
    clock.seconds += 320
    source.failing = failing

    assert await steps.step() == RETRY

    assert one.sponsor == ANA
    assert one.people.read()["workspace"] == 320.0
    clock.seconds += CONFIRMED // SECOND - 320
    assert one.sponsor is None, "what nobody confirms ends by itself"


async def test_one_instance_reads_for_all(one, other, source, clock):
    await reading(one, source, clock).step()
    clock.seconds += 100

    wait = await reading(other, source, clock).step()

    assert source.reads == 1
    assert wait == EVERY / SECOND - 100 + 10
    assert other.sponsor == ANA


@pytest.mark.parametrize("persisted", [False, True])
async def test_a_reading_whose_changes_cannot_be_stored_is_not_confirmed_and_made_again(
    one, store, source, clock, persisted
):
    steps = reading(one, source, clock)
    store.faults.fail(persisted=persisted)

    assert await steps.step() == RETRY
    assert one.people.read()["workspace"] is None
    await steps.step()

    assert one.sponsor == ANA
    assert one.people.read()["workspace"] == 0.0


async def test_two_that_read_at_once_do_not_undo_each_other(one, other, source, clock):
    source.users = [ReadUser(id=str(n), emails=(f"{n}@example.com",), active=True) for n in range(250)]

    await asyncio.gather(reading(one, source, clock).step(), reading(other, source, clock).step())

    for instance in (one, other):
        await instance.people.look()
        assert len(instance.people.roster.living("workspace", "user")) == 250
        assert instance.people.read()["workspace"] == 0.0
