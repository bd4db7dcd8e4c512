"""A sequencer that is called each minute commits every 10 s under load, 60 s otherwise: google-cloud "Cost"."""

from __future__ import annotations

import threading

import pytest

from affidavit.audit.rounds import Rounds
from affidavit.clock import SECOND
from affidavit.errors import Unavailable
from fakes.auditor import audit_folder
from fakes.ledger import Ledger


class Minute:
    """A clock that only sleeping and working move, and what happens meanwhile."""

    def __init__(self, root, *, run_takes=0.5):
        self.ledger = Ledger(root)
        self.seconds = 1_000.0
        self.run_takes = run_takes
        self.slept = []
        self.meanwhile = lambda: None
        self.rounds = Rounds(self, self.clock, ticks=lambda: self.seconds, sleep=self.sleep)
        self.gateway = self.ledger.gateway()

    def clock(self):
        return self.ledger.now

    def sleep(self, seconds):
        assert seconds > 0
        self.slept.append(seconds)
        self.pass_(seconds)
        self.meanwhile()

    def pass_(self, seconds):
        self.seconds += seconds
        self.ledger.advance(round(seconds * SECOND))

    # What `Rounds` needs of a sequencer, which takes its time.

    def run(self, now):
        self.pass_(self.run_takes)
        return self.ledger.sequencer.run(now)

    @property
    def size(self):
        return self.ledger.sequencer.size

    @property
    def oldest_waiting(self):
        return self.ledger.sequencer.oldest_waiting

    def call(self):
        self.gateway.call()
        self.gateway.flush()

    def commits(self):
        return len(list(self.ledger.stores.evidence.names("commit/")))


@pytest.fixture
def minute(tmp_path):
    minute = Minute(tmp_path / "data")
    minute.gateway.flush()
    minute.rounds.run()
    minute.slept.clear()
    return minute


def test_where_nothing_came_it_looks_once(minute):
    before = minute.commits()

    assert minute.rounds.run().added == 0
    assert (minute.slept, minute.commits()) == ([], before)


def test_where_little_came_it_commits_at_once_and_looks_again_once(minute):
    minute.call()
    before = minute.commits()
    done = minute.rounds.run()

    assert (done.added, done.size, done.oldest_waiting) == (3, minute.size, None)
    assert minute.commits() == before + 1
    assert len(minute.slept) == 1


@pytest.mark.parametrize("run_takes", [0.01, 0.5, 4.0, 9.99])
def test_under_load_it_commits_every_ten_seconds_for_less_than_a_minute(tmp_path, run_takes):
    minute = Minute(tmp_path / "data", run_takes=run_takes)
    minute.meanwhile = minute.call
    minute.call()
    begun = minute.seconds
    done = minute.rounds.run()

    assert minute.commits() == 6, "at 0, 10, 20, 30, 40 and 50 s"
    assert minute.seconds - begun < 60
    assert done.size == minute.size
    assert len(audit_folder(minute.ledger.root).commits) == 6


def test_rounds_that_take_longer_follow_one_another_and_end_in_time(tmp_path):
    minute = Minute(tmp_path / "data", run_takes=20.0)
    run, minute.run = minute.run, lambda now: (minute.call(), run(now))[1]
    begun = minute.seconds
    minute.rounds.run()

    assert minute.slept == []
    assert minute.seconds - begun == 60, "none begins after 55 s"


def test_a_second_call_at_the_same_time_is_told_that_it_is_busy(minute):
    """Cloud Scheduler calls at least once."""
    minute.call()
    others = []

    def call_again():
        thread = threading.Thread(target=lambda: others.append(minute.rounds.run()))
        thread.start()
        thread.join()

    minute.meanwhile = call_again
    done = minute.rounds.run()

    assert [(one.busy, one.added, one.size) for one in others] == [(True, 0, done.size)]
    assert not done.busy


def test_after_a_failure_the_next_call_goes_on(minute):
    """evidence-format section 7: what is stored is all there is."""
    run = minute.run

    def fail(now):
        raise Unavailable("no route")

    minute.run = fail
    with pytest.raises(Unavailable):
        minute.rounds.run()
    minute.run = run
    minute.call()

    assert minute.rounds.run().added == 3
