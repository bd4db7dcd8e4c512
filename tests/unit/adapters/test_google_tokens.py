"""`adapters.gcp.credentials` and `.impersonation`: Google's tokens and secrets as an upstream is shown them.

Source: google-auth "User guide"; IAM Service Account Credentials API v1; Secret Manager.
"""

from __future__ import annotations

import json
import time

import pytest
from google.auth.compute_engine import _metadata

from affidavit.adapters.gcp.credentials import own_access_token, own_id_token, secret_header
from affidavit.adapters.gcp.impersonation import IamCredentials, open_iam_credentials
from affidavit.adapters.gcp.secrets import Secrets, open_secrets
from affidavit.clock import SECOND
from affidavit.errors import Misconfigured, Unavailable, Unusable
from affidavit.identity.id_token import UnverifiedToken
from affidavit.policy.credentials import SecretHeader
from affidavit.wiring.cloud_credentials import open_fetch
from fakes.iam_server import IamServer
from fakes.metadata_server import MetadataServer
from fakes.secret_server import SecretServer

ACCOUNT = "acme-gateway@acme.iam.gserviceaccount.com"
READER = "reader@acme.iam.gserviceaccount.com"
WAREHOUSE = "https://warehouse.example.com"
SCOPE = "https://www.googleapis.com/auth/bigquery.readonly"
KEY = "projects/acme-gateway/secrets/warehouse-key"


def claims(fetched):
    return UnverifiedToken.read(fetched.headers["Authorization"].removeprefix("Bearer ")).claims


def lasts_about_an_hour(fetched):
    return 50 * 60 < fetched.expires / SECOND - time.time() <= 3601


@pytest.fixture
def metadata(monkeypatch):
    """This process runs on Google Cloud."""
    server = MetadataServer(ACCOUNT)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nowhere")
    with server.serving() as address:
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", address)  # google-auth reads it when it is imported
        monkeypatch.setenv("GCE_METADATA_IP", address)
        yield server


@pytest.fixture
def user(monkeypatch, tmp_path):
    """This process runs as a person, on a machine of theirs."""
    person = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "never-shown"}
    (tmp_path / "adc.json").write_text(json.dumps(person))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", True)
    monkeypatch.setattr(_metadata, "is_on_gce", lambda _: False)
    monkeypatch.setattr(_metadata, "ping", lambda *_, **__: False)


@pytest.fixture
def iam():
    server = IamServer(READER)
    with server.serving() as server.address:
        yield server


def impersonation(iam):
    return open_iam_credentials({"IAM_CREDENTIALS_EMULATOR_HOST": iam.address})


# In the account's own name.


def test_an_id_token_is_of_this_account_for_that_audience(metadata):
    fetched = own_id_token(WAREHOUSE)

    assert (claims(fetched)["aud"], claims(fetched)["email"]) == (WAREHOUSE, ACCOUNT)
    assert fetched.expires == claims(fetched)["exp"] * SECOND
    assert fetched.record == {"account": ACCOUNT, "audience": WAREHOUSE, "kind": "google_id_token"}


def test_an_access_token_is_of_this_account(metadata):
    fetched = own_access_token([SCOPE])

    assert fetched.headers == {"Authorization": "Bearer access-token-of-a-test"}
    assert lasts_about_an_hour(fetched)
    assert fetched.record == {"account": ACCOUNT, "kind": "google_access_token", "scopes": [SCOPE]}


def test_a_metadata_server_that_fails_is_said_to(metadata):
    metadata.failing = 404

    with pytest.raises(Misconfigured, match="metadata server fails"):
        own_id_token(WAREHOUSE)
    with pytest.raises(Unavailable, match=r"gives no token \(RefreshError\)"):
        own_access_token([SCOPE])


def test_a_person_has_no_id_tokens_and_hears_what_to_do(user):
    with pytest.raises(Misconfigured, match="impersonate") as refused:
        own_id_token(WAREHOUSE)
    assert "never-shown" not in str(refused.value)


def test_nobody_has_no_tokens_and_hears_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nowhere.json"))

    with pytest.raises(Misconfigured, match="impersonate"):
        own_id_token(WAREHOUSE)
    with pytest.raises(Misconfigured, match="application-default login"):
        own_access_token([SCOPE])
    with pytest.raises(Misconfigured, match="application-default login"):
        open_iam_credentials({})


# In another account's name.


def test_an_id_token_of_another_account_is_made_for_that_audience(iam):
    fetched = impersonation(iam).id_token(READER, WAREHOUSE)

    assert (claims(fetched)["aud"], claims(fetched)["email"]) == (WAREHOUSE, READER)
    assert fetched.expires == claims(fetched)["exp"] * SECOND
    assert fetched.record == {"account": READER, "audience": WAREHOUSE, "kind": "google_id_token"}


