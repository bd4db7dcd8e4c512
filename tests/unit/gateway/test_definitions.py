"""`gateway.definitions`: a ledger that takes its time refuses nobody (mcp "Duties", rug pull)."""

import asyncio
from types import SimpleNamespace

import pytest

from affidavit.errors import Refused
from affidavit.gateway.definitions import Definitions
from affidavit.gateway.ports import Standing

UPSTREAM = SimpleNamespace(name="warehouse", retention_class="standard")
TOOL = {"name": "sql.query", "inputSchema": {"type": "object"}}


class SlowLedger:
    """A ledger that answers `see` when it is told to. Law: the first definition stands."""

    def __init__(self, standing=None):
        self.stands = standing
        self.answers = asyncio.Event()

    async def see(self, upstream, target, digest, canonical):
        await self.answers.wait()
        self.stands = self.stands or digest
        return await self.standing(upstream, target)

    async def standing(self, upstream, target):
        return Standing(self.stands, None, "2026-11-22T12:25:57.000001Z")


class Recorder:
    def body(self, data, retention_class):
        return SimpleNamespace(reference=dict)

    def add(self, kind, fields, bodies):
        pass


def call():
    return SimpleNamespace(method="tools/call", upstream=UPSTREAM, target="sql.query", definition_digest=None)


def definitions(ledger):
    async def tools(_):
        return [TOOL]

    return Definitions(Recorder(), ledger, [UPSTREAM], tools)


async def test_a_call_waits_while_the_ledger_is_told_of_the_first_definition():
    ledger = SlowLedger()
    one = definitions(ledger)
    listing = one.refresh(UPSTREAM)
    called = call()
    looking = asyncio.ensure_future(one.look_up(called))
    await asyncio.sleep(0.01)
    assert not looking.done()

    ledger.answers.set()
    await looking
    assert await listing
    assert called.definition_digest == ledger.stands


async def test_a_definition_that_does_not_stand_is_refused_once_the_ledger_has_said_so():
    ledger = SlowLedger(standing="another")
    one = definitions(ledger)
    one.refresh(UPSTREAM)
    ledger.answers.set()

    with pytest.raises(Refused) as caught:
        await one.look_up(call())
    assert caught.value.code == "definition_changed"
