"""What `/readyz` tells whoever asks: architecture "Failures"."""

from __future__ import annotations

from types import SimpleNamespace

from affidavit.serve.health import Health


def test_an_outage_is_told_and_its_cause_is_not():
    """It names buckets, accounts and roles, and who asks may be anybody."""
    cause = "the evidence store refused: this account may not create objects in acme-evidence"
    recorder = SimpleNamespace(outage=cause, writer=SimpleNamespace(id="w"))
    health = Health(recorder, SimpleNamespace(in_flight=0), lambda: 0, has_worker=False)  # type: ignore[arg-type]

    told = health.read()

    assert (told["ready"], told["outage"]) == (False, "the evidence store does not take records")
    recorder.outage = None
    assert health.read()["outage"] is None
