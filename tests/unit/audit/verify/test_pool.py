"""The processes that share the work: in order, bounded, and honest when one dies.

Source: issue 3, "verify ... under 200 MiB"; architecture "Failures".
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.pool import AHEAD, Inline, Processes
from affidavit.audit.verify.tasks import CHECKPOINT, Tasks
from affidavit.errors import Unavailable
from tampering.forge import write_folder
from tampering.story import Story


@pytest.fixture
def setup(tmp_path):
    story = Story()
    folder = write_folder(story.write(), tmp_path)
    buckets = Buckets.of(f"{folder}/evidence", [f"{folder}/bodies"], {}, f"{folder}/log")
    return buckets.form(), [story.plan.vkey], b"sixteen bytes of"


@pytest.fixture
def processes(setup):
    pool = Processes(setup)
    yield pool
    pool.close()


def sizes(setup) -> list[int]:
    folder = Path(setup[0][0]) / "checkpoint"
    return sorted(int(path.name) for path in folder.iterdir())


def test_results_come_in_the_order_of_asking(setup, processes):
    inline = Inline(Tasks.of(*setup))
    jobs = [[(CHECKPOINT, size), (CHECKPOINT, size + 1)] for size in sizes(setup) * 5]

    asked = [(processes.submit(job), inline.submit(job)) for job in jobs]

    for job, (one, other) in zip(jobs, asked, strict=True):
        result = processes.result(one)
        assert result == inline.result(other)
        assert [kept[2] for kept in result] == [job[0][1], 0]


def test_no_process_is_far_ahead_of_whoever_takes_the_results(setup, processes):
    for size in sizes(setup) * 5:
        processes.submit([(CHECKPOINT, size)])

    assert [child.in_flight for child in processes._children] == [AHEAD, AHEAD]


def test_a_process_that_dies_is_missed(setup, processes):
    tickets = [processes.submit([(CHECKPOINT, size)]) for size in sizes(setup) * 5]
    for child in processes._children:
        os.kill(child.process.pid, signal.SIGKILL)
        child.process.wait()

    with pytest.raises(Unavailable, match="has ended"):
        list(map(processes.result, tickets))


def test_a_process_that_died_is_missed_when_more_is_asked_of_it(processes):
    for child in processes._children:
        os.kill(child.process.pid, signal.SIGKILL)
        child.process.wait()

    with pytest.raises(Unavailable, match="has ended"):
        list(map(processes.submit, [[(CHECKPOINT, 1)] * 100_000] * AHEAD))


def test_a_closed_pool_leaves_no_process(setup):
    pool = Processes(setup)
    children = [child.process for child in pool._children]

    pool.close()

    assert all(child.returncode is not None for child in children)
