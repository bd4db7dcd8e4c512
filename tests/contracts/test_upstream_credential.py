"""The laws of `gateway.credentials.UpstreamCredential`, on one that is fixed and one that is fetched."""

from __future__ import annotations

import asyncio
import contextlib

import orjson
import pytest

from affidavit.clock import MINUTE
from affidavit.errors import Misconfigured, Refused, Unavailable, Unusable
from affidavit.gateway.credentials import Fetched, FetchedCredential, FixedCredential

NOW = 1_795_350_357_000_001
VALUE = "never-in-a-text"


class Fixed:
    credential = FixedCredential({"Authorization": f"Bearer {VALUE}"})


class Renewed:
    """One whose source a test tells what to give."""

    def __init__(self):
        self.now = NOW
        self.version = 1
        self.fails: Exception | None = None
        self.serves: int | None = 60 * MINUTE
        self.credential = FetchedCredential("warehouse", self._fetch, lambda: self.now)

    def _fetch(self):
        if self.fails is not None:
            raise self.fails
        headers = {"Authorization": f"Bearer {VALUE}-{self.version}"}
        expires = None if self.serves is None else self.now + self.serves
        return Fetched(headers, expires, {"kind": "secret", "version": str(self.version)})


@pytest.fixture(params=[Fixed, Renewed])
def one(request):
    return request.param()


@pytest.fixture
def renewed():
    return Renewed()


def version(shown):
    return shown.headers["Authorization"].rpartition("-")[2], orjson.loads(orjson.dumps(shown.record))["version"]


async def test_what_was_got_is_shown(one):
    """Law 1."""
    await one.credential.refresh()

    assert one.credential.shown.headers["Authorization"].startswith(f"Bearer {VALUE}")


async def test_what_is_not_there_is_refused_and_not_waited_for(renewed):
    """Law 1."""
    with pytest.raises(Refused) as refused:
        renewed.credential.shown  # noqa: B018
    assert refused.value.code == "no_upstream_credential"

    await renewed.credential.refresh()
    renewed.now += 60 * MINUTE
    with pytest.raises(Refused, match="nothing was sent"):
        renewed.credential.shown  # noqa: B018


async def test_headers_and_record_belong_together_whatever_is_renewed(renewed):
    """Law 2."""
    await renewed.credential.refresh()
    before = renewed.credential.shown
    renewed.version = 2
    await renewed.credential.refresh()

    assert version(before) == ("1", "1")
    assert version(renewed.credential.shown) == ("2", "2")


@pytest.mark.parametrize("error", [Unavailable, Misconfigured, RuntimeError])
async def test_a_renewal_that_fails_changes_nothing(renewed, error):
    """Law 3."""
    await renewed.credential.refresh()
    renewed.fails = error("as told")
    renewed.version = 2

    with pytest.raises(error):
        await renewed.credential.refresh()
    renewed.now += 50 * MINUTE
    assert version(renewed.credential.shown) == ("1", "1")


async def test_what_was_taken_away_is_shown_no_more_where_it_would_never_end(renewed):
    """Law 3; Secret Manager "Enable and disable a secret version": a version is disabled to take it out of use."""
    renewed.serves = None
    await renewed.credential.refresh()

    for harmless in (Unavailable("an outage"), Unusable("the newest version is two lines")):
        renewed.fails = harmless
        with pytest.raises(type(harmless)):
            await renewed.credential.refresh()
        assert version(renewed.credential.shown) == ("1", "1")

    renewed.fails = Misconfigured("this version is disabled")
    with pytest.raises(Misconfigured):
        await renewed.credential.refresh()
    with pytest.raises(Refused, match="nothing was sent"):
        renewed.credential.shown  # noqa: B018

    renewed.fails = None
    await renewed.credential.refresh()
    assert version(renewed.credential.shown) == ("1", "1")


async def test_what_has_run_out_already_is_none_and_changes_nothing(renewed):
    """Laws 1 and 3: of a machine whose clock is wrong, say."""
    await renewed.credential.refresh()
    renewed.version = 2
    token = renewed._fetch()
    late = FetchedCredential("warehouse", lambda: token, lambda: NOW + 60 * MINUTE)

    with pytest.raises(Unavailable, match="is the clock right"):
        await late.refresh()
    with pytest.raises(Refused):
        late.shown  # noqa: B018


async def test_no_text_has_the_value(one, caplog):
    """Law 4."""
    caplog.set_level("DEBUG")
    await one.credential.refresh()

    said = [repr(one.credential), repr(one.credential.shown), str(one.credential.shown), caplog.text]
    assert VALUE not in "".join(said)


async def test_no_failure_has_the_value(renewed, caplog):
    """Law 4: what is raised unexpectedly may hold anything."""
    await renewed.credential.refresh()
    renewed.fails = RuntimeError(f"cannot parse {VALUE}")
    renewed.now += 60 * MINUTE

    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) > 1:
            raise asyncio.CancelledError

    with contextlib.suppress(asyncio.CancelledError):
        await renewed.credential.keep_fresh(sleep)

    assert "warehouse: RuntimeError" in caplog.text
    assert VALUE not in caplog.text


async def test_what_is_fixed_has_nothing_to_renew():
    await Fixed.credential.keep_fresh()
    assert Fixed.credential.shown.record is None
