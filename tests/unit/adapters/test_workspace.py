"""`adapters.gcp.workspace`: all users of a Google Workspace, or none.

Source: Admin SDK Directory API v1 `users.list`; identity-and-approvals "Who tells us that Ana left".
"""

from __future__ import annotations

import json

import pytest
import requests

from affidavit.adapters.gcp.impersonation import IamCredentials
from affidavit.adapters.gcp.workspace import SCOPE, Workspace, open_workspace
from affidavit.clock import system_clock
from affidavit.errors import Misconfigured, Unavailable
from affidavit.identity.id_token import UnverifiedToken
from affidavit.identity.reading import ReadUser
from fakes.iam_server import IamServer
from fakes.workspace_server import TOKEN_URL, WorkspaceServer

ACCOUNT = "reader@acme.iam.gserviceaccount.com"
ADMIN = "admin@example.com"


@pytest.fixture
def iam():
    server = IamServer(ACCOUNT)
    with server.serving() as server.address:
        yield server


@pytest.fixture
def google(iam):
    server = WorkspaceServer(iam.issuer, account=ACCOUNT, admin=ADMIN)
    for number, name in enumerate(("admin", "ana", "bo", "cy", "di")):
        server.add(str(number), f"{name}@example.com")
    with server.serving() as server.address:
        yield server


@pytest.fixture
def workspace(iam, google) -> Workspace:
    return Workspace(
        customer="my_customer",
        admin=ADMIN,
        account=ACCOUNT,
        iam=IamCredentials(requests.Session(), f"http://{iam.address}"),
        session=requests.Session(),
        clock=system_clock,
        token_url=f"http://{google.address}/token",
        admin_url=f"http://{google.address}",
    )


def test_all_pages_are_read_in_an_administrators_name_without_a_key(workspace, google, iam):
    """RFC 7523: what is signed names the account, the administrator, and the one thing that they may."""
    assert {one.emails[0] for one in workspace.read()} == {one["primaryEmail"] for one in google.users.values()}

    assert [one.get("pageToken") for one in google.asked] == [None, "page-2", "page-4"]
    ((account, method, content),) = iam.asked
    claims = json.loads(content["payload"])
    assert (account, method) == (ACCOUNT, "signJwt")
    assert (claims["iss"], claims["sub"], claims["scope"], claims["aud"]) == (ACCOUNT, ADMIN, SCOPE, TOKEN_URL)
    assert UnverifiedToken.read(iam.issuer.sign(content["payload"])).claims == claims


def test_a_user_has_all_addresses_and_is_active_unless_suspended_or_archived(workspace, google):
    google.add("1", "Ana@example.com", aliases=["ana.k@example.com"], nonEditableAliases=["ana@example.com.test.com"])
    google.add("2", "bo@example.com", suspended=True)
    google.add("3", "cy@example.com", archived=True)

    found = {one.id: one for one in workspace.read()}

    emails = ("ana@example.com", "ana.k@example.com", "ana@example.com.test.com")
    assert found["1"] == ReadUser(id="1", emails=emails, active=True)
    assert [found[one].active for one in "0234"] == [True, False, False, True]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    "fault",
    [
        500,
        503,
        302,
        b"not json",
        b"[]",
        b"{}",
        b'{"kind": "admin#directory#members"}',
        b'{"kind": "admin#directory#users", "users": {}}',
        b'{"kind": "admin#directory#users", "users": [{"id": "1"}]}',
        b'{"kind": "admin#directory#users", "users": [{"id": 1, "primaryEmail": "ana@example.com"}]}',
        b'{"kind": "admin#directory#users", "users": [{"id": "1", "primaryEmail": "a@b.c", "suspended": "true"}]}',
        b'{"kind": "admin#directory#users", "users": [{"id": "1", "primaryEmail": "a@b.c", "aliases": "b@b.c"}]}',
        b'{"kind": "admin#directory#users", "nextPageToken": 7}',
        b'{"kind": "admin#directory#users", "nextPageToken": ""}',
    ],
)
def test_what_is_not_whole_is_no_reading_on_whatever_page(workspace, google, at, fault):
    """A page that is lost midway would make everybody on it look deleted."""
    google.failing[at] = fault

    with pytest.raises(Unavailable):
        workspace.read()


@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_what_may_not_be_read_is_said_with_its_mend(workspace, google, at, status):
    google.failing[at] = status

    with pytest.raises(Misconfigured, match="Domain-wide delegation"):
        workspace.read()


def test_an_account_without_delegation_hears_what_to_do(workspace, google):
    google.delegated.clear()

    with pytest.raises(Misconfigured, match="Domain-wide delegation"):
        workspace.read()


def test_an_account_that_may_not_be_used_is_said_with_its_mend(workspace, iam):
    iam.failing = 403

    with pytest.raises(Misconfigured, match="serviceAccountTokenCreator"):
        workspace.read()


@pytest.mark.parametrize("instead", [{}, {"signedJwt": 7}, {"signedJwt": ""}])
def test_an_answer_of_iam_without_a_signature_is_none(workspace, iam, instead):
    iam.instead = instead

    with pytest.raises(Unavailable):
        workspace.read()


def test_an_answer_that_breaks_off_is_none(workspace, google):
    google.lost = 1

    with pytest.raises(Unavailable):
        workspace.read()


def test_a_list_that_goes_round_in_circles_ends(workspace, google):
    again = b'{"kind": "admin#directory#users", "users": [], "nextPageToken": "page-0"}'
    google.failing.update(dict.fromkeys(range(5), again))

    with pytest.raises(Unavailable, match="how its list goes on"):
        workspace.read()


def test_a_workspace_without_an_active_user_is_not_believed(workspace, google):
    """The administrator who asks is one."""
    google.users.clear()
    with pytest.raises(Unavailable, match="no active user"):
        workspace.read()

    google.add("1", "ana@example.com", suspended=True)
    with pytest.raises(Unavailable, match="no active user"):
        workspace.read()


def test_a_server_that_is_gone_is_unavailable(workspace):
    broken = Workspace(
        customer="my_customer",
        admin=ADMIN,
        account=ACCOUNT,
        iam=workspace.iam,
        session=requests.Session(),
        clock=system_clock,
        token_url="http://127.0.0.1:9/token",
    )

    with pytest.raises(Unavailable):
        broken.read()


def test_no_text_of_a_failure_has_a_token_in_it(workspace, google):
    google.failing[0] = 500
    with pytest.raises(Unavailable) as caught:
        workspace.read()

    assert google.tokens
    assert not any(token in str(caught.value) for token in google.tokens)


def test_it_is_opened_where_the_environment_says(iam, google):
    environment = {"WORKSPACE_EMULATOR_HOST": google.address, "IAM_CREDENTIALS_EMULATOR_HOST": iam.address}

    assert len(open_workspace("my_customer", ADMIN, ACCOUNT, environment, system_clock).read()) == 5
    with pytest.raises(Misconfigured, match="Cloud Run"):
        open_workspace("my_customer", ADMIN, ACCOUNT, environment | {"K_SERVICE": "gateway"}, system_clock)
