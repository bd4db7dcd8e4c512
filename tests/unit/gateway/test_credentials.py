"""`gateway.credentials`: when a fetched credential is renewed, and what happens where that fails."""

from __future__ import annotations

import asyncio
import threading

import pytest

from affidavit.clock import DAY, MINUTE, SECOND
from affidavit.errors import Misconfigured, Refused, Unavailable
from affidavit.gateway.credentials import Fetched, FetchedCredential

NOW = 1_795_350_357_000_001


class Enough(Exception):
    """The test has seen what it came for."""


class World:
    """A source of tokens, and a time that passes only where somebody sleeps."""

    def __init__(self, lifetime):
        self.now = NOW
        self.lifetime = lifetime
        self.down_until = 0
        self.fetched = []
        self.tried = []
        self.credential = FetchedCredential("warehouse", self.fetch, lambda: self.now)

    def fetch(self):
        self.tried.append(self.now - NOW)
        if self.now < self.down_until:
            raise Unavailable("as told")
        self.fetched.append(self.now - NOW)
        expires = None if self.lifetime is None else self.now + self.lifetime
        return Fetched({"X-Key": str(len(self.fetched))}, expires, {"version": str(len(self.fetched))})

    async def live(self, until):
        """Keep the credential fresh until so much time has passed."""

        async def sleep(seconds):
            self.now += round(seconds * SECOND)
            if self.now - NOW > until:
                raise Enough

        with pytest.raises(Enough):
            await self.credential.keep_fresh(sleep)


@pytest.mark.parametrize(
    ("lifetime", "due"),
    [
        (60 * MINUTE, 56 * MINUTE + 15 * SECOND),  # as google.auth does
        (4 * MINUTE, 2 * MINUTE),
        (None, 5 * MINUTE),
    ],
)
async def test_it_is_renewed_ahead_of_its_end(lifetime, due):
    world = World(lifetime)
    await world.credential.refresh()

    await world.live(until=due + 30 * SECOND)

    assert world.fetched == [0, due]


async def test_it_is_renewed_after_a_sleep_of_the_whole_machine():
    """A suspended process sleeps on when it wakes: it looks at the clock, which has gone on."""
    world = World(60 * MINUTE)
    await world.credential.refresh()
    world.now += 7 * 60 * MINUTE

    await world.live(until=7 * 60 * MINUTE + SECOND)

    assert world.fetched == [0, 7 * 60 * MINUTE]
    assert world.credential.shown.headers == {"X-Key": "2"}


async def test_a_renewal_that_fails_is_tried_again_at_growing_distances(caplog):
    world = World(60 * MINUTE)
    await world.credential.refresh()
    due = 56 * MINUTE + 15 * SECOND
    world.down_until = NOW + 59 * MINUTE

    await world.live(until=59 * MINUTE + 35 * SECOND)

    distances = [(later - earlier) // SECOND for earlier, later in zip(world.tried[1:], world.tried[2:], strict=False)]
    assert world.tried[1] == due
    assert distances[:7] == [1, 2, 4, 8, 16, 30, 30]
    assert world.fetched[-1] >= 59 * MINUTE
    assert "serves for another" in caplog.text
    assert {record.levelname for record in caplog.records} == {"WARNING"}


async def test_what_has_run_out_is_said_louder_and_got_again(caplog):
    world = World(60 * MINUTE)
    await world.credential.refresh()
    world.down_until = NOW + 61 * MINUTE

    await world.live(until=60 * MINUTE)
    with pytest.raises(Refused):
        world.credential.shown  # noqa: B018
    await world.live(until=62 * MINUTE)

    assert "its calls are refused" in caplog.text
    assert world.credential.shown.headers == {"X-Key": "2"}


async def test_a_token_is_not_sent_in_its_last_seconds():
    world = World(60 * MINUTE)
    await world.credential.refresh()

    world.now = NOW + 59 * MINUTE + 29 * SECOND
    assert world.credential.shown.headers == {"X-Key": "1"}
    world.now = NOW + 59 * MINUTE + 30 * SECOND
    with pytest.raises(Refused):
        world.credential.shown  # noqa: B018


async def test_a_secret_that_cannot_be_read_serves_for_a_day():
    world = World(None)
    await world.credential.refresh()

    world.now = NOW + DAY - 1
    assert world.credential.shown.headers == {"X-Key": "1"}
    world.now = NOW + DAY
    with pytest.raises(Refused):
        world.credential.shown  # noqa: B018


async def test_another_version_is_said_once(caplog):
    caplog.set_level("INFO")
    world = World(None)
    await world.credential.refresh()
    assert caplog.text == ""

    await world.credential.refresh()
    assert 'warehouse: its credential is now {"version":"2"}' in caplog.text


async def test_of_many_that_ask_one_fetches():
    world = World(60 * MINUTE)

    await asyncio.gather(*(world.credential.refresh() for _ in range(20)))

    assert len(world.tried) == 1


async def test_who_gives_up_takes_the_fetch_from_nobody():
    begun, go_on = threading.Event(), threading.Event()

    def fetch():
        begun.set()
        go_on.wait(10)
        return Fetched({"X-Key": "1"}, None, {})

    credential = FetchedCredential("warehouse", fetch, lambda: NOW)
    impatient, patient = (asyncio.ensure_future(credential.refresh()) for _ in range(2))
    while not begun.is_set():
        await asyncio.sleep(0)
    impatient.cancel()
    go_on.set()
    await patient

    assert credential.shown.headers == {"X-Key": "1"}


@pytest.mark.parametrize("error", [Misconfigured, Unavailable])
async def test_a_first_one_that_cannot_be_had_says_of_which_upstream(error):
    def fetch():
        raise error("grant it something")

    with pytest.raises(error, match="upstream warehouse: its credential cannot be had: grant it something"):
        await FetchedCredential("warehouse", fetch, lambda: NOW).refresh()
