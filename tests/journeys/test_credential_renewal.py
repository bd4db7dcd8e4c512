"""A credential is renewed, or cannot be, between two calls: the records say which one each request carried.

Source: evidence-format section 4 (extra fields), section 5 (`call:requested`, `call:refused`).
"""

import asyncio
import contextlib
import os

import orjson
import pytest

from affidavit.clock import MINUTE, system_clock
from affidavit.errors import Unavailable
from affidavit.evidence.segment import parse_segment
from affidavit.evidence.stored import unpack
from affidavit.gateway.call import Inbound
from affidavit.gateway.credentials import Fetched, FetchedCredential
from affidavit.policy.document import load
from affidavit.wiring.credentials import open_credentials
from affidavit.wiring.gateway import Ports, open_gateway
from fakes.bus import MemoryBus
from fakes.definitions import MemoryLedger
from fakes.gateway_house import House
from fakes.revocations import MemoryRevocations
from fakes.scripted_upstream import ScriptedUpstream
from fakes.stores import MemoryStore

HOST = "127.0.0.1:8080"
SECRET = "projects/acme/secrets/warehouse"


class Rotating:
    """A secret whose versions a test makes, under a clock that it sets."""

    def __init__(self):
        self.version = 1
        self.passed = 0
        self.down = False
        self.credential = FetchedCredential("warehouse", self._fetch, lambda: system_clock() + self.passed)

    def _fetch(self):
        if self.down:
            raise Unavailable("as told")
        expires = system_clock() + self.passed + 60 * MINUTE
        record = {"kind": "secret", "secret": SECRET, "version": str(self.version)}
        return Fetched({"Authorization": f"Bearer value-{self.version}"}, expires, record)

    async def rotate(self):
        self.version += 1
        await self.credential.refresh()


