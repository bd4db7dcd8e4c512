"""The laws of `gateway.credentials.UpstreamCredential`, on every way to get one (mcp "Duties")."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

import google.auth.credentials
import orjson
import pytest

from affidavit.adapters.gcp.credentials import GoogleTokens, secret
from affidavit.adapters.gcp.secrets import Secrets, open_secrets
from affidavit.clock import SECOND, system_clock
from affidavit.errors import Misconfigured, Refused, Unavailable
from affidavit.gateway.credentials import Fetched, FetchedCredential, FixedCredential
from affidavit.identity.id_token import UnverifiedToken
from affidavit.policy.configuration import GoogleAccessToken, GoogleIdToken, SecretCredential
from fakes.iam_credentials_server import IamCredentialsServer
from fakes.secret_server import SecretServer

DEPLOY = "deploy@acme.iam.gserviceaccount.com"
AUDIENCE = "https://warehouse.example.com"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
SECRET = "projects/acme-gateway/secrets/warehouse-token"
HELD = "for-the-warehouse-only"


class Own(google.auth.credentials.Credentials):
    """This process's own credentials, valid for an hour."""

    def __init__(self):
        super().__init__()
        self.token = "token-of-our-own"

    def refresh(self, request):
        self.token = "token-of-our-own"

    @property
    def expired(self):
        return False


def google_tokens(address):
    return GoogleTokens({"IAM_CREDENTIALS_EMULATOR_HOST": address}, lambda _: Own())


@contextlib.contextmanager
def opened(kind):
    if kind == "fixed":
        yield FixedCredential({"Authorization": f"Bearer {HELD}"})
    elif kind == "secret":
        server = SecretServer()
        server.add(SECRET, HELD.encode())
        with server.serving() as address:
            secrets = Secrets(open_secrets({"SECRET_MANAGER_EMULATOR_HOST": address}), "acme-gateway")
            entry = SecretCredential(name="Authorization", prefix="Bearer ", secret="secret:warehouse-token")
            yield FetchedCredential("warehouse", secret(entry, secrets), system_clock)
    else:
        with IamCredentialsServer(DEPLOY).serving() as address:
            if kind == "id token":
                source = google_tokens(address).id_token(GoogleIdToken(audience=AUDIENCE, impersonate=DEPLOY))
            else:
                source = google_tokens(address).access_token(GoogleAccessToken(scopes=(CLOUD,), impersonate=DEPLOY))
            yield FetchedCredential("warehouse", source, system_clock)


@pytest.fixture(params=["fixed", "secret", "id token", "access token"])
def credential(request):
    with opened(request.param) as credential:
        yield credential


async def test_after_a_refresh_calls_carry_what_the_source_gave(credential):
    """Laws 1 and 2."""
    await credential.refresh()

    assert credential.shown.headers["Authorization"].startswith("Bearer ")
    assert credential.shown is credential.shown


async def test_no_text_holds_it(credential, caplog):
    """Law 3."""
    caplog.set_level(logging.DEBUG, logger="affidavit")
    await credential.refresh()
    held = credential.shown.headers["Authorization"].removeprefix("Bearer ")

    texts = [repr(credential.shown), repr(credential), caplog.text, repr(credential.shown.record)]
    assert not any(held in text for text in texts)


# What each source says of it.


async def test_an_identity_token_is_of_the_named_account_for_the_named_audience():
    server = IamCredentialsServer(DEPLOY)
    with server.serving() as address:
        source = google_tokens(address).id_token(GoogleIdToken(audience=AUDIENCE, impersonate=DEPLOY))
        fetched = source()

    claims = UnverifiedToken.read(fetched.headers["Authorization"].removeprefix("Bearer ")).claims
    assert (claims["aud"], claims["email"]) == (AUDIENCE, DEPLOY)
    assert fetched.expires == claims["exp"] * SECOND
    assert fetched.about == {"account": DEPLOY, "audience": AUDIENCE, "kind": "google_id_token"}
    assert [(account, method) for account, method, _, _ in server.asked] == [(DEPLOY, "generateIdToken")]
    assert server.asked[0][3] == "Bearer token-of-our-own"


async def test_an_access_token_has_the_named_scopes_and_its_end():
    server = IamCredentialsServer(DEPLOY)
    with server.serving() as address:
        fetched = google_tokens(address).access_token(GoogleAccessToken(scopes=(CLOUD,), impersonate=DEPLOY))()

    assert server.asked[0][2]["scope"] == [CLOUD]
    assert 3500 < fetched.expires / SECOND - time.time() < 3700


