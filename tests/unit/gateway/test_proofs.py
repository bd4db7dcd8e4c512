"""`gateway.proofs`: a token is on record only once it opens nothing any more.

Source: evidence-format section 5, `identity:proof`.
"""

from types import SimpleNamespace

from affidavit.clock import SECOND
from affidavit.gateway import proofs
from affidavit.gateway.proofs import AFTER, Proofs


class Recorder:
    def __init__(self):
        self.outage = None
        self.said = []

    def body(self, data, retention_class):
        return SimpleNamespace(data=data, reference=lambda: {"body": "0" * 64, "size": len(data)})

    def add(self, kind, fields, bodies):
        self.said.append((kind, fields["token_sha256"], bodies[0].data))


class Clock:
    now = 1_000 * SECOND

    def __call__(self):
        return self.now


def principal(number, expires):
    return SimpleNamespace(token_sha256=f"{number:064x}", expires=expires)


def keeping(**tokens):
    recorder, clock = Recorder(), Clock()
    return Proofs(recorder, clock, "standard"), recorder, clock


def test_a_token_is_recorded_whole_once_it_has_expired_and_not_a_moment_before():
    kept, recorder, clock = keeping()
    kept.keep(principal(1, clock.now + 60 * SECOND), "a.b.c")

    clock.now += 60 * SECOND + AFTER - 1
    kept.prove()
    assert recorder.said == []

    clock.now += 1
    kept.prove()
    kept.prove()
    assert recorder.said == [("identity:proof", f"{1:064x}", b"a.b.c")]


def test_what_expires_first_is_proved_first_and_each_once():
    kept, recorder, clock = keeping()
    for number, seconds in ((1, 30), (2, 10), (1, 30)):
        kept.keep(principal(number, clock.now + seconds * SECOND), f"token.{number}.x")

    clock.now += 3_600 * SECOND
    kept.prove()

    assert [data for _, _, data in recorder.said] == [b"token.2.x", b"token.1.x"]


def test_in_an_outage_a_proof_waits():
    kept, recorder, clock = keeping()
    kept.keep(principal(1, clock.now), "a.b.c")
    clock.now += 3_600 * SECOND
    recorder.outage = "the bus is down"
    kept.prove()
    assert recorder.said == []

    recorder.outage = None
    kept.prove()
    assert len(recorder.said) == 1


def test_what_there_is_no_room_for_is_not_proved(monkeypatch):
    monkeypatch.setattr(proofs, "KEPT", 10)
    kept, recorder, clock = keeping()
    kept.keep(principal(1, clock.now), "12345678")
    kept.keep(principal(2, clock.now), "too long")
    clock.now += 3_600 * SECOND
    kept.prove()
    kept.keep(principal(3, clock.now), "room now")
    clock.now += 3_600 * SECOND
    kept.prove()

    assert [data for _, _, data in recorder.said] == [b"12345678", b"room now"]
