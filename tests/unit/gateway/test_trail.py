"""What a call's last record says of its times.

Source: evidence-format section 1 (durations), section 5, `call:answered`.
"""

from __future__ import annotations

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.evidence.fingerprints import Fingerprints
from affidavit.evidence.recorder import Recorder
from affidavit.evidence.segment import parse_segment
from affidavit.evidence.stored import unpack
from affidavit.evidence.writer import Writer
from affidavit.gateway.call import Call, Inbound
from affidavit.gateway.introductions import Introductions
from affidavit.gateway.trail import Trail
from fakes.bus import MemoryBus

START = 1_800_000_000_000_000


class SetClock:
    """Shows what it was set to."""

    now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
async def ended(clock):
    """Ends a call that came and was sent at these times; gives its record."""
    bus = MemoryBus()
    key = Ed25519PrivateKey.generate()
    writer = Writer(origin="log.test", role="gateway", config_sha256="0" * 64, clock=clock, random=bytes, key=key)
    recorder = Recorder(writer, bus)
    trail = Trail(recorder, Fingerprints(bytes(32)), Introductions(recorder, clock, "standard"), clock, masks=None)

    async def end(*, received, sent, at):
        inbound = Inbound.read("POST", "warehouse", [], b"", "192.0.2.1", query=b"")
        call = Call(id="c", inbound=inbound, received=received, sent=sent)
        clock.now = at
        await trail.answered(call, "timeout", 200)
        return orjson.loads(parse_segment(unpack(bus.durable[-1].data)).records[-1])

    yield end
    await recorder.close(timeout=5)


async def test_an_end_says_how_long_all_of_it_and_the_upstream_took(ended):
    record = await ended(received=START, sent=START + 400, at=START + 1_000_400)

    assert (record["duration_us"], record["upstream_us"]) == (1_000_400, 1_000_000)


async def test_what_was_never_sent_took_the_upstream_no_time(ended):
    record = await ended(received=START, sent=0, at=START + 900)

    assert (record["duration_us"], record["upstream_us"]) == (900, 0)


async def test_a_clock_that_was_set_back_makes_no_negative_duration(ended):
    record = await ended(received=START, sent=START + 400, at=START - 5_000_000)

    assert (record["duration_us"], record["upstream_us"]) == (0, 0)