async def test_an_account_that_it_may_not_act_as_says_what_mends_it():
    with IamCredentialsServer().serving() as address, pytest.raises(Misconfigured, match="serviceAccountTokenCreator"):
        google_tokens(address).id_token(GoogleIdToken(audience=AUDIENCE, impersonate=DEPLOY))()


async def test_a_service_that_does_not_answer_is_unavailable():
    server = IamCredentialsServer(DEPLOY)
    server.failing = 503
    with server.serving() as address, pytest.raises(Unavailable):
        google_tokens(address).id_token(GoogleIdToken(audience=AUDIENCE, impersonate=DEPLOY))()


async def test_a_new_version_of_a_secret_is_seen_and_named():
    """Secret Manager value with its version recorded."""
    server = SecretServer()
    server.add(SECRET, b"first")
    with server.serving() as address:
        secrets = Secrets(open_secrets({"SECRET_MANAGER_EMULATOR_HOST": address}), "acme-gateway")
        entry = SecretCredential(name="X-Api-Key", prefix="", secret="secret:warehouse-token")
        one = FetchedCredential("warehouse", secret(entry, secrets), system_clock)
        await one.refresh()
        versions = [orjson.loads(orjson.dumps(one.shown.record))["version"]]
        server.add(SECRET, b"second")
        await one.refresh()

    assert one.shown.headers == {"X-Api-Key": "second"}
    versions.append(orjson.loads(orjson.dumps(one.shown.record))["version"])
    assert versions == ["1", "2"]


# When it is got again.


class Clock:
    def __init__(self):
        self.now = 1_795_000_000 * SECOND

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        ends = self.now + seconds * SECOND
        while self.now < ends:
            await asyncio.sleep(0)


class Source:
    """Gives tokens of one hour, numbered; fails when told to."""

    def __init__(self, clock, life_s=3600):
        self.clock = clock
        self.life_s = life_s
        self.given = 0
        self.failing = None

    def __call__(self):
        if self.failing:
            raise self.failing
        self.given += 1
        expires = None if self.life_s is None else self.clock() + self.life_s * SECOND
        return Fetched({"Authorization": f"Bearer {self.given}"}, expires, {"kind": "test"})


async def keep(credential, clock, seconds, step=30):
    """Let time pass while a credential is kept fresh."""
    keeping = asyncio.ensure_future(credential.keep_fresh())
    for _ in range(seconds // step):
        clock.now += step * SECOND
        for _ in range(20):
            await asyncio.sleep(0.0005)  # a refresh runs in a thread
    keeping.cancel()


async def test_a_token_is_replaced_ahead_of_its_end():
    clock = Clock()
    source = Source(clock)
    one = FetchedCredential("warehouse", source, clock, clock.sleep)
    await one.refresh()

    await keep(one, clock, 3300 - 60)
    assert source.given == 1
    await keep(one, clock, 120)
    assert source.given == 2
    assert one.shown.headers["Authorization"] == "Bearer 2"


async def test_what_does_not_end_is_looked_at_again_now_and_then():
    clock = Clock()
    source = Source(clock, life_s=None)
    one = FetchedCredential("warehouse", source, clock, clock.sleep)
    await one.refresh()

    await keep(one, clock, 930)
    assert source.given == 4


async def test_a_failure_leaves_the_old_one_until_it_ends_and_then_nothing_is_shown(caplog):
    """Fail closed: nothing is sent with a credential that has run out."""
    clock = Clock()
    source = Source(clock)
    one = FetchedCredential("warehouse", source, clock, clock.sleep)
    await one.refresh()
    source.failing = Unavailable("no answer")

    await keep(one, clock, 3540)
    assert one.shown.headers["Authorization"] == "Bearer 1"
    assert "could not be renewed" in caplog.text
    await keep(one, clock, 60)
    with pytest.raises(Refused) as caught:
        one.shown  # noqa: B018 asking is what raises
    assert caught.value.code == "no_upstream_credential"

    source.failing = None
    await keep(one, clock, 60)
    assert one.shown.headers["Authorization"] == "Bearer 2"


async def test_before_the_first_one_nothing_is_shown():
    with pytest.raises(Refused):
        FetchedCredential("warehouse", Source(Clock()), Clock()).shown  # noqa: B018
