"""The journal fails in every way that a disk can: nothing runs without a record, and the chain goes on without a gap.

Each fault twice: nothing was written, and all was written but the answer was lost.
Source: the requirements, "Store faults"; architecture "Failures", "Group commit".
"""

import asyncio
import errno
import os
import random
import time
from pathlib import Path

import orjson
import pytest

from affidavit.clock import system_clock
from affidavit.evidence import recorder
from affidavit.gateway.call import Inbound
from affidavit.policy.document import load
from affidavit.wiring.credentials import open_credentials
from affidavit.wiring.data_folder import DataFolder
from affidavit.wiring.gateway import Gateway, Ports, open_gateway
from affidavit.wiring.worker import LogSettings, open_worker
from fakes.auditor import audit_folder
from fakes.definitions import MemoryLedger
from fakes.disks import FaultyDisk
from fakes.evidence_folder import EvidenceFolder
from fakes.gateway_house import House
from fakes.revocations import MemoryRevocations
from fakes.scripted_upstream import ScriptedUpstream

FAULTS = {"full": errno.ENOSPC, "read-only": errno.EROFS, "broken": errno.EIO}
HOST = "127.0.0.1:8080"


class OneGateway:
    """A gateway in this process, whose disk the test breaks."""

    def __init__(self, gateway: Gateway, disk: FaultyDisk, house: House) -> None:
        self.gateway = gateway
        self.disk = disk
        self.house = house

    async def call(self, tool: str = "echo", **arguments: object) -> tuple[int, dict[str, str], dict]:
        """Call a tool; return status, headers and the parsed answer."""
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        headers = {
            "host": HOST,
            "authorization": f"Bearer {self.house.token()}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        reply = await self.gateway.path.handle(
            Inbound.read("POST", "warehouse", raw, orjson.dumps(message), "127.0.0.1", query=b"")
        )
        assert isinstance(reply.body, bytes)
        answered = {name.decode(): value.decode() for name, value in reply.headers}
        return reply.status, answered, orjson.loads(reply.body)

    async def recovered(self) -> None:
        ends = time.monotonic() + 10
        while self.gateway.recorder.outage is not None:
            assert time.monotonic() < ends, "the outage did not end"
            await asyncio.sleep(0.02)


@pytest.fixture
async def one(tmp_path: Path):
    with ScriptedUpstream("echo") as upstream:
        house = House(tmp_path, upstream)
        house.prepare()
        disk = FaultyDisk(durable=True)
        folder = DataFolder.open(house.data, disk)
        configuration = load(house.configuration, house.configuration.read_bytes())
        ports = Ports(
            bus=lambda writer: folder.bus(writer, system_clock),
            evidence=folder.evidence,
            ledger=MemoryLedger(),
            revocations=MemoryRevocations(),
            credentials=open_credentials(configuration.upstreams, {}, system_clock),
            secret=folder.keys().mask_key(),
            clock=system_clock,
            random=os.urandom,
        )
        gateway = await open_gateway(configuration, ports, loopback=True, port=8080)
        one = OneGateway(gateway, disk, house)
        await one.call(warm="up")  # the tools are listed, the session is open: what follows is the call alone
        upstream.forget()
        yield one
        disk.mend()
        await one.recovered()
        await gateway.close()
        the_chain_holds(house.data)


def the_chain_holds(data: Path) -> None:
    """Deliver and commit everything, and let a reader of its own check it."""
    settings = LogSettings(
        origin="gateway.example.com/audit", retention={"standard": 400}, roles=frozenset({"gateway"})
    )
    parts = open_worker(data, settings, random=random.Random(1).randbytes)
    while objects := parts.journal.poll():
        taken = parts.intake.take(objects)
        assert taken.early == ()
        parts.journal.delivered()
    parts.journal.delivered()
    parts.sequencer.run(system_clock(), [])
    audit = audit_folder(data)
    assert "writer:closed" in audit.kinds()
    assert all(len(ends) == 1 for ends in EvidenceFolder(data).ends().values())


@pytest.mark.parametrize("persisted", [False, True], ids=["not-persisted", "persisted"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_call_whose_intent_is_not_durable_is_refused_and_nothing_reaches_the_upstream(
    one: OneGateway, fault: str, persisted: bool
):
    """architecture "Failures": bus down before the intent is durable → 503, Retry-After, a JSON-RPC error."""
    one.disk.break_all("write_at", "fdatasync", "link", "write_new", done=persisted, code=FAULTS[fault])

    status, headers, answer = await one.call(mark="refused")

    assert (status, headers["retry-after"]) == (503, "2")
    assert answer["error"]["data"]["code"] == "unavailable"
    assert answer["error"]["data"]["call"]
    assert one.house.upstream.requests == []

    status, _, answer = await one.call(mark="refused too")
    assert (status, answer["error"]["data"]["code"]) == (503, "unavailable")
    assert one.house.upstream.requests == []

    one.disk.mend()
    await one.recovered()
    status, _, answer = await one.call(mark="served")
    assert status == 200
    assert [request.params["arguments"] for request in one.house.upstream.calls()] == [{"mark": "served"}]


@pytest.mark.parametrize("persisted", [False, True], ids=["not-persisted", "persisted"])
async def test_an_answer_whose_record_is_not_durable_is_withheld(one: OneGateway, persisted: bool):
    """architecture "Failures": bus down after forwarding → HTTP 200, outcome unknown, `call:withheld`."""
    one.house.upstream.witness = lambda _: one.disk.break_all(
        "write_at", "fdatasync", "link", "write_new", done=persisted
    )

    status, _, answer = await one.call(mark="sent")

    assert status == 200
    assert answer["error"]["data"]["code"] == "outcome_unknown"
    assert answer["error"]["data"]["retry"] is False
    assert len(one.house.upstream.calls()) == 1
    one.house.upstream.witness = None
    one.disk.mend()
    await one.recovered()
    await one.gateway.recorder.conclude("writer:alive", {"in_flight": 0})
    (withheld,) = EvidenceFolder(one.house.data).records("call:withheld")
    assert withheld["call"] == answer["error"]["data"]["call"]


async def test_a_journal_that_is_too_slow_refuses_the_call_and_is_waited_for(
    one: OneGateway, monkeypatch: pytest.MonkeyPatch
):
    """architecture "Group commit": exceeding the deadline is a failure, and the segment is never rewound."""
    monkeypatch.setattr(recorder, "DEADLINE", 0.1)
    slow = asyncio.Event()
    loop = asyncio.get_running_loop()
    sync = one.disk.fdatasync

    def wait_then_sync(file: int) -> None:
        asyncio.run_coroutine_threadsafe(slow.wait(), loop).result()
        sync(file)

    monkeypatch.setattr(one.disk, "fdatasync", wait_then_sync)
    status, _, answer = await one.call(mark="slow")
    assert (status, answer["error"]["data"]["code"]) == (503, "unavailable")
    assert one.house.upstream.requests == []

    slow.set()
    await one.recovered()
    status, _, _ = await one.call(mark="served")
    assert status == 200
    kinds = [r["kind"] for r in EvidenceFolder(one.house.data).records("call:refused")]
    assert kinds == ["call:refused"]