def test_an_access_token_of_another_account_is_made_for_those_scopes(iam):
    fetched = impersonation(iam).access_token(READER, [SCOPE])

    assert fetched.headers == {"Authorization": "Bearer ya29.of-reader"}
    assert lasts_about_an_hour(fetched)
    assert fetched.record == {"account": READER, "kind": "google_access_token", "scopes": [SCOPE]}
    assert iam.asked == [(READER, "generateAccessToken", {"lifetime": "3600s", "scope": [SCOPE]})]


def test_iam_is_asked_in_this_accounts_name(metadata, iam):
    session = open_iam_credentials({})._session

    fetched = IamCredentials(session, f"http://{iam.address}").id_token(READER, WAREHOUSE)

    assert claims(fetched)["email"] == READER
    assert iam.bearers == ["Bearer access-token-of-a-test"]


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        (403, Misconfigured, "roles/iam.serviceAccountTokenCreator"),
        (404, Misconfigured, "no such service account"),
        (400, Misconfigured, "no such audience or scope"),
        (503, Unavailable, "503"),
        (401, Unavailable, "401"),
    ],
)
def test_what_iam_refuses_is_said_with_what_mends_it(iam, status, kind, word):
    iam.failing = status

    with pytest.raises(kind, match=word):
        impersonation(iam).id_token(READER, WAREHOUSE)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"token": 7, "accessToken": None},
        {"token": "a\r\nb: c", "accessToken": "a\r\nb: c"},
        {"token": "never.shown.", "accessToken": "never-shown"},
        {"accessToken": "never-shown", "expireTime": "soon", "token": "never-shown"},
        ["never-shown"],
    ],
)
def test_an_answer_that_is_no_token_is_not_used_and_not_shown(iam, answer):
    iam.instead = answer

    for make in (
        lambda: impersonation(iam).id_token(READER, WAREHOUSE),
        lambda: impersonation(iam).access_token(READER, [SCOPE]),
    ):
        with pytest.raises(Unavailable) as refused:
            make()
        assert "never" not in str(refused.value)


def test_iam_that_is_not_there_is_unavailable():
    with pytest.raises(Unavailable, match="no answer"):
        open_iam_credentials({"IAM_CREDENTIALS_EMULATOR_HOST": "127.0.0.1:1"}).id_token(READER, WAREHOUSE)


def test_on_cloud_run_no_emulator_makes_tokens(iam):
    with pytest.raises(Misconfigured, match="IAM_CREDENTIALS_EMULATOR_HOST"):
        open_iam_credentials({"IAM_CREDENTIALS_EMULATOR_HOST": iam.address, "K_SERVICE": "gateway"})


# A secret.


@pytest.fixture
def secrets():
    server = SecretServer()
    with server.serving() as server.address:
        yield server


def entry(reference="secret:warehouse-key", prefix="key "):
    return SecretHeader(name="X-Key", prefix=prefix, secret=reference)


def test_a_secret_is_a_header_and_its_version_is_said(secrets):
    reader = Secrets(open_secrets({"SECRET_MANAGER_EMULATOR_HOST": secrets.address}), "acme-gateway")
    secrets.add(KEY, b"first\n")
    secrets.add(KEY, b"second\n")

    newest = secret_header(entry(), reader)
    assert newest.headers == {"X-Key": "key second"}
    assert newest.record == {"kind": "secret", "secret": KEY, "version": "2"}
    assert newest.expires is None

    for named in ("secret:warehouse-key@1", f"{KEY}/versions/1"):
        first = secret_header(entry(named), reader)
        assert (first.headers, first.record["secret"], first.record["version"]) == ({"X-Key": "key first"}, KEY, "1")


def test_a_secret_that_is_no_header_is_refused_and_not_shown(secrets):
    secrets.add(KEY, b"never\nshown")

    with pytest.raises(Unusable, match="secret:warehouse-key: not one line") as refused:
        open_fetch(entry(), {"SECRET_MANAGER_EMULATOR_HOST": secrets.address, "AFFIDAVIT_PROJECT": "acme-gateway"})()
    assert "never" not in str(refused.value)


def test_where_a_short_name_is_must_be_known(secrets):
    environment = {"SECRET_MANAGER_EMULATOR_HOST": secrets.address}
    secrets.add(KEY, b"first")

    with pytest.raises(Misconfigured, match=r"AFFIDAVIT_PROJECT, or write projects/PROJECT/secrets/warehouse-key/"):
        open_fetch(entry("secret:warehouse-key@1"), environment)
    assert open_fetch(entry(f"{KEY}/versions/latest"), environment)().headers == {"X-Key": "key first"}
