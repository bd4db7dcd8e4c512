"""Deadlines of one length behind one timer."""

import asyncio

import pytest

from affidavit.deadlines import Deadlines


class ByHand:
    """A loop whose time is set by hand; its timers may ring too early, as libuv's do (by up to a millisecond)."""

    def __init__(self):
        self.now = 100.0
        self.timers = []

    def time(self):
        return self.now

    def call_at(self, at, look):
        self.timers.append((at, look))

    def ring(self, now):
        self.now = now
        (at, look), self.timers = self.timers[0], self.timers[1:]
        look()
        return at


@pytest.fixture
def loop(monkeypatch):
    loop = ByHand()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return loop


@pytest.fixture
def deadlines(loop):
    return Deadlines(5.0)


@pytest.fixture
def told():
    return []


def test_what_is_not_lifted_passes_once(deadlines, loop, told):
    deadlines.set("a", lambda: told.append("a"))

    assert loop.ring(105.0) == 105.0
    assert told == ["a"]
    assert loop.timers == []


def test_what_is_lifted_does_not_pass(deadlines, loop, told):
    deadlines.set("a", lambda: told.append("a"))
    deadlines.lift("a")
    deadlines.lift("never set")

    loop.ring(105.0)
    assert told == []
    assert loop.timers == []


def test_all_run_behind_one_timer_each_to_its_own_time(deadlines, loop, told):
    for number in range(3):
        loop.now = 100.0 + number
        deadlines.set(number, lambda number=number: told.append(number))
    deadlines.lift(1)
    assert len(loop.timers) == 1

    loop.ring(105.0)
    assert told == [0]
    assert loop.ring(107.0) == 107.0
    assert told == [0, 2]


def test_a_timer_that_rings_early_makes_no_deadline_early(deadlines, loop, told):
    deadlines.set("a", lambda: told.append("a"))

    loop.ring(104.9995)
    assert told == []
    assert loop.ring(105.0005) == pytest.approx(105.0005), "and not at once again and again"
    assert told == ["a"]


def test_one_that_passes_may_set_the_next(deadlines, loop, told):
    deadlines.set("a", lambda: deadlines.set("b", lambda: told.append("b")))

    loop.ring(105.0)
    assert len(loop.timers) == 1
    loop.ring(110.0)
    assert told == ["b"]


def test_one_that_passes_may_lift_others_that_are_due(deadlines, loop, told):
    deadlines.set("a", lambda: deadlines.lift("b"))
    deadlines.set("b", lambda: told.append("b"))
    deadlines.set("c", lambda: told.append("c"))

    loop.ring(105.0)
    assert told == ["c"]
    assert loop.timers == []


def test_one_that_goes_wrong_strands_nobody(deadlines, loop, told):
    deadlines.set("a", lambda: 1 // 0)
    deadlines.set("b", lambda: told.append("b"))

    with pytest.raises(ZeroDivisionError):
        loop.ring(105.0)
    loop.ring(105.001)
    assert told == ["b"]


def test_after_a_rest_a_new_deadline_has_its_whole_time(deadlines, loop, told):
    deadlines.set("a", lambda: told.append("a"))
    loop.ring(105.0)
    loop.now = 200.0
    deadlines.set("b", lambda: told.append("b"))

    assert loop.timers[0][0] == 205.0


async def test_they_pass_on_a_real_loop():
    passed = asyncio.Event()
    Deadlines(0.01).set("a", passed.set)

    await asyncio.wait_for(passed.wait(), 10)
