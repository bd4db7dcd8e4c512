"""A whole deployment on emulators, and nothing is lost (architecture "Failures", google-cloud "Pub/Sub").

A function is killed and started again, all that was published is published again, and the bus does not answer for five
seconds, while 16 clients have 1,000 calls done.
"""

import pytest

from cloud.deployment import ACCOUNT, deployed
from cloud.story import CALLS, play
from fakes.evidence_folder import EvidenceFolder


@pytest.fixture(scope="module")
def ending(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("cloud")) as deployment:
        return play(deployment, say=print)


def test_every_call_is_done_and_no_answer_is_strange(ending):
    assert ending.load.strange == []
    assert ending.load.ended == CALLS


def test_the_bus_was_gone_long_enough_to_be_noticed(ending):
    """A story in which nothing was refused would prove nothing."""
    assert ending.load.refused["unavailable"] > 0


def test_as_many_requests_reach_the_upstream_as_the_records_hold(ending):
    assert ending.at_the_upstream == ending.recorded.answered == ending.load.ended


def test_what_was_recorded_verifies(ending):
    status, report = ending.verify

    assert status == 0, report
    assert report["head"]["size"] >= 2 * CALLS
    assert {check["id"]: check["status"] for check in report["checks"]}["attestations"] == "ok"


def test_nothing_lands_in_the_quarantine_and_the_gateway_ends_well(ending):
    assert ending.quarantined == []
    assert ending.exit_status == 0


def test_the_checker_finds_nothing_either(ending):
    last = ending.checks[-1]

    assert last["status"] == 0, last
    assert last["size"] == ending.verify[1]["head"]["size"]


def test_what_the_upstream_was_shown_is_on_record_without_being_it(ending):
    shown = [record["credential"] for record in EvidenceFolder(ending.copy).records("call:requested")]

    about = {"account": ACCOUNT, "audience": "https://warehouse.example.com", "kind": "google_id_token"}
    assert shown == [about] * len(shown)
    assert len(shown) >= CALLS