class One:
    """A gateway in this process, and what it recorded."""

    def __init__(self, gateway, bus, house, rotating):
        self.gateway, self.bus, self.house, self.rotating = gateway, bus, house, rotating

    async def call(self, tool="echo", upstream="warehouse"):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}}
        headers = {
            "host": HOST,
            "authorization": f"Bearer {self.house.token()}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        inbound = Inbound.read("POST", upstream, raw, orjson.dumps(message), "127.0.0.1", query=b"")
        return await self.gateway.path.handle(inbound)

    def records(self, kind, method="tools/call"):
        segments = [one.data for one in self.bus.durable if one.name.startswith("segment/")]
        parsed = [orjson.loads(line) for data in segments for line in parse_segment(unpack(data)).records]
        return [one for one in parsed if one["kind"] == kind and one.get("method") == method]


@pytest.fixture
async def one(tmp_path):
    with ScriptedUpstream("echo", "held") as upstream:
        house, bus, rotating = House(tmp_path, upstream), MemoryBus(), Rotating()
        house.prepare()
        configuration = load(house.configuration, house.configuration.read_bytes())
        fixed = open_credentials(configuration.upstreams, {}, system_clock)
        ports = Ports(
            bus=lambda _: bus,
            evidence=MemoryStore(),
            ledger=MemoryLedger(),
            revocations=MemoryRevocations(),
            credentials={**fixed, "warehouse": rotating.credential},
            secret=os.urandom(32),
            clock=system_clock,
            random=os.urandom,
        )
        gateway = await open_gateway(configuration, ports, loopback=True, port=8080)
        yield One(gateway, bus, house, rotating)
        await gateway.close()


async def test_each_record_names_the_version_that_its_request_carried(one):
    await one.call()
    await one.rotating.rotate()
    await one.call()

    carried = [request.header("authorization") for request in one.house.upstream.calls()]
    assert carried == ["Bearer value-1", "Bearer value-2"]
    said = [record["credential"] for record in one.records("call:requested")]
    assert said == [{"kind": "secret", "secret": SECRET, "version": version} for version in ("1", "2")]
    assert all(b"value-" not in unpack(stored.data) for stored in one.bus.durable)


async def test_a_rotation_between_record_and_request_changes_neither(one):
    await one.call()  # the tools are listed
    one.bus.hold()
    calling = asyncio.ensure_future(one.call())
    while one.gateway.trail.in_flight == 0:
        await asyncio.sleep(0)
    await one.rotating.rotate()
    one.bus.release()
    await calling

    assert one.house.upstream.calls()[-1].header("authorization") == "Bearer value-1"
    assert one.records("call:requested")[-1]["credential"]["version"] == "1"


async def test_many_calls_beside_rotations_carry_what_their_records_say(one):
    await one.call()

    async def rotations():
        while True:
            await one.rotating.rotate()
            await asyncio.sleep(0)

    async def calls():
        for _ in range(15):
            await one.call()

    rotating = asyncio.ensure_future(rotations())
    await asyncio.gather(*(calls() for _ in range(8)))
    rotating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await rotating

    carried = sorted(request.header("authorization") for request in one.house.upstream.calls())
    said = sorted(f"Bearer value-{record['credential']['version']}" for record in one.records("call:requested"))
    assert carried == said
    assert len(set(said)) > 1


async def test_what_has_run_out_is_refused_on_record_and_nothing_is_sent(one):
    await one.call()
    sent = len(one.house.upstream.requests)
    one.rotating.passed = 61 * MINUTE

    reply = await one.call()

    assert reply.status == 503
    assert orjson.loads(reply.body)["error"]["data"]["code"] == "no_upstream_credential"
    assert len(one.house.upstream.requests) == sent
    (refused,) = one.records("call:refused")
    assert (refused["code"], refused["upstream"], refused["target"]) == ("no_upstream_credential", "warehouse", "echo")
    assert "credential" not in refused
    assert one.gateway.trail.in_flight == 0

    await one.rotating.rotate()
    assert (await one.call()).status == 200


async def test_without_one_the_gateways_own_look_at_the_tools_is_refused_on_record_as_well(one):
    one.rotating.passed = 61 * MINUTE
    warehouse = next(upstream for upstream in one.gateway.upstreams if upstream.name == "warehouse")

    assert not await one.gateway.path.definitions.list_now(warehouse)

    (refused,) = one.records("call:refused", method="tools/list")
    assert refused["code"] == "no_upstream_credential"
    assert one.house.upstream.requests == []


async def test_without_one_an_upstream_is_told_nothing_and_the_call_that_it_asked_in_goes_on(one):
    calling = asyncio.ensure_future(one.call("held"))
    exchange = await asyncio.to_thread(one.house.upstream.held)
    exchange.stream()
    exchange.event({"jsonrpc": "2.0", "id": 5, "method": "roots/list"})
    one.rotating.passed = 61 * MINUTE
    exchange.event(exchange.response(exchange.said("done")))
    exchange.end()
    reply = await calling

    assert b"done" in b"".join([chunk async for chunk in reply.body])
    (refused,) = one.records("call:refused", method="response")
    assert refused["code"] == "no_upstream_credential"
    assert one.house.upstream.calls("response") == []


async def test_a_fixed_one_is_no_news_to_a_record(one):
    await one.call(upstream="asking")

    (record,) = [record for record in one.records("call:requested") if record["upstream"] == "asking"]
    assert "credential" not in record


async def test_no_gateway_opens_without_one(one, tmp_path):
    down = Rotating()
    down.down = True
    configuration = load(one.house.configuration, one.house.configuration.read_bytes())
    store = MemoryStore()
    ports = Ports(
        bus=lambda _: MemoryBus(),
        evidence=store,
        ledger=MemoryLedger(),
        revocations=MemoryRevocations(),
        credentials={**open_credentials(configuration.upstreams, {}, system_clock), "warehouse": down.credential},
        secret=os.urandom(32),
        clock=system_clock,
        random=os.urandom,
    )

    with pytest.raises(Unavailable, match="upstream warehouse: its credential cannot be had"):
        await open_gateway(configuration, ports, loopback=True, port=8080)
    assert list(store.names("")) == []
