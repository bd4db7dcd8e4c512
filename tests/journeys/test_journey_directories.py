"""A directory pushes who is who: what it says of people is on record, and holds for the next call.

Source: identity-and-approvals "Who tells us that Ana left"; RFC 7644; evidence-format section 5, `directory:changed`.
"""

import json
from collections.abc import Iterator

import pytest

from fakes.gateway_house import ROBOT, House
from fakes.scim_client import SECRET, ScimClient

DIRECTORIES = """
directories:
  - name: okta
    kind: scim
    secret: {file: ./scim-token}
"""


@pytest.fixture(scope="module")
def house(upstream, tmp_path_factory, start) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "scim-token").write_text(f"{SECRET}\nthe-one-that-comes-next-0123456789\n")
    yield from start(House(folder, upstream), lambda text: text + DIRECTORIES)


@pytest.fixture
def okta(house) -> ScimClient:
    return ScimClient(house.gateway.url)


@pytest.fixture
def robot(house):
    """A job of a service account that ana@example.com answers for."""

    def call():
        client = house.stranger(house.robot_token(ROBOT))
        return client.call("echo", text="hello")

    return call


@pytest.fixture
def ana(okta) -> Iterator[str]:
    """Ana's id at this gateway; she is gone after the test."""
    user = okta.create("Ana@Example.com")["id"]
    yield user
    okta.ask("DELETE", f"Users/{user}")


def test_whom_the_directory_locks_out_answers_for_no_job_from_the_next_call_on(house, okta, ana, robot):
    """The story that this project exists for: only the person's account at the directory is disabled."""
    assert robot().text == "echo ran"

    assert okta.deactivate(ana).body["active"] is False
    assert robot().code == "revoked"
    (request,) = house.evidence.records("directory:changed", id=ana, active=False, how="changed")
    assert (request["directory"], request["what"], request["email"]) == ("okta", "user", "ana@example.com")

    okta.patch(f"Users/{ana}", {"op": "Replace", "path": "active", "value": "True"})
    assert robot().text == "echo ran"


# Okta's requests, as its reference shows them: https://developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20


def test_a_persons_life_in_oktas_dialect(okta):
    """Look for the user, create, read, replace, lock out without a path, let in again, and give another name."""
    name = "test.user@okta.local"
    looked = okta.search("Users", f'userName eq "{name}"', startIndex="1", count="100")
    assert (looked.status, looked.body["totalResults"], looked.body["Resources"]) == (200, 0, [])
    made = okta.create(name)
    assert (made["userName"], made["active"], made["externalId"]) == (name, True, f"00u-{name}")
    assert "password" not in made
    assert "locale" not in made, "what the gateway needs not is not kept"

    user = f"Users/{made['id']}"
    read = okta.ask("GET", user)
    assert read.body == made
    assert read.headers["content-type"] == "application/scim+json"
    replaced = okta.ask(
        "PUT", user, {**made, "name": {"givenName": "Another", "middleName": "x", "familyName": "User"}}
    )
    assert (replaced.status, replaced.body["name"]) == (200, {"givenName": "Another", "familyName": "User"})
    assert okta.deactivate(made["id"]).body["active"] is False
    assert okta.search("Users", f'userName eq "{name}"').body["Resources"][0]["active"] is False
    again = okta.patch(user, {"op": "replace", "value": {"active": True}})
    assert again.body["active"] is True
    assert okta.ask("DELETE", user).status == 204
    assert okta.ask("GET", user).status == 404


