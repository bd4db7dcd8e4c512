"""How long the gateway waits: with the same application and HTTP server, in this process, with shorter patience.

Source: mcp "Duties" (keep-alive comment lines while waiting); architecture "Failures" (client drops).
"""

import asyncio
import contextlib
import json
import select
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest
import uvicorn

from affidavit.evidence import recorder
from affidavit.evidence.ports import Bus, EvidenceObject
from affidavit.policy.document import load
from affidavit.serve import app
from affidavit.serve.app import Application
from affidavit.serve.client_address import ClientAddress
from affidavit.serve.health import Health
from affidavit.serve.http import BoundedHttp
from affidavit.wiring.embedded import EmbeddedFolder
from affidavit.wiring.gateway import open_gateway
from fakes.gateway_house import House
from fakes.mcp_client import WAIT_S, connected

KEEP_ALIVE = b": keep-alive\n"


class Gate:
    """A bus in front of another one; while it is closed, what is to be published waits, and nobody is told a lie.

    Attributes:
        waits: Set while something does.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._open = threading.Event()
        self._open.set()
        self.waits = threading.Event()

    def publish(self, objects: Sequence[EvidenceObject]) -> None:
        if not self._open.is_set():
            self.waits.set()
            self._open.wait(2 * WAIT_S)
            self.waits.clear()
        self._bus.publish(objects)

    def close(self) -> None:
        self._bus.close()

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()


class InThisProcess(threading.Thread):
    """The gateway without its worker, in a thread of this process."""

    gate: Gate

    def __init__(self, house: House) -> None:
        super().__init__(daemon=True)
        self._house = house
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.serves = threading.Event()
        self.closed: bool | None = None
        self._server: uvicorn.Server | None = None

    def run(self) -> None:
        asyncio.run(self._serve())

    def end(self) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self.join(20)

    def calls(self) -> int:
        """Return how many requests are being served."""
        assert self._server is not None
        return len(self._server.server_state.tasks)

    async def _serve(self) -> None:
        path = self._house.configuration
        configuration = load(path, path.read_bytes())
        folder = EmbeddedFolder.open(self._house.data, {})
        ports = folder.ports(configuration)
        ports = replace(ports, bus=self._gated(ports.bus))
        gateway = await open_gateway(configuration, ports, loopback=True, port=self.port)
        health = Health(gateway.recorder, gateway.trail, folder.clock, has_worker=True)
        gateway.start()
        config = uvicorn.Config(
            Application(gateway.path, health, configuration, ClientAddress(0)),
            http=BoundedHttp,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self.serves.set()
        await self._server._serve([self._listening])
        self.closed = await gateway.close()
        folder.close()

    def _gated(self, bus: Callable[[str], Bus]) -> Callable[[str], Bus]:
        def gated(writer: str) -> Bus:
            self.gate = Gate(bus(writer))
            return self.gate

        return gated


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "KEEP_ALIVE", 0.05)
    monkeypatch.setattr(app, "PATIENCE", 0.2)
    monkeypatch.setattr(app, "MAX_HELD", 1_000_000)
    monkeypatch.setattr(recorder, "DEADLINE", 2 * WAIT_S)  # a gate that is shut for long is no outage here


@pytest.fixture
def impatient(patience: None, upstream, tmp_path) -> Iterator[House]:
    house = House(tmp_path, upstream)
    house.prepare()
    running = InThisProcess(house)
    running.start()
    assert running.serves.wait(20)
    house.running = SimpleNamespace(  # type: ignore[assignment] # no process
        authority=f"127.0.0.1:{running.port}", gate=running.gate, calls=running.calls
    )
    house.await_listings("warehouse", "hasty", "asking")
    yield house
    running.end()
    assert running.closed
    assert all(len(ends) == 1 for ends in house.evidence.ends().values())


def test_a_silent_stream_is_kept_alive_and_its_events_stay_whole(impatient, upstream):
    """An event that comes in pieces is not torn apart by a comment."""
    client = impatient.client()
    note = (
        b'data: {"jsonrpc":"2.0","method":"notifications/message",\ndata: "params":{"level":"info","data":"one"}}\n\n'
    )

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            assert stream.next_event() == KEEP_ALIVE + b"\n"
            for at in range(0, len(note), 40):
                exchange.chunk(note[at : at + 40])
                if at + 40 < len(note):
                    assert stream.next_event() == KEEP_ALIVE + b"\n"
            seen = stream.next_event()
            while seen == KEEP_ALIVE + b"\n":
                seen = stream.next_event()
            assert seen == note
            exchange.event(exchange.response(exchange.said("done")))
            assert stream.next_message()["result"]["content"][0]["text"] == "done"
            exchange.end()
            stream.rest()


def test_keep_alives_are_no_events(impatient, upstream):
    """evidence-format section 5: what the gateway says of itself is no content of the upstream."""
    client = impatient.client("silent")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            for _ in range(3):
                assert stream.next_event() == KEEP_ALIVE + b"\n"
            exchange.event(exchange.response(exchange.said("done")))
            exchange.end()
            stream.rest()

    assert len(impatient.evidence.records("call:streamed")) == 1


def test_an_upstream_cannot_hold_a_call_for_ever_whose_client_is_gone(impatient, upstream):
    """The legacy era goes on without its client, and comes to an end all the same."""
    client = impatient.client("gone").initialize()

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        begun.stream().close()

    assert exchange.peer_hangs_up()
    exchange.drop()
    call = impatient.evidence.records("call:requested", target="held")[-1]
    assert impatient.evidence.wait_for("call:answered", call=call["call"])["outcome"] == "cancelled"


def test_a_client_that_waits_is_waited_for(impatient, upstream):
    client = impatient.client("waiting").initialize()

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            for _ in range(10):  # twice the patience with one that is gone
                assert stream.next_event() == KEEP_ALIVE + b"\n"
            exchange.event(exchange.response(exchange.said("done")))
            exchange.end()
            assert stream.next_message()["result"]


def test_an_upstream_gets_nothing_while_its_record_is_on_its_way(impatient, upstream):
    """architecture, promise 1."""
    client = impatient.client()
    client.call("echo")
    upstream.forget()

    with impatient.gateway.gate.closed():
        begun = client.begin(client.calling("echo"))
        assert impatient.gateway.gate.waits.wait(WAIT_S)
        _let_the_loop_turn(impatient)
        assert upstream.requests == []

    assert begun.answer().text == "echo ran"


def test_a_call_that_is_cancelled_while_its_record_is_on_its_way_is_not_sent(impatient, upstream):
    """evidence-format section 5: `call:refused` after its `call:requested` when it was not forwarded after all."""
    client = impatient.client("early")

    with impatient.gateway.gate.closed():
        with client.begin(client.calling("echo")):
            assert impatient.gateway.gate.waits.wait(WAIT_S)
        impatient.evidence.wait_until(lambda: _in_flight(impatient) == 0)

    call = impatient.evidence.wait_for("call:requested", target="echo")
    refusal = impatient.evidence.wait_for("call:refused", call=call["call"])
    assert refusal["code"] == "cancelled"
    assert upstream.requests == []


def test_an_answer_that_comes_after_its_client_is_gone_is_on_record(impatient, upstream):
    client = impatient.client("late")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        with impatient.gateway.gate.closed():
            exchange.says("done")
            assert impatient.gateway.gate.waits.wait(WAIT_S)
            begun.drop()
            impatient.evidence.wait_until(lambda: impatient.gateway.calls() == 0)  # it was cancelled

    call = impatient.evidence.wait_for("call:requested", target="held")
    end = impatient.evidence.wait_for("call:answered", call=call["call"])
    assert end["outcome"] == "answered"
    assert b"done" in impatient.evidence.body(end["response"])


def test_a_client_gets_no_answer_while_its_record_is_on_its_way(impatient, upstream):
    client = impatient.client()

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        with impatient.gateway.gate.closed():
            exchange.says("done")
            assert impatient.gateway.gate.waits.wait(WAIT_S)
            _let_the_loop_turn(impatient)
            assert not begun.has_news()

        assert begun.answer().text == "done"


def test_a_client_gets_no_event_while_its_record_is_on_its_way(impatient, upstream):
    client = impatient.client()

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            assert stream.next_event() == KEEP_ALIVE + b"\n"
            with impatient.gateway.gate.closed():
                exchange.notify("secret")
                assert impatient.gateway.gate.waits.wait(WAIT_S)
                _let_the_loop_turn(impatient)
                assert b"secret" not in stream.waiting()

            assert stream.next_message()["params"]["data"] == "secret"
            exchange.event(exchange.response(exchange.said("done")))
            exchange.end()
            stream.rest()


def test_strangers_cannot_fill_the_memory_with_bodies_that_do_not_end(impatient, upstream):
    """Past a bound for all of them together, large ones are refused, and small ones are not."""
    stranger = impatient.stranger()
    head = b"POST /mcp/warehouse HTTP/1.1\r\nHost: %b\r\n" % stranger.authority.encode()
    head += b"Content-Type: application/json\r\nContent-Length: 8000000\r\n\r\n"
    slow = [connected(stranger.authority, ip=stranger.ip) for _ in range(8)]
    try:
        for connection in slow:
            connection.sendall(head + bytes(400_000))

        refused, _, _ = select.select(slow, [], [], 20)
        assert b"HTTP/1.1 503 " in refused[0].recv(65536)
        assert len(refused) < len(slow)
        assert impatient.client().call("echo").text == "echo ran"
    finally:
        for connection in slow:
            connection.close()
    impatient.evidence.wait_for("call:refused", code="overloaded")
    assert len(upstream.requests) == 1


def _let_the_loop_turn(house: House) -> None:
    """Let the gateway answer something else: what it wrote before has left by then."""
    for _ in range(2):
        with urllib.request.urlopen(f"http://{house.gateway.authority}/healthz", timeout=WAIT_S) as answer:
            assert answer.status == 200


def _in_flight(house: House) -> int:
    with urllib.request.urlopen(f"http://{house.gateway.authority}/readyz", timeout=WAIT_S) as answer:
        return int(json.load(answer)["in_flight"])
