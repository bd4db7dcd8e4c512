"""What the application holds for clients that take their time.

Source: architecture "The way of one call"; ASGI 3.0 HTTP.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from affidavit.gateway.call import Inbound
from affidavit.gateway.problems import Reply
from affidavit.mcp.trace_context import TraceContext
from affidavit.serve import app
from affidavit.serve.app import Application
from affidavit.serve.client_address import ClientAddress

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SMALL, LARGE = b"a" * 100, b"a" * 100_000


class Path:
    """Answers every call with `body`, and keeps what was wrong with it."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.flaws: list[str | None] = []

    async def handle(self, inbound: Inbound) -> Reply:
        self.flaws.append(inbound.flaw)
        return Reply(200, [], self.body)


class Client:
    """One request, whose answer is taken when `reads` is set; as uvicorn, it makes a call wait before its next word."""

    def __init__(self, *, reads: bool) -> None:
        self.reads = asyncio.Event()
        self.said: list[dict[str, Any]] = []
        self.headers: list[tuple[bytes, bytes]] = []
        if reads:
            self.reads.set()

    async def calls(self, application: Application) -> None:
        scope = {"path": "/mcp/a", "method": "POST", "client": None, "headers": self.headers, "query_string": b""}
        await application(scope, self.receive, self.send)

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(self, message: dict[str, Any]) -> None:
        if sum(len(one.get("body", b"")) for one in self.said) > app.SMALL_ANSWER:
            await self.reads.wait()
        self.said.append(message)


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MAX_LEAVING", 150_000)


def serving(path: Any) -> Application:
    health = SimpleNamespace(draining=False)
    return Application(path, health, None, ClientAddress(0))  # type: ignore[arg-type] # what calls need


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_an_answer_is_whole_however_large_it_is(body):
    client = Client(reads=True)

    await client.calls(serving(Path(body)))

    start, *rest = client.said
    assert start["headers"] == [(b"content-length", str(len(body)).encode())]
    assert b"".join(one["body"] for one in rest) == body
    assert [one.get("more_body", False) for one in rest][-1] is False


@pytest.mark.usefixtures("bounded")
async def test_no_call_is_let_in_while_too_much_waits_for_clients_that_do_not_read():
    """Its answer is counted until its client has it, not until it is recorded; otherwise nothing bounds the memory."""
    path = Path(LARGE)
    application = serving(path)
    clients = [Client(reads=False) for _ in range(2)]
    waiting = [asyncio.ensure_future(client.calls(application)) for client in clients]
    await asyncio.sleep(0)

    path.body = SMALL
    await Client(reads=True).calls(application)
    clients[0].reads.set()
    await waiting[0]
    await Client(reads=True).calls(application)

    assert path.flaws == [None, None, "overloaded", None]
    assert not waiting[1].done()
    clients[1].reads.set()
    await waiting[1]


@pytest.mark.usefixtures("bounded")
async def test_an_answer_that_nobody_waits_for_any_more_is_not_counted():
    path = Path(LARGE)
    application = serving(path)
    gone = [asyncio.ensure_future(Client(reads=False).calls(application)) for _ in range(2)]
    await asyncio.sleep(0)
    for call in gone:
        call.cancel()
    await asyncio.wait(gone)

    await Client(reads=True).calls(application)

    assert path.flaws[-1] is None


class BrokenPath:
    """Fails at every call."""

    async def handle(self, inbound: Inbound) -> Reply:
        raise ZeroDivisionError("s3cret")


async def test_an_incident_names_the_trace_of_its_request(caplog):
    """Cloud Logging "Link log entries with traces"."""
    client = Client(reads=True)
    client.headers = [(b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())]

    await client.calls(serving(BrokenPath()))

    (said,) = caplog.records
    assert said.trace == TraceContext(TRACE, SPAN, sampled=True)
    assert said.incident in client.said[1]["body"].decode()
    assert b"s3cret" not in client.said[1]["body"]
