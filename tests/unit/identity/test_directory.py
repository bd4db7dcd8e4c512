"""Who is known, by the file and by what the directories last said.

Source: identity-and-approvals "Who tells us that Ana left".
"""

import pytest

from affidavit.clock import MINUTE, SECOND
from affidavit.identity.directory import CONFIRMED, Directory, Heard, Person, Sponsor
from affidavit.identity.reading import ReadUser, differences
from affidavit.identity.roster import Entry, News, Roster
from fakes.house import AUDIENCE, StillClock, make_house

ANA = "ana@example.com"
ROBOT = {"email": "deploy@proj.iam.gserviceaccount.com", "email_verified": True}


def user(email=ANA, *, directory="okta", key="1", active=True, version=1, deleted=False, others=(), name=None):
    return Entry(
        directory=directory,
        kind="user",
        id=key,
        name=name or email,
        version=version,
        active=active and not deleted,
        deleted=deleted,
        created=0,
        modified=0,
        attributes={"emails": [{"value": one} for one in others] + [{"value": email, "primary": True}]},
    )


def group(name, *members, key="g1", directory="okta", version=1, deleted=False):
    return Entry(
        directory=directory,
        kind="group",
        id=key,
        name=name,
        version=version,
        active=not deleted,
        deleted=deleted,
        created=0,
        modified=0,
        attributes={"members": [{"value": one} for one in members]},
    )


class Known:
    """What two directories have said, and a file with one person and one sponsor."""

    def __init__(self, *entries, people=(), directories=("okta", "workspace"), sponsor=ANA):
        self.clock = StillClock()
        self.roster = Roster(directories)
        self.confirmed = {name: self.clock() for name in directories}
        sponsors = [Sponsor(matches=lambda claims: claims.get("email") == ROBOT["email"], person=sponsor)]
        self.directory = Directory(people, sponsors, Heard(self.roster, self.confirmed), clock=self.clock)
        self.hear(*entries)

    def hear(self, *entries):
        return self.roster.take(News(self.roster.position + len(entries), entries, {}))

    @property
    def sponsor(self):
        """Who answers for the machine and is let in: `Standing` refuses whom a directory has locked out."""
        found = self.directory.sponsor(ROBOT)
        return found.email if found and found.email not in self.roster.inactive else None


def test_without_directories_the_files_people_are_all_there_are():
    directory = Directory([Person(email=ANA, github_id=7, groups=("dba",))], [Sponsor(matches=bool, person=ANA)])

    assert directory.groups(ANA) == ("dba",)
    assert directory.by_github_id("7").email == directory.sponsor(ROBOT).email == ANA
    assert directory.knows("anybody@example.com")
    assert directory.knows(None)
    assert directory.lapses is None


def test_with_directories_somebody_is_known_only_if_one_has_them_active():
    known = Known(people=[Person(email=ANA, github_id=7, gitlab_id=8, groups=("dba",))])
    assert not known.directory.knows(ANA)
    assert known.directory.by_github_id("7") is known.directory.by_gitlab_id("8") is known.sponsor is None
    assert known.directory.groups(ANA) == ()

    known.hear(user())

    assert known.directory.knows(ANA)
    assert known.directory.by_github_id("7") == known.directory.by_gitlab_id("8") == known.directory.sponsor(ROBOT)
    assert known.directory.groups(ANA) == ("dba",)
    assert not known.directory.knows(None)


def test_whom_a_directory_deactivates_or_deletes_is_known_no_more():
    known = Known(user())
    assert known.sponsor == ANA

    known.hear(user(active=False, version=2))
    assert known.sponsor is None
    assert known.roster.inactive == {ANA: "okta"}

    known.hear(user(version=3))
    assert (known.sponsor, known.roster.inactive) == (ANA, {})

    known.hear(user(version=4, deleted=True))
    assert (known.sponsor, known.roster.inactive) == (None, {ANA: "okta"})


def test_who_was_locked_out_by_one_directory_is_not_let_in_by_another():
    """The other may not know it yet."""
    known = Known(user(), user(directory="workspace", key="9"))

    known.hear(user(active=False, version=2))

    assert known.sponsor is None
    assert known.roster.inactive == {ANA: "okta"}


def test_in_one_directory_a_new_account_outweighs_an_old_one_of_the_same_address():
    """Somebody who comes back gets a new account, and the old one stays deleted."""
    known = Known(user(version=2, deleted=True))
    assert known.sponsor is None

    known.hear(user(key="2"))

    assert (known.sponsor, known.roster.inactive) == (ANA, {})


def test_all_addresses_of_somebody_are_theirs_and_all_are_locked_out_together():
    known = Known(
        user(others=["ana.k@example.com"], name="Ana.Login@example.com"),
        people=[Person(email=ANA, groups=("dba",))],
        sponsor="ana.k@example.com",
    )
    assert known.sponsor == "ana.k@example.com"
    assert known.directory.groups("ana.k@example.com") == ("dba",)
    assert known.directory.knows("ana.login@example.com")

    known.hear(user(others=["ana.k@example.com"], active=False, version=2))

    assert known.sponsor is None
    assert set(known.roster.inactive) == {ANA, "ana.k@example.com"}


