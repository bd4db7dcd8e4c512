"""Every kind of tampering is caught by its check, and no check could be left out.

Source: evidence-format section 9.
"""

from __future__ import annotations

import pytest

from affidavit.audit.verify.report import CHECKS, HOLDS, PROVED_FALSE
from tampering import insiders, outsiders
from tampering.catalogue import CATALOGUE, Tampering
from tampering.forge import write_folder
from tampering.runs import explain, failed, findings, notes, verify_folder
from tampering.story import Story

assert insiders
assert outsiders

LISTS_ONLY = {"strays"}  # by the format it lists, and never fails


@pytest.mark.parametrize("small", [10_000, 0], ids=["in one process", "in three"])
def test_the_honest_story_holds_and_every_check_has_looked_at_something(tmp_path, small):
    story = Story()
    report = verify_folder(write_folder(story.write(), tmp_path), small=small)

    assert explain(report) == ""
    assert report.status == HOLDS
    assert {check.id: check.checked for check in report.checks} == {
        "checkpoint": 13,
        "tree": 287,
        "commits": 12,
        "segments": 15,
        "chains": 287,
        "bodies": 249,
        "calls": 123,
        "approvals": 1,
        "masks": 244,  # two tokens, and the bodies that were looked at again
        "attestations": 1,
        "identities": 0,
        "gaps": 1,
        "uncommitted": 1,
        "strays": 0,
    }


@pytest.mark.parametrize("tampering", CATALOGUE, ids=lambda tampering: tampering.name)
def test_tampering_is_caught_by_its_check_and_by_no_other(tmp_path, tampering: Tampering):
    story = Story()
    tampering.tamper(story)

    report = verify_folder(write_folder(story.write(), tmp_path), minutes=story.as_of)

    assert report.status == PROVED_FALSE
    assert failed(report) == set(tampering.checks), explain(report)
    record = tampering.record(story) if tampering.record else None
    assert any(
        (tampering.where or "") in (finding.object or "")
        and record in (None, finding.record)
        and ((tampering.found or "") in finding.found or (tampering.found or "") in finding.expected)
        for finding in findings(report, tampering.checks[0])
    ), explain(report)


def test_there_are_more_than_thirty_kinds_of_tampering_and_none_twice():
    names = [tampering.name for tampering in CATALOGUE]

    assert len(names) > 30
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in LISTS_ONLY])
def test_without_this_check_some_tampering_would_go_uncaught(check):
    """The test above holds each tampering to exactly its checks: one that has this check alone needs it."""
    assert [tampering.name for tampering in CATALOGUE if tampering.checks == (check,)]


def test_without_strays_noise_would_go_unseen(tmp_path):
    """evidence-format.md section 8: noise is listed, and no failure."""
    files = Story().write()
    files["evidence/segment/anything"] = b"noise"

    report = verify_folder(write_folder(files, tmp_path))

    assert report.status == HOLDS
    assert [check.id for check in report.checks if any("anything" in note for note in check.all_notes())] == ["strays"]
    assert notes(report, "strays") == ["evidence/segment/anything: noise, not in a writer's folder"]
