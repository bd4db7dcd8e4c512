"""Two directories push to one gateway: each speaks for its own people, and one that locks out is believed.

Source: identity-and-approvals "Who tells us that Ana left".
"""

from collections.abc import Iterator

import pytest

from fakes.gateway_house import ROBOT, House
from fakes.scim_client import SECRET, ScimClient

OTHER = "entra-says-who-is-who-9876543210"
DIRECTORIES = """
directories:
  - name: okta
    kind: scim
    secret: {file: ./okta-token}
  - name: entra
    kind: scim
    secret: {file: ./entra-token}
"""


@pytest.fixture(scope="module")
def house(upstream, tmp_path_factory, start) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "okta-token").write_text(SECRET)
    (folder / "entra-token").write_text(OTHER)
    yield from start(House(folder, upstream), lambda text: text + DIRECTORIES)


@pytest.fixture
def okta(house) -> ScimClient:
    return ScimClient(house.gateway.url)


@pytest.fixture
def entra(house) -> ScimClient:
    return ScimClient(house.gateway.url, OTHER)


def robot_may(house) -> bool:
    answer = house.stranger(house.robot_token(ROBOT)).call("echo", text="hello")
    return answer.status == 200 and answer.result.get("isError") is not True


def test_one_that_locks_out_is_believed_whatever_the_other_says(house, okta, entra):
    """The other may not know it yet."""
    at_okta, at_entra = okta.create("ana@example.com")["id"], entra.create("ana@example.com")["id"]
    assert robot_may(house)

    okta.deactivate(at_okta)
    assert not robot_may(house)

    okta.patch(f"Users/{at_okta}", {"op": "replace", "value": {"active": True}})
    assert robot_may(house)
    entra.ask("DELETE", f"Users/{at_entra}")
    assert not robot_may(house)
    entra.create("ana@example.com")
    assert robot_may(house)


def test_neither_sees_or_changes_what_the_other_said(okta, entra):
    """A secret speaks for one directory."""
    user = okta.create("bo@example.com")["id"]
    group = okta.ask("POST", "Groups", {"displayName": "admins", "members": [{"value": user}]}).body["id"]

    for path in (f"Users/{user}", f"Groups/{group}"):
        assert entra.ask("GET", path).status == 404
        assert entra.ask("DELETE", path).status == 404
        assert entra.patch(path, {"op": "replace", "path": "externalId", "value": "x"}).status == 404
        assert entra.ask("PUT", path, {"userName": "x", "displayName": "x"}).status == 404
    assert entra.search("Users", f'id eq "{user}"').body["totalResults"] == 0
    assert entra.ask("POST", ".search", {"filter": 'displayName eq "admins"'}).body["totalResults"] == 0
    entra.ask("POST", "Groups", {"displayName": "admins", "members": [{"value": user}]})
    assert [one["value"] for one in okta.ask("GET", f"Users/{user}").body["groups"]] == [group]


def test_whose_secret_was_wrong_is_not_guessed(house):
    assert ScimClient(house.gateway.url, "neither-of-the-two-secrets").ask("GET", "Users").status == 401

    assert house.evidence.records("identity:rejected")[-1]["issuer"] == "other"