def test_a_groups_life_in_oktas_dialect(okta, ana):
    """Create, rename without a path and with an id that cannot change, add and remove members, replace."""
    bo = okta.create("bo@example.com")["id"]
    made = okta.ask(
        "POST",
        "Groups",
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Test SCIMv2", "members": []},
    )
    assert made.status == 201
    group = f"Groups/{made.body['id']}"

    renamed = okta.patch(group, {"op": "replace", "value": {"id": made.body["id"], "displayName": "dba"}})
    assert (renamed.status, renamed.body["displayName"]) == (200, "dba")
    members = [{"value": ana, "display": "ana@example.com"}, {"value": bo, "display": "bo@example.com"}]
    okta.patch(group, {"op": "add", "path": "members", "value": members})
    assert {one["value"] for one in okta.ask("GET", group).body["members"]} == {ana, bo}
    assert [one["display"] for one in okta.ask("GET", f"Users/{ana}").body["groups"]] == ["dba"]
    okta.patch(group, {"op": "remove", "path": f'members[value eq "{bo}"]'})
    assert [one["value"] for one in okta.ask("GET", group).body["members"]] == [ana]
    okta.ask("PUT", group, {"displayName": "dba", "members": [{"value": bo}]})
    assert [one["value"] for one in okta.ask("GET", group).body["members"]] == [bo]
    listed = okta.ask("GET", "Groups?startIndex=1&count=100").body
    assert [one["displayName"] for one in listed["Resources"]] == ["dba"]
    assert okta.ask("DELETE", group).status == 204
    okta.ask("DELETE", f"Users/{bo}")


