"""The policy then in force is run over recorded bodies again.

Source: evidence-format section 9, `masks`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from affidavit.masking import detectors
from tampering.forge import Body, write_folder
from tampering.runs import explain, notes, verify_folder
from tampering.story import Story, content

SECRET = "swordfish"


def story_that_says(data: bytes, *, field: str) -> Story:
    """An honest story whose first body of that field is another one."""
    story = Story()
    for rec in (rec for writer in story.plan.writers for seg in writer.segs for rec in seg.recs):
        if rec.kind in ("call:requested", "call:answered") and rec.fields.get(field) and not rec.fields.get("masks"):
            body = Body(data)
            rec.fields[field] = content(body)
            rec.bodies = [body]
            return story
    raise AssertionError("no such record")


@pytest.mark.parametrize("field", ["request", "response"])
@pytest.mark.parametrize("small", [10**9, 0])
def test_what_should_have_been_masked_is_a_failure_that_does_not_show_it(tmp_path, field, small):
    story = story_that_says(b'{"id":1,"password":"swordfish"}', field=field)

    said = explain(verify_folder(write_folder(story.write(), tmp_path), small=small))

    assert "masks" in said
    assert "the rule 'passwords' finds something at pointer:'/password'" in said
    assert SECRET not in said


def test_each_event_of_a_stream_is_looked_at_as_json(tmp_path):
    """Names of members are never masked, so what only looks like a value in the bytes is none."""
    body = b'id: 1\ndata: {"password":{"type":"string"},"x":"password"}\n\ndata: {"a":{"password":"swordfish"}}\n\n'
    story = story_that_says(body, field="response")

    said = explain(verify_folder(write_folder(story.write(), tmp_path)))

    assert "pointer:'/a/password'" in said
    assert SECRET not in said


def test_what_only_a_newer_detector_finds_is_a_note(tmp_path, monkeypatch):
    newer = [replace(one, since="9.0.0") for one in detectors.SETS["credentials"]]
    monkeypatch.setitem(detectors.SETS, "credentials", tuple(newer))
    monkeypatch.setattr("tampering.story.POLICY", b"version: 1\nrules: []\nmasking: [{name: c, sets: [credentials]}]\n")
    monkeypatch.setitem(detectors.FIELDS, "credentials", frozenset({"nothing"}))
    story = story_that_says(b'{"id":1,"note":"postgres://a:swordfish@db"}', field="request")

    report = verify_folder(write_folder(story.write(), tmp_path))

    assert "finds something" not in explain(report)
    assert any("the recording version did not have yet" in note for note in notes(report, "masks"))
