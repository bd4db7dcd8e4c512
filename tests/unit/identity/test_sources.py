"""Who stands behind tokens of GitLab, of IAP, and of whoever acts for somebody.

Source: identity-and-approvals "Tokens", "Which human started this job"; RFC 8693 section 4.1.
"""

import pytest

from affidavit.errors import Unauthenticated
from affidavit.identity.directory import Person, Sponsor
from affidavit.identity.id_token import GCLOUD
from fakes.house import AUDIENCE, SHARED, make_house

ANA = Person(email="ana@example.com", gitlab_id=42, groups=("dba",))
BOB = Person(email="bob@example.com")
SPONSOR = Sponsor(matches=lambda claims: claims.get("project_id") == "7", person=BOB.email)
JOB = {
    "sub": "project_path:example/warehouse:ref_type:branch:ref:main",
    "user_id": "42",
    "user_login": "ana",
    "user_email": "ana@example.com",
    "pipeline_source": "push",
    "pipeline_id": "9001",
    "project_id": "8",
    "ref_protected": "true",
    "sha": "0" * 40,
}


def gitlab():
    return make_house(attribution="ci-person", ci="gitlab", people=[ANA, BOB], sponsors=[SPONSOR])


async def test_whoever_pushed_to_gitlab_stands_behind_the_job():
    house = gitlab()

    principal = await house.who(house.token(**JOB))

    assert (principal.attribution, principal.person, principal.groups) == ("ci-person", "ana@example.com", ("dba",))
    assert principal.run == "9001"
    assert principal.claims["ref_protected"] == "true"
    assert "user_email" not in principal.claims


NOBODY = [
    {"pipeline_source": "schedule"},
    {"pipeline_source": "trigger"},
    {"pipeline_source": "parent_pipeline"},
    {"pipeline_source": None},
    {"user_login": "project_8_bot_1a2b"},
    {"user_login": "group_8_bot"},
    {"user_login": "release-bot"},
    {"user_login": None},
    {"user_id": "43"},
    {"user_id": True},
    {"user_id": None},
]


@pytest.mark.parametrize("changed", NOBODY, ids=str)
async def test_where_nobody_is_known_to_have_started_it_a_job_is_its_sponsors_or_nobodys(changed):
    house = gitlab()

    assert (await house.who(house.token(**{**JOB, **changed}))).attribution == "none"
    sponsored = await house.who(house.token(**{**JOB, **changed, "project_id": "7"}))
    assert (sponsored.attribution, sponsored.person, sponsored.groups) == ("sponsored", "bob@example.com", ())


# RFC 8693.


@pytest.mark.parametrize("attribution", ["person", "delegated"])
async def test_whoever_acts_for_somebody_is_named_and_so_is_for_whom(attribution):
    house = make_house(attribution=attribution, people=[ANA])
    act = {"sub": "assistant-7", "act": {"sub": "scheduler"}}

    principal = await house.who(house.token(email="ana@example.com", email_verified=True, act=act))

    assert (principal.attribution, principal.person) == ("delegated", "ana@example.com")
    assert (principal.on_behalf_of, principal.actor) == ("ana@example.com", "assistant-7"), "the outermost acts now"


async def test_whom_nobody_acts_for_is_a_person():
    house = make_house(attribution="delegated", people=[ANA])

    principal = await house.who(house.token(email="ana@example.com", email_verified=True))

    assert (principal.attribution, principal.actor) == ("person", None)


def nested(depth):
    act = {"sub": "first"}
    for number in range(depth - 1):
        act = {"sub": f"actor-{number}", "act": act}
    return act


NO_CHAIN = ["assistant", [], {}, {"sub": ""}, {"sub": 7}, {"sub": "x" * 256}, {"sub": "a", "act": "b"}, nested(9)]


@pytest.mark.parametrize("act", NO_CHAIN, ids=lambda act: str(act)[:30])
async def test_a_token_whose_actors_are_no_chain_is_refused(act):
    house = make_house(people=[ANA])

    with pytest.raises(Unauthenticated) as caught:
        await house.who(house.token(email="ana@example.com", email_verified=True, act=act))

    assert caught.value.code == "malformed_token"


async def test_eight_actors_are_not_too_many():
    house = make_house(people=[ANA])

    assert (await house.who(house.token(act=nested(8)))).attribution == "delegated"


# Identity-Aware Proxy.


def iap(**entry):
    return make_house(**{"attribution": "iap", "people": [ANA], **entry})


async def asserted(house, token):
    await house.keys.refresh()
    return await house.authenticator.authenticate(token, AUDIENCE, asserted=True)


@pytest.mark.parametrize("email", ["ana@example.com", "accounts.google.com:Ana@example.com"])
async def test_whoever_came_through_iap_is_a_person(email):
    house = iap()

    principal = await asserted(house, house.token(aud=SHARED, email=email, sub="accounts.google.com:123"))

    assert (principal.attribution, principal.person, principal.groups) == ("person", "ana@example.com", ("dba",))


async def test_an_assertion_is_for_the_service_that_iap_stands_before():
    """The audience that is an upstream's own is what clients ask for; IAP never has it."""
    house = iap()

    with pytest.raises(Unauthenticated) as caught:
        await asserted(house, house.token(aud=AUDIENCE, email="ana@example.com"))

    assert caught.value.code == "wrong_audience"


async def test_what_belongs_into_one_header_is_nothing_in_the_other():
    behind, before = iap(), make_house(people=[ANA])
    assertion = behind.token(aud=SHARED, email="ana@example.com")

    await asserted(behind, assertion)  # it is remembered, and still
    with pytest.raises(Unauthenticated) as caught:
        await behind.who(assertion)
    assert caught.value.code == "wrong_header"
    with pytest.raises(Unauthenticated) as caught:
        await asserted(before, before.token(email="ana@example.com", email_verified=True))
    assert caught.value.code == "wrong_header"
    assert behind.authenticator.behind_iap
    assert not before.authenticator.behind_iap


async def test_iap_signs_with_one_algorithm_only():
    house = iap(algorithm="RS256")

    with pytest.raises(Unauthenticated) as caught:
        await asserted(house, house.token(aud=SHARED, email="ana@example.com"))

    assert caught.value.code == "wrong_header"


@pytest.mark.parametrize("claims", [{"aud": [AUDIENCE, GCLOUD]}, {"azp": GCLOUD}], ids=["among others", "as azp"])
async def test_a_token_of_gclouds_own_client_is_nobodys(claims):
    """identity-and-approvals "Tokens": everybody can have one."""
    house = make_house(people=[ANA])

    with pytest.raises(Unauthenticated) as caught:
        await house.who(house.token(email="ana@example.com", email_verified=True, **claims))

    assert caught.value.code == "shared_client"