# Entra's, as its tutorial shows them: https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def test_a_persons_life_in_entras_dialect(okta):
    """Operations in capitals, truth values as texts, paths into what is not there yet, and attributes of extensions."""
    name = "Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1"
    body = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": name,
        "active": "True",
        "emails": [{"primary": True, "type": "work", "value": "Test_User@testuser.com"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"},
        "roles": [],
        ENTERPRISE: {"department": "Operations", "manager": "1"},
    }
    made = okta.ask("POST", "Users", body)
    assert (made.status, made.body["active"]) == (201, True)
    user = f"Users/{made.body['id']}"
    found = okta.search("Users", f'externalId eq "{body["externalId"]}"').body["Resources"]
    assert [one["id"] for one in found] == [made.body["id"]]
    work = 'emails[type eq "work"].value'
    assert okta.search("Users", f'{work} eq "test_user@TESTUSER.com"').body["totalResults"] == 1

    changed = okta.patch(
        user,
        {"op": "Replace", "path": work, "value": "updatedEmail@microsoft.com"},
        {"op": "Replace", "path": "name.familyName", "value": "updatedFamilyName"},
        {"op": "Add", "path": 'emails[type eq "home"].value', "value": "home@microsoft.com"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Sales"},
        {"op": "Replace", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+1"},
    )
    assert changed.status == 200
    assert changed.body["name"]["familyName"] == "updatedFamilyName"
    assert changed.body["emails"] == [
        {"primary": True, "type": "work", "value": "updatedEmail@microsoft.com"},
        {"type": "home", "value": "home@microsoft.com"},
    ]
    assert okta.patch(user, {"op": "Replace", "path": "active", "value": "False"}).body["active"] is False
    assert okta.search("Users", f'userName eq "{name}" and active eq false').body["totalResults"] == 1
    without = {"op": "Add", "value": {"name.givenName": "A", "active": "True", f"{ENTERPRISE}:division": "X"}}
    again = okta.patch(user, without).body
    assert (again["active"], again["name"]["givenName"]) == (True, "A")
    assert okta.ask("DELETE", user).status == 204


def test_a_groups_life_in_entras_dialect(okta, ana):
    made = okta.ask(
        "POST",
        "Groups",
        {
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:Group",
                "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
            ],
            "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
            "displayName": "displayName",
            "meta": {"resourceType": "Group"},
        },
    ).body
    group = f"Groups/{made['id']}"
    found = okta.ask("GET", 'Groups?excludedAttributes=members&filter=displayName+eq+"displayName"').body
    assert [one["id"] for one in found["Resources"]] == [made["id"]]
    assert okta.patch(group, {"op": "Replace", "path": "displayName", "value": "readers"}).status == 200
    added = [{"$ref": None, "value": ana}]
    okta.patch(group, {"op": "Add", "path": "members", "value": added})
    assert "members" not in okta.ask("GET", f"{group}?excludedAttributes=members").body
    condition = f'id eq "{made["id"]}" and members eq "{ana}"'
    assert okta.search("Groups", condition).body["totalResults"] == 1
    okta.patch(group, {"op": "Remove", "path": "members", "value": added})
    assert okta.search("Groups", condition).body["totalResults"] == 0
    assert okta.ask("DELETE", group).status == 204


# What RFC 7644 says beside.


def test_a_name_is_had_once_and_free_again_when_its_holder_is_deleted(okta, ana):
    """RFC 7644 section 3.3."""
    taken = okta.ask("POST", "Users", {"userName": "ANA@example.com"})
    assert (taken.status, taken.body["scimType"]) == (409, "uniqueness")

    okta.ask("DELETE", f"Users/{ana}")
    again = okta.create("ana@example.com")["id"]
    assert again != ana
    okta.ask("DELETE", f"Users/{again}")


def test_who_changes_what_was_changed_meanwhile_is_told(okta, ana):
    """RFC 7644 section 3.14."""
    first = okta.ask("GET", f"Users/{ana}")
    assert first.headers["etag"] == first.body["meta"]["version"]
    assert okta.ask("GET", f"Users/{ana}", if_none_match=first.headers["etag"]).status == 304
    renamed = {"op": "replace", "path": "displayName", "value": "A."}
    second = okta.patch(f"Users/{ana}", renamed, if_match=first.headers["etag"])
    assert (second.status, second.headers["etag"]) == (200, 'W/"2"')

    late = okta.patch(f"Users/{ana}", {"op": "remove", "path": "displayName"}, if_match=first.headers["etag"])

    assert late.status == 412
    assert okta.ask("GET", f"Users/{ana}").body["displayName"] == "A."


def test_a_page_is_a_page(okta):
    """RFC 7644 section 3.4.2.4."""
    ids = [okta.create(f"{number}@pages.example.com")["id"] for number in range(5)]
    condition = 'userName ew "@pages.example.com"'

    page = okta.search("Users", condition, startIndex="2", count="2").body
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (5, 2, 2)
    assert [one["id"] for one in page["Resources"]] == ids[1:3]
    assert okta.search("Users", condition, startIndex="0", count="-1").body["Resources"] == []
    assert okta.search("Users", condition, startIndex="9").body["Resources"] == []
    for user in ids:
        okta.ask("DELETE", f"Users/{user}")


def test_a_replacement_that_says_nothing_of_active_changes_nothing_in_it(okta, ana):
    okta.deactivate(ana)

    replaced = okta.ask("PUT", f"Users/{ana}", {"userName": "ana@example.com"})

    assert replaced.body["active"] is False


REFUSED = [
    ("POST", "Users", b"", 400, "invalidSyntax"),
    ("POST", "Users", b"not json", 400, "invalidSyntax"),
    ("POST", "Users", b"[]", 400, "invalidSyntax"),
    ("POST", "Users", b"{}", 400, "invalidValue"),
    ("POST", "Users", b'{"userName": "a", "userName": "b"}', 400, "invalidSyntax"),
    ("POST", "Users", b'{"userName": 7}', 400, "invalidValue"),
    ("POST", "Users", b'{"userName": "a", "active": "perhaps"}', 400, "invalidValue"),
    ("POST", "Users", b'{"userName": "a", "emails": 7}', 400, "invalidValue"),
    ("POST", "Users", b'{"userName": "a", "name": "b"}', 400, "invalidValue"),
    ("POST", "Users", b'{"userName": "' + b"a" * 2000 + b'"}', 400, "invalidValue"),
    ("POST", "Users", b"[" * 100_000, 400, "invalidSyntax"),
    ("POST", "Users", b'{"userName": "a", "x": "' + b"a" * 600_000 + b'"}', 413, None),
    ("POST", "Groups", b'{"members": []}', 400, "invalidValue"),
    ("PATCH", "Users/{ana}", b"{}", 400, "invalidSyntax"),
    ("PATCH", "Users/{ana}", b'{"Operations": [7]}', 400, "invalidSyntax"),
    ("PATCH", "Users/{ana}", b'{"Operations": [{"op": "move", "path": "active"}]}', 400, "invalidSyntax"),
    ("PATCH", "Users/{ana}", b'{"Operations": [{"op": "remove"}]}', 400, "noTarget"),
    ("PATCH", "Users/{ana}", b'{"Operations": [{"op": "remove", "path": "userName"}]}', 400, "mutability"),
    ("PATCH", "Users/{ana}", b'{"Operations": [{"op": "add", "path": "groups", "value": []}]}', 400, "mutability"),
    ("PATCH", "Users/{ana}", b'{"Operations": [{"op": "add", "path": "emails[", "value": "a"}]}', 400, "invalidPath"),
    ("PATCH", "Users/{ana}", b'{"Operations": [{"op": "add", "path": "name[a pr]", "value": 1}]}', 400, "invalidPath"),
    ("PATCH", "Users/{ana}", b'{"Operations": [{"op": "replace", "value": "x"}]}', 400, "invalidValue"),
    (
        "PATCH",
        "Users/{ana}",
        b'{"Operations": [{"op": "replace", "path": "emails[value co \\"zz\\"].type", "value": "home"}]}',
        400,
        "noTarget",
    ),
    ("GET", "Users?filter=userName", None, 400, "invalidFilter"),
    ("GET", "Users?filter=userName+like+%22a%22", None, 400, "invalidFilter"),
    ("GET", "Users?filter=userName+eq+a", None, 400, "invalidFilter"),
    ("GET", "Users?filter=userName+eq+%22a", None, 400, "invalidFilter"),
    ("GET", "Users?filter=" + "(" * 100 + "active+pr" + ")" * 100, None, 400, "invalidFilter"),
    ("GET", "Users?filter=" + "a" * 5000, None, 400, "invalidFilter"),
    ("GET", "Users?startIndex=one", None, 400, "invalidValue"),
    ("GET", "Users?" + "&".join(f"a{n}=1" for n in range(50)), None, 400, "invalidValue"),
    ("GET", "Users/nobody", None, 404, None),
    ("PATCH", "Users/nobody", b'{"Operations": [{"op": "remove", "path": "active"}]}', 404, None),
    ("DELETE", "Users/nobody", None, 404, None),
    ("GET", "Robots", None, 404, None),
    ("GET", "", None, 404, None),
    ("GET", "Users/{ana}/groups", None, 404, None),
    ("DELETE", "Users", None, 405, None),
    ("POST", "Users/{ana}", b"{}", 405, None),
    ("POST", "Schemas", b"{}", 405, None),
    ("GET", "Schemas?filter=id+pr", None, 403, None),
]


@pytest.mark.parametrize("refused", REFUSED, ids=lambda one: f"{one[0]} {one[1][:30]} {one[3]} {one[4]}")
def test_what_cannot_be_done_is_said_in_scims_words(okta, ana, refused):
    """RFC 7644 section 3.12."""
    method, path, body, status, scim_type = refused
    answer = okta.ask(method, path.replace("{ana}", ana), body)

    assert (answer.status, answer.body.get("scimType")) == (status, scim_type)
    assert answer.body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.body["status"] == str(status)
    assert answer.body["detail"]
    assert okta.ask("GET", f"Users/{ana}").body["meta"]["version"] == 'W/"1"', "all of it or nothing"


def test_a_group_that_grows_past_what_can_be_kept_is_refused_and_stays(okta):
    """A document of Firestore holds 1 MiB."""
    group = okta.ask("POST", "Groups", {"displayName": "everybody"}).body["id"]
    answers = [
        okta.patch(
            f"Groups/{group}",
            {"op": "add", "path": "members", "value": [{"value": f"{part}-{n:0>90}"} for n in range(4000)]},
        )
        for part in range(3)
    ]

    assert [one.status for one in answers] == [200, 200, 413]
    assert len(okta.ask("GET", f"Groups/{group}").body["members"]) == 8000
    assert okta.ask("DELETE", f"Groups/{group}").status == 204


# Who may speak for a directory.


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET[:-1], SECRET + "0", "ünïcode-and-more-of-it"])
def test_whoever_does_not_know_the_secret_is_turned_away_on_record(house, secret):
    answer = ScimClient(house.gateway.url, secret.encode().decode("latin-1") if secret else secret).ask("GET", "Users")

    assert (answer.status, answer.body["schemas"]) == (401, ["urn:ietf:params:scim:api:messages:2.0:Error"])
    assert answer.headers["www-authenticate"].startswith("Bearer")
    record = json.loads(house.evidence.lines()[answer.headers["affidavit-record"]])
    assert (record["kind"], record["issuer"]) == ("identity:rejected", "okta")
    assert record["reason"] == ("wrong_secret" if secret else "missing_token")


