"""What is done about a refusal, and what never is: nothing runs twice because an answer was lost.

Against a server that answers as it is told, over real connections.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from affidavit.connect import refusals
from affidavit.connect.address import Address
from affidavit.connect.answers import Answers
from affidavit.connect.beginnings import Beginnings
from affidavit.connect.bridge import Bridge
from affidavit.connect.gateway import Gateway
from affidavit.connect.http import Http
from affidavit.connect.news import News
from affidavit.connect.outgoing import Outgoing
from affidavit.connect.patience import Patience
from affidavit.connect.refusals import Undelivered
from affidavit.connect.session import Session
from affidavit.connect.stdio import Output
from affidavit.connect.tokens.fresh import FreshToken
from affidavit.connect.tokens.token import Token, read_token
from affidavit.connect.tool_headers import ToolHeaders
from affidavit.gateway import problems
from fakes.house import StillClock
from fakes.ports import free_port
from fakes.scripted_upstream import ScriptedUpstream, tool

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
CALL = Outgoing.make("tools/call", {"name": "scripted", "arguments": {}}, 1)


@dataclass
class Numbered:
    """A source whose every token is another one."""

    name: str = "a test"
    needs_challenge: bool = False
    steps_up: bool = False
    superseded: bool = False
    refused: list[str] = field(default_factory=list)

    async def fetch(self, *, refused, challenge) -> Token:
        if refused is not None:
            self.refused.append(refused.text)
        return read_token(f"token-{len(self.refused)}", source=self.name, now=0)


@dataclass
class Desk:
    gateway: Gateway
    server: ScriptedUpstream
    source: Numbered
    slept: list[float]
    told: list[str]

    async def answer(self, outgoing: Outgoing = CALL) -> dict:
        async for incoming in Answers(self.gateway, self.gateway._patience.sleep).to(outgoing):
            if incoming.message.kind == "response":
                answer = incoming.message.value
        return answer

    async def fails(self, outgoing: Outgoing = CALL) -> Undelivered:
        with pytest.raises(Undelivered) as caught:
            await self.answer(outgoing)
        return caught.value

    def tokens(self) -> list[str]:
        return [one.header("authorization") for one in self.server.calls()]


@contextlib.asynccontextmanager
async def opened(url: str, server: ScriptedUpstream) -> AsyncIterator[Desk]:
    slept: list[float] = []
    told: list[str] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    http, source = Http(), Numbered()
    gateway = Gateway(
        Address.read(url),
        http,
        FreshToken(source, StillClock(), told.append),
        session=Session(),
        tools=ToolHeaders(),
        patience=Patience(sleep=sleep),
        tell=told.append,
    )
    try:
        yield Desk(gateway, server, source, slept, told)
    finally:
        await http.close()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    with ScriptedUpstream("scripted") as server:
        async with opened(server.url, server) as it:
            yield it


def refuses(status: int, code: str = "", **headers: str):
    data = {"jsonrpc": "2.0", "id": 1, "error": {"code": -31000, "message": "No.", "data": {"code": code}}}
    body = json.dumps(data).encode() if code else b"<html>no</html>"
    kind = "application/json" if code else "text/html"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.answer(body, status=status, media_type=kind, headers=named)


def test_the_numbers_are_the_gateways():
    """A client tells two refusals apart by them, whoever says it."""
    for name in ("UNAVAILABLE", "OUTCOME_UNKNOWN", "UNAUTHENTICATED", "NOT_FOUND", "FORBIDDEN"):
        assert getattr(refusals, name) == getattr(problems, name)


async def test_a_refused_token_is_replaced_once_and_no_more(desk):
    """RFC 6750 section 3.1."""
    challenge = 'Bearer error="invalid_token"'
    for _ in range(3):
        desk.server.next_call(refuses(401, "expired", WWW_Authenticate=challenge))

    error = await desk.fails()

    assert desk.tokens() == ["Bearer token-0", "Bearer token-1"]
    assert (error.rpc, error.data["code"]) == (refusals.UNAUTHENTICATED, "expired")
    assert "token-" not in str(error)


async def test_a_401_without_a_challenge_is_nobodys_word_on_the_token(desk):
    """Of something that stands before the gateway, for instance."""
    desk.server.next_call(refuses(401))

    assert (await desk.fails()).data["code"] == "http_401"
    assert desk.tokens() == ["Bearer token-0"]


async def test_a_403_is_explained_and_nothing_is_sent_again(desk):
    desk.server.next_call(refuses(403, "forbidden_host"))

    error = await desk.fails()

    assert error.rpc == refusals.FORBIDDEN
    assert "connect to its public address" in str(error)
    assert len(desk.server.calls()) == 1


async def test_a_gateway_that_did_nothing_is_asked_again_when_it_says(desk):
    desk.server.next_call(refuses(503, "unavailable", Retry_After="2"))
    desk.server.next_call(refuses(503, "overloaded"))

    assert (await desk.answer())["result"]["content"][0]["text"] == "scripted ran"
    assert desk.slept == [2.0, 0.5]


async def test_a_503_of_somebody_else_says_nothing_of_whether_it_ran(desk):
    """A load balancer says so too when an instance died in the middle."""
    desk.server.next_call(refuses(503, Retry_After="1"))

    assert (await desk.fails()).data["code"] == "http_503"
    assert len(desk.server.calls()) == 1
    assert desk.slept == []


async def test_a_wait_that_is_too_long_is_the_clients_to_decide(desk):
    desk.server.next_call(refuses(503, "unavailable", Retry_After="3600"))

    assert (await desk.answer())["error"]["data"]["code"] == "unavailable"
    assert desk.slept == []


async def test_a_broken_call_is_unknown_and_a_broken_question_is_asked_again(desk):
    desk.server.next_call(lambda exchange: exchange.drop())

    error = await desk.fails()

    assert (error.rpc, error.data["retry"]) == (refusals.OUTCOME_UNKNOWN, False)
    assert len(desk.server.calls()) == 1
    desk.server.holds = "ping"
    asking = Outgoing.make("ping", None, 2)
    task = asyncio.ensure_future(desk.answer(asking))
    (await asyncio.to_thread(desk.server.held)).drop()
    (await asyncio.to_thread(desk.server.held)).result({})
    assert (await task)["result"] == {}


@pytest.mark.parametrize("script", ["head", "body", "event", "garbage", "foreign"])
async def test_an_answer_that_is_not_whole_is_unknown(desk, script):
    """However far it came, the call may have run."""

    def answer(exchange) -> None:
        if script == "head":
            exchange.raw(b"HTTP/1.1 200 OK\r\nContent-")
        elif script == "body":
            exchange.raw(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"js')
        elif script == "event":
            exchange.stream()
            exchange.chunk(b'data: {"jsonrpc"')
        elif script == "garbage":
            exchange.stream()
            exchange.chunk(b"data: nonsense\n\n")
        else:
            exchange.answer(b'{"jsonrpc":"2.0","id":2,"result":{}}')
            return
        exchange.drop()

    desk.server.next_call(answer)

    assert (await desk.fails()).rpc == refusals.OUTCOME_UNKNOWN
    assert len(desk.server.calls()) == 1


async def test_a_redirect_is_not_followed_with_a_token(desk):
    desk.server.next_call(lambda exchange: exchange.answer(b"", status=307, headers={"Location": "/elsewhere"}))

    assert (await desk.fails()).data["code"] == "http_307"
    assert len(desk.server.requests) == 1


async def test_nobody_there_is_waited_for_and_then_told():
    with ScriptedUpstream() as server:
        async with opened(f"http://127.0.0.1:{free_port()}/mcp/warehouse", server) as desk:
            error = await desk.fails()

    assert (error.rpc, error.data["code"]) == (refusals.UNAVAILABLE, "gateway_unreachable")
    assert "nothing was done" in str(error)
    assert 50 < sum(desk.slept) <= 60
    assert len(desk.told) == 1


async def test_headers_that_the_server_misses_are_learnt_from_a_new_listing(desk):
    """MCP 2026-07-28 "Client Behavior": list the tools, then send the call again, once."""
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    desk.server.tools = [{**tool("scripted"), "inputSchema": schema}]
    desk.server.next_call(lambda exchange: exchange.error(-32020, "Mcp-Param-Region is missing", status=400))
    answers = Answers(desk.gateway)
    news = News(desk.gateway, lambda _: None, print)
    desk.gateway.relist = Beginnings(desk.gateway, answers, news, print).tools
    call = Outgoing.make("tools/call", {"_meta": META, "name": "scripted", "arguments": {"region": "eu"}}, 1)

    assert "result" in await desk.answer(call)

    assert [one.header("mcp-param-region") for one in desk.server.calls()] == [None, "eu"]
    assert desk.server.calls("tools/list")[0].params["_meta"] == META


async def test_a_goodbye_is_said_once_and_only_within_a_session(desk):
    await desk.gateway.goodbye()
    desk.gateway.session.id, desk.gateway.session.version = "s-1", "2025-11-25"
    await desk.answer()
    await desk.gateway.goodbye()
    await desk.gateway.goodbye()

    (goodbye,) = [one for one in desk.server.requests if one.http_method == "DELETE"]
    assert goodbye.header("mcp-session-id") == "s-1"
    assert goodbye.header("mcp-protocol-version") == "2025-11-25"


async def test_a_tool_that_no_client_may_follow_is_left_out_of_a_modern_listing(desk):
    """MCP 2026-07-28 "Schema Extension": with a warning that names it."""
    bad = {"type": "object", "properties": {"a": {"type": "number", "x-mcp-header": "A"}}}
    desk.server.tools = [{**tool("wrong"), "inputSchema": bad}, tool("scripted")]
    asked = Outgoing.make("tools/list", {"_meta": META}, 1)

    async def lines():
        yield asked.raw

    with Path(os.devnull).open("wb", 0) as nowhere:
        output = Kept(nowhere)
        await Bridge(desk.gateway, output, desk.told.append).run(lines(), asyncio.Event())

    (listing,) = output.lines
    assert [one["name"] for one in json.loads(listing)["result"]["tools"]] == ["scripted"]
    assert "wrong" in desk.told[-1]


class Kept(Output):
    """Keeps what is written."""

    def __init__(self, outgoing) -> None:
        super().__init__(outgoing)
        self.lines: list[bytes] = []

    async def write(self, raw: bytes) -> None:
        self.lines.append(raw)
