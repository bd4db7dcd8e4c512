"""Which human stands behind a token: identity-and-approvals "Which human started this job"."""

import pytest

from affidavit.identity import github
from affidavit.identity.directory import Person, Sponsor
from affidavit.policy.decide import VARIABLES
from fakes.house import AUDIENCE, make_house
from fakes.issuer import without

ANA = Person(email="ana@example.com", github_id=583231, groups=("dba",))
BOB = Person(email="bob@example.com")
DEPLOYER = "deploy@proj.iam.gserviceaccount.com"

ANA_FOR_THE_DEPLOYER = Sponsor(matches=lambda claims: claims.get("email") == DEPLOYER, person=ANA.email)
BOB_FOR_THE_REPOSITORY = Sponsor(matches=lambda claims: claims.get("repository_id") == "74", person=BOB.email)
SPONSORS = (ANA_FOR_THE_DEPLOYER, BOB_FOR_THE_REPOSITORY)


def google(**entry):
    usual = {"attribution": "google", "domains": frozenset(["example.com"]), "people": [ANA, BOB], "sponsors": SPONSORS}
    return make_house(**usual | entry)


def ci(**entry):
    return make_house(**{"attribution": "ci-person", "people": [ANA, BOB], "sponsors": SPONSORS} | entry)


def of(principal):
    return principal.attribution, principal.person, principal.groups


# An issuer of people.


async def test_every_subject_of_an_issuer_of_people_is_a_person():
    house = make_house(people=[ANA])

    principal = await house.who(house.token(email="Ana@Example.COM", email_verified=True))

    assert of(principal) == ("person", "ana@example.com", ("dba",))


async def test_somebody_whom_the_list_does_not_know_is_a_person_without_groups(house):
    principal = await house.who(house.token(email="eve@example.com", email_verified=True))

    assert of(principal) == ("person", "eve@example.com", ())


UNVERIFIED = [
    {"email_verified": False},
    {"email_verified": without},
    {"email_verified": "true"},
    {"email_verified": 1},
    {"email": "ana"},
    {"email": "a na@example.com"},
    {"email": "ana@ex@ample.com"},
    {"email": ["ana@example.com"]},
    {"email": None},
    {"email": "ana@example.com\n"},
    {"email": "аna@example.com"},  # a Cyrillic letter
    {"email": "ana@example.com\u212a"},  # the Kelvin sign, which becomes a `k` in lower case
]


@pytest.mark.parametrize("claims", UNVERIFIED)
async def test_an_address_that_is_not_verified_names_nobody(claims):
    """identity-and-approvals: `email` only with `email_verified`."""
    house = make_house(people=[ANA])

    principal = await house.who(house.token(**{"email": "ana@example.com", "email_verified": True} | claims))

    assert principal.email is None
    assert of(principal) == ("person", "laptop:1234", ())


async def test_a_subject_cannot_pose_as_somebodys_address():
    house = make_house(people=[ANA])

    principal = await house.who(house.token(sub="ana@example.com"))

    assert of(principal) == ("person", "laptop:ana@example.com", ())


# Google's issuer.


async def test_a_google_account_of_our_domain_is_a_person():
    house = google()

    assert of(await house.who(house.issuer.google("ana@example.com", aud=AUDIENCE))) == (
        "person",
        "ana@example.com",
        ("dba",),
    )


@pytest.mark.parametrize(
    "claims",
    [
        {"hd": without},
        {"hd": "evil.test"},
        {"hd": ["example.com"]},
        {"hd": "EXAMPLE.COM."},
        {"hd": ""},
        {"email_verified": False},
        {"email_verified": without},
        {"email": without},
        {"email": "robot@proj.iam.gserviceaccount.com"},
        {"email": "robot@GServiceAccount.com"},
        {"email": "robot@developer.gserviceaccount.com"},
    ],
)
async def test_other_google_accounts_are_nobody(claims):
    """identity-and-approvals: a person only with `hd` in `domains`, `email_verified`, no `*.gserviceaccount.com`."""
    house = google()

    principal = await house.who(house.issuer.google("ana@example.com", **{"aud": AUDIENCE} | claims))

    assert of(principal) == ("none", None, ())


async def test_a_service_account_has_its_sponsor_and_none_of_the_sponsors_groups():
    house = google()

    principal = await house.who(house.issuer.google(DEPLOYER, aud=AUDIENCE))

    assert of(principal) == ("sponsored", "ana@example.com", ())
    assert principal.email == DEPLOYER