def test_the_secret_that_comes_next_holds_too_and_neither_is_in_any_record(house, okta):
    """While one is replaced, both hold."""
    ScimClient(house.gateway.url, "the-one-that-comes-next-0123456789").create("cy@example.com")

    assert okta.search("Users", 'userName eq "cy@example.com"').body["totalResults"] == 1
    everything = b"".join(house.evidence.lines().values()) + house.gateway.diagnostics().encode()
    assert SECRET.encode() not in everything
    assert b"comes-next" not in everything


def test_a_foreign_name_or_page_is_not_served(house, okta):
    """mcp "Duties": Host and Origin, as for calls."""
    assert ScimClient(house.gateway.url, host="evil.example.com").ask("GET", "Users").status == 403
    assert okta.ask("GET", "Users", Origin="https://evil.example.com").status == 403


def test_a_directorys_secret_is_no_token_and_a_token_no_secret(house):
    assert house.stranger(SECRET).call("echo").status == 401
    assert ScimClient(house.gateway.url, house.token()).ask("GET", "Users").status == 401


# What it means for calls.


def test_a_group_of_the_directory_is_the_principals_from_the_next_call_on(house, okta, ana):
    answer = okta.ask("POST", "Groups", {"displayName": "admins", "members": [{"value": ana}]})
    client = house.client("ana")
    client.call("echo", text="one")
    (*_, call) = house.evidence.records("call:requested", method="tools/call")
    assert call["principal"]["groups"] == ["dba", "admins"]

    gone = answer.body["id"]
    assert okta.ask("DELETE", f"Groups/{gone}").status == 204
    client.call("echo", text="two")
    (*_, call) = house.evidence.records("call:requested", method="tools/call")
    assert call["principal"]["groups"] == ["dba"]