def test_an_address_that_was_taken_away_is_nobodys():
    known = Known(user(others=["ana.k@example.com"]))

    known.hear(user(version=2))

    assert not known.directory.knows("ana.k@example.com")
    assert known.roster.inactive == {}


def test_groups_of_the_directory_come_to_those_of_the_file():
    known = Known(user(), group("admins", "1", "2"), people=[Person(email=ANA, groups=("dba",))])
    assert known.directory.groups(ANA) == ("dba", "admins")

    known.hear(group("admins", "2", version=2))
    assert known.directory.groups(ANA) == ("dba",)

    known.hear(group("admins", "1", version=3), group("readers", "1", key="g2"))
    known.hear(group("admins", "1", version=4, deleted=True))
    assert known.directory.groups(ANA) == ("dba", "readers")


def test_a_group_that_comes_before_its_member_holds():
    known = Known(group("admins", "1"))

    known.hear(user())

    assert known.directory.groups(ANA) == ("admins",)


def test_a_sponsor_unconfirmed_for_15_minutes_is_no_sponsor():
    """identity-and-approvals: whom no directory has confirmed for 15 minutes."""
    known = Known(user())
    known.clock.seconds += CONFIRMED // SECOND - 1
    assert known.sponsor == ANA
    assert known.directory.lapses == known.clock() + SECOND

    known.clock.seconds += 1
    assert known.sponsor is None
    assert known.directory.lapses is None

    known.confirmed["okta"] = known.clock()
    assert known.sponsor == ANA


def test_a_directory_that_was_never_confirmed_counts_for_nothing():
    known = Known(user())
    del known.confirmed["okta"]

    assert known.sponsor is None


def test_what_another_directory_said_counts_for_nothing_once_it_is_not_in_the_file():
    known = Known(user(directory="old"), user(directory="old", key="2", active=False, email="bo@example.com"))

    assert known.sponsor is None
    assert known.roster.inactive == {}


def test_an_older_state_that_comes_late_changes_nothing():
    known = Known(user(active=False, version=2))

    assert not known.hear(user(version=1))
    assert known.sponsor is None


@pytest.mark.parametrize(("attribution", "claims"), [("person", {}), ("google", {"hd": "example.com"})])
async def test_a_token_makes_a_person_only_of_whom_a_directory_has_active(attribution, claims):
    known = Known(user())
    house = make_house(clock=known.clock, attribution=attribution, domains=frozenset(["example.com"]))
    await house.keys.refresh()
    house.authenticator.directory = known.directory
    token = house.token(email=ANA, email_verified=True, aud=AUDIENCE, **claims)
    assert (await house.who(token)).attribution == "person"

    known.hear(user(active=False, version=2))
    house.authenticator.directory = known.directory

    who = await house.who(token)
    assert (who.person, who.groups) == (ANA, ()), "it is still them, in the records"
    assert who.person in known.roster.inactive, "and they are not let in"


async def test_what_the_authenticator_remembers_ends_with_the_confirmation():
    """The cache must not outlive what it rests on."""
    known = Known(user())
    house = make_house(clock=known.clock, attribution="sponsored")
    await house.keys.refresh()
    house.authenticator.directory = known.directory
    known.clock.seconds += CONFIRMED // SECOND - 5
    token = house.token(**ROBOT)
    assert (await house.who(token)).person == ANA

    known.clock.seconds += 6

    assert (await house.who(token)).attribution == "none"


# Complete readings.


def read(*users):
    return [ReadUser(id=str(place), emails=(email,), active=active) for place, (email, active) in enumerate(users)]


def test_a_reading_finds_who_is_new_who_has_changed_and_who_is_gone():
    roster = Roster(["workspace"])
    first = differences(read((ANA, True), ("bo@example.com", True)), roster, "workspace", 5)
    assert [before for before, _ in first] == [None, None]
    roster.take(News(2, [after for _, after in first], {}))
    assert differences(read((ANA, True), ("bo@example.com", True)), roster, "workspace", 6) == []

    second = differences(read((ANA, False)), roster, "workspace", 7)
    assert [(after.name, after.active, after.deleted, after.version) for _, after in second] == [
        ("bo@example.com", False, True, 2),
        (ANA, False, False, 2),
    ]
    roster.take(News(4, [after for _, after in second], {}))

    (change,) = differences(read((ANA, False), ("bo@example.com", True)), roster, "workspace", 8)
    assert (change[1].version, change[1].active, change[1].created) == (3, True, 5)


def test_what_takes_away_comes_first_and_names_are_given_up_before_they_are_taken():
    roster = Roster(["workspace"])
    entries = [after for _, after in differences(read((ANA, True), ("bo@example.com", True)), roster, "workspace", 5)]
    roster.take(News(2, entries, {}))

    found = [
        ReadUser(id="7", emails=(ANA,), active=True),
        ReadUser(id="0", emails=("ana.k@example.com",), active=True),
    ]
    changes = differences(found, roster, "workspace", 6)

    assert [after.name for _, after in changes] == ["bo@example.com", "ana.k@example.com", ANA]


def test_15_minutes_are_15_minutes():
    assert CONFIRMED == 15 * MINUTE