async def test_a_service_account_without_a_sponsor_is_nobody():
    house = google()

    assert of(await house.who(house.issuer.google("bare@proj.iam.gserviceaccount.com", aud=AUDIENCE))) == (
        "none",
        None,
        (),
    )


async def test_a_sponsor_who_is_not_among_the_people_answers_for_nobody():
    """identity-and-approvals: a sponsor removed from `people` cuts the job."""
    house = google(people=[BOB])

    assert of(await house.who(house.issuer.google(DEPLOYER, aud=AUDIENCE))) == ("none", None, ())


async def test_an_address_that_is_not_verified_finds_no_sponsor():
    house = google()

    principal = await house.who(house.issuer.google(DEPLOYER, email_verified=False, aud=AUDIENCE))

    assert of(principal) == ("none", None, ())


async def test_the_first_sponsor_who_is_there_answers():
    both = [
        Sponsor(matches=lambda _: True, person="gone@example.com"),
        Sponsor(matches=lambda _: True, person=BOB.email),
    ]
    house = google(sponsors=both)

    assert (await house.who(house.issuer.google(DEPLOYER, aud=AUDIENCE))).person == "bob@example.com"


async def test_a_sponsored_issuer_has_no_people():
    house = make_house(attribution="sponsored", people=[ANA], sponsors=SPONSORS)

    person = await house.who(house.token(email="ana@example.com", email_verified=True))
    machine = await house.who(house.token(email=DEPLOYER, email_verified=True))

    assert of(person) == ("none", None, ())
    assert of(machine) == ("sponsored", "ana@example.com", ())


# GitHub Actions.


async def test_a_job_belongs_to_whoever_started_it():
    house = ci()

    principal = await house.who(house.issuer.github(583231, aud=AUDIENCE))

    assert of(principal) == ("ci-person", "ana@example.com", ("dba",))
    assert principal.run == "9000000001"
    assert set(principal.claims) <= set(github.RECORDED)
    assert principal.claims["repository_id"] == "74"


@pytest.mark.parametrize(
    "claims",
    [
        {"run_attempt": "2"},
        {"run_attempt": "11"},
        {"run_attempt": without},
        {"run_attempt": "x"},
        {"event_name": "schedule"},
        {"event_name": without},
        {"event_name": 7},
        {"actor_id": "1"},
        {"actor_id": without},
        {"actor_id": True},
        {"actor_id": "0583231"},
        {"actor_id": " 583231"},
        {"actor_id": ["583231"]},
    ],
)
async def test_when_it_is_not_certain_who_pressed_the_button_the_sponsor_answers(claims):
    """identity-and-approvals: on a re-run `actor` may not be who pressed; bots and schedules are nobody."""
    house = ci()

    principal = await house.who(house.issuer.github(583231, **{"aud": AUDIENCE} | claims))

    assert of(principal) == ("sponsored", "bob@example.com", ())


async def test_a_job_that_nobody_started_and_nobody_sponsors_is_nobody():
    house = ci(sponsors=[])

    assert of(await house.who(house.issuer.github(1, aud=AUDIENCE))) == ("none", None, ())


async def test_a_job_is_no_person_because_it_knows_an_address():
    house = ci(sponsors=[])
    token = house.issuer.github(1, email="ana@example.com", email_verified=True, aud=AUDIENCE)

    assert of(await house.who(token)) == ("none", None, ())


async def test_a_people_issuer_has_no_runs(house):
    principal = await house.who(house.token(run_id="1", repository_id="74"))

    assert (principal.run, principal.claims) == (None, {})


# What rules see.


async def test_rules_see_every_variable_that_they_may_name(house):
    """Policy and identity do not know each other: this holds them together."""
    principal = await house.who(house.token())

    assert set(principal.variables) == {name for name in VARIABLES if name.startswith("principal.") or name == "claims"}


async def test_rules_see_an_empty_text_for_what_is_absent_and_no_unverified_address(house):
    principal = await house.who(house.token(email="ana@example.com"))

    assert (principal.variables["principal.email"], principal.variables["principal.run"]) == ("", "")
    assert "email" not in principal.variables["claims"]
    assert principal.variables["claims"]["sub"] == "1234"