def test_who_is_in_no_directory_is_nobody(house):
    house.client("stranger").call("echo", text="hello")

    (*_, refused) = house.evidence.records("call:refused")
    assert (refused["principal"]["person"], refused["principal"]["attribution"]) == (None, "none")


def test_each_change_is_on_record_with_what_is_kept_of_it(house, okta):
    user = okta.create("di@example.com")["id"]
    okta.ask("DELETE", f"Users/{user}")

    made, gone = house.evidence.records("directory:changed", id=user)
    assert (made["how"], made["active"], made["email"]) == ("created", True, "di@example.com")
    assert (gone["how"], gone["active"], gone["email"]) == ("deleted", False, "di@example.com")
    assert b'"userName":"di@example.com"' in house.evidence.body(made["resource"])
    assert b"1mz050nq" not in house.evidence.body(made["resource"]), "a password is never kept"


def test_who_deletes_again_because_no_answer_came_is_on_record_again(house, okta):
    """The record may have been what failed."""
    user = okta.create("ed@example.com")["id"]
    assert [okta.ask("DELETE", f"Users/{user}").status for _ in range(2)] == [204, 404]

    assert len(house.evidence.records("directory:changed", id=user, how="deleted")) == 2


def test_readyz_says_how_old_each_confirmation_is(house):
    ready = house.gateway.ready()

    assert set(ready["directories"]) == {"okta"}
    assert 0 <= ready["directories"]["okta"]["confirmed_s"] < 60
