"""`affidavit connect` between a desktop client and a real gateway: both eras, tokens that end, a gateway that goes.

Source: identity-and-approvals "Tokens"; MCP 2025-11-25 and 2026-07-28 "Transports" (stdio, Streamable HTTP).
"""

import base64
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from fakes.gateway_house import AUDIENCE, House
from fakes.gateway_process import PROGRAM
from fakes.scripted_upstream import MODERN, tool
from fakes.stdio_process import StdioProcess, connecting
from fakes.token_desk import TokenDesk

VERSION = "io.modelcontextprotocol/protocolVersion"
META = {
    VERSION: MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture
def bridge(house: House, tmp_path: Path) -> Iterator[StdioProcess]:
    """A bridge with a good token, in no session yet."""
    with connecting(
        tmp_path, f"{house.gateway.url}/mcp/warehouse", "--token-file", str(token_file(house, tmp_path))
    ) as it:
        yield it


def token_file(house: House, folder: Path, **claims: Any) -> Path:
    path = folder / "token"
    path.write_text(house.token(**claims) + "\n")
    return path


def modern(method: str, message_id: Any, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": message_id, "method": method, "params": {"_meta": META, **params}}


@pytest.mark.parametrize("era", ["legacy", "2026-07-28", "auto"])
async def test_the_official_client_talks_through_it(house, tmp_path, era):
    with TokenDesk(lambda _: house.token(f"desk-{era}")) as desk:
        arguments = ["connect", f"{house.gateway.url}/mcp/warehouse", "--token-command", desk.command]
        server = StdioServerParameters(command=PROGRAM, args=arguments, env=dict(os.environ))
        with (tmp_path / "said").open("w") as said:
            async with Client(stdio_client(server, errlog=said), mode=era, cache=None) as client:
                tools = await client.list_tools()
                answer = await client.call_tool("echo", {"text": "hello"})
                denied = await client.call_tool("drop_table", {"table": "customers"})

    assert [one.name for one in tools.tools] == ["echo", "held", "scripted", "sometimes"]
    assert answer.content[0].text == "echo ran"
    assert denied.is_error
    assert "Schema changes go through migrations." in denied.content[0].text
    mine = [one for one in house.evidence.records("call:requested") if one["principal"]["subject"] == f"desk-{era}"]
    assert {one["protocol"] for one in mine} == {"mcp/2025-11-25" if era == "legacy" else "mcp/2026-07-28"}
    assert desk.handed == 1
    if era == "legacy":
        assert [one["method"] for one in mine][-1] == "delete"


def test_bytes_arrive_as_they_were_sent(house, upstream, bridge):
    """Both ways: blanks, escapes, letters of all planes, numbers of any length; one line a message."""
    bridge.greet()
    raw = (
        '{"jsonrpc":"2.0", "id":"ü-1",\t"method":"tools/call","params":'
        '{"name":"echo","arguments":{"t":"Zoë \\u00e9 🜁","n":1.10000000000000000000001}}}'
    ).encode()

    bridge.say(raw)
    line = bridge.line()

    assert upstream.calls()[-1].body == raw
    assert json.loads(line)["id"] == "ü-1"


def test_an_answer_with_line_breaks_is_one_line(house, upstream, bridge):
    """The stdio transport: no newline inside a message."""
    bridge.greet()
    upstream.next_call(lambda exchange: (exchange.stream(), exchange.chunk(pretty(exchange)), exchange.end()))

    answer = bridge.call("scripted")

    assert answer["result"]["content"] == [{"type": "text", "text": "a\nb"}]


def pretty(exchange: Any) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", "id": exchange.id, "result": exchange.said("a\nb")}, indent=2)
    return "".join(f"data: {line}\n" for line in body.splitlines()).encode() + b"\n"


def test_a_large_message_passes_whole(house, upstream, bridge):
    bridge.greet()
    large = "x" * 3_000_000

    bridge.call("echo", text=large)

    assert upstream.calls()[-1].params["arguments"]["text"] == large


def test_many_calls_run_beside_each_other(house, upstream, bridge):
    """Answers come as they come, not in the order of the questions."""
    bridge.greet()
    bridge.say({"jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": {"name": "held", "arguments": {}}})
    held = upstream.held()
    for number in range(20):
        bridge.say(
            {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "echo", "arguments": {}}}
        )

    first = {bridge.hear()["id"] for _ in range(20)}
    held.says("late")

    assert first == set(range(20))
    assert bridge.hear()["id"] == "slow"


def test_a_modern_call_has_the_headers_that_the_gateway_compares(house, upstream, bridge):
    """MCP 2026-07-28 "Request Metadata", and `x-mcp-header` of a tool that was listed."""
    upstream.tools.append({**tool("unlisted"), "inputSchema": HEADERED})
    try:
        bridge.say(modern("tools/list", 1))
        assert "unlisted" in {one["name"] for one in bridge.hear()["result"]["tools"]}
        bridge.say(modern("tools/call", 2, name="unlisted", arguments={"region": "München", "limit": 3}))
        assert bridge.hear()["result"]["content"][0]["text"] == "unlisted ran"
    finally:
        upstream.tools.pop()

    call = upstream.calls()[-1]
    assert call.header("mcp-protocol-version") == MODERN
    assert (call.header("mcp-method"), call.header("mcp-name")) == ("tools/call", "unlisted")
    assert call.header("mcp-param-region") == f"=?base64?{base64.b64encode('München'.encode()).decode()}?="
    assert call.header("mcp-param-limit") == "3"


HEADERED = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "limit": {"type": "integer", "x-mcp-header": "Limit"},
    },
}


def test_a_modern_cancel_closes_the_stream(house, upstream, bridge):
    """MCP 2026-07-28 "Cancellation": on stdio a notification, on Streamable HTTP the end of the connection."""
    bridge.say(modern("tools/call", 7, name="held", arguments={}))
    held = upstream.held()
    held.stream()

    bridge.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})

    assert held.peer_hangs_up()
    held.drop()
    assert upstream.calls("notifications/cancelled") == []
    bridge.say(modern("tools/call", 8, name="echo", arguments={}))
    assert bridge.hear()["id"] == 8


def test_a_legacy_cancel_is_passed_on(house, upstream, bridge):
    """MCP 2025-11-25 "Cancellation": closing the stream is none."""
    bridge.greet()
    bridge.say({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "held", "arguments": {}}})
    held = upstream.held()

    bridge.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})
    assert bridge.call("echo", 8)["id"] == 8

    assert upstream.calls("notifications/cancelled")[0].params == {"requestId": 7}
    held.says("too late")


def test_news_of_a_legacy_server_arrive_and_the_stream_is_taken_up_again(house, upstream, bridge):
    """MCP 2025-11-25 "Listening for Messages from the Server", "Resumability and Redelivery"."""
    upstream.streams = True
    try:
        bridge.greet()
        first = upstream.held()
        first.stream()
        first.chunk(b"id: e-1\nretry: 10\ndata: " + notice("one") + b"\n\n")
        assert bridge.hear()["params"]["data"] == "one"
        first.end()
        second = upstream.held()
        second.stream()
        second.event(notice("two"))

        assert bridge.hear()["params"]["data"] == "two"
        assert second.request.header("last-event-id") == "e-1"
        second.end()
    finally:
        upstream.streams = False


def notice(text: str) -> bytes:
    value = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": text}}
    return json.dumps(value).encode()


def test_an_answer_that_breaks_off_is_taken_up_where_it_was(house, upstream, bridge):
    """MCP 2025-11-25 "Resumability and Redelivery": the call is not sent again."""
    bridge.greet()

    def break_off(exchange: Any) -> None:
        exchange.stream()
        exchange.chunk(b"id: c-1\nretry: 10\ndata:\n\n")
        exchange.end()

    upstream.next_call(break_off)
    upstream.streams = True
    bridge.say({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "scripted", "arguments": {}}})
    try:
        resumed = upstream.held()
        while resumed.request.header("last-event-id") is None:  # that was the stream of news
            resumed = upstream.held()
        assert resumed.request.header("last-event-id") == "c-1"
        resumed.stream()
        result = {"content": [{"type": "text", "text": "resumed"}]}
        resumed.event({"jsonrpc": "2.0", "id": 5, "result": result})
        resumed.end()
        answer = bridge.hear()
    finally:
        upstream.streams = False

    assert answer["result"]["content"] == result["content"]
    assert len(upstream.calls()) == 1


def test_a_token_that_ends_in_the_session_is_replaced_ahead_of_its_end(house, tmp_path):
    """No call is refused meanwhile; the session stays the same to the client."""
    mint = lambda _: house.token("short", exp=int(time.time()) + 2)  # noqa: E731 a token a call
    with TokenDesk(mint) as desk:
        url = f"{house.gateway.url}/mcp/warehouse"
        with connecting(tmp_path, url, "--token-command", desk.command) as bridge:
            bridge.greet()
            ends = time.monotonic() + 5
            while time.monotonic() < ends:
                assert "result" in bridge.call("echo")
                time.sleep(0.1)
            assert bridge.end() == 0

    assert desk.handed >= 3
    assert not [one for one in house.evidence.records("identity:rejected") if one["reason"] == "expired"]


def test_a_token_that_the_gateway_refuses_is_replaced_once_and_the_message_sent_again(house, upstream, tmp_path):
    """RFC 6750 section 3.1: a 401 says that nothing was forwarded."""
    tokens = iter([house.token(aud="https://other.example.com"), house.token("second")])
    url = f"{house.gateway.url}/mcp/warehouse"
    with (
        TokenDesk(lambda _: next(tokens)) as desk,
        connecting(tmp_path, url, "--token-command", desk.command) as bridge,
    ):
        assert "result" in bridge.greet()
        assert bridge.call("echo")["result"]["content"][0]["text"] == "echo ran"

    assert len(upstream.calls("initialize")) == 1


@pytest.mark.parametrize(
    ("claims", "refusal"),
    [
        ({"aud": "https://other.example.com"}, ("wrong_audience", "The token is for somebody else, https://other")),
        ({"iss": "https://evil.test"}, ("unknown_issuer", "does not accept tokens of this issuer, https://evil.test")),
        ({"exp": 1_700_000_000, "iat": 1_699_999_000}, ("expired", "The token has expired")),
    ],
)
def test_a_refused_token_is_explained_in_one_sentence(house, upstream, tmp_path, claims, refusal):
    """With the gateway's stable code, to the client and on stderr; never with the token."""
    code, sentence = refusal
    file = token_file(house, tmp_path, **claims)
    with connecting(tmp_path, f"{house.gateway.url}/mcp/warehouse", "--token-file", str(file)) as bridge:
        error = bridge.ask("initialize", "hello", protocolVersion="2025-11-25", capabilities={}, clientInfo={})["error"]
        told = bridge.told()

    assert error["data"]["code"] == code
    assert error["data"]["status"] == 401
    assert sentence in error["message"]
    assert sentence in told
    assert file.read_text().strip().split(".")[1] not in told + json.dumps(error)
    assert upstream.requests == []


def test_the_session_that_the_upstream_forgot_is_begun_again_unseen(house, upstream, bridge):
    """MCP 2025-11-25 "Session Management": a 404 means a new session, and that the call did not run."""
    bridge.greet()
    upstream.next_call(lambda exchange: exchange.answer(b"", status=404))

    answer = bridge.call("echo")

    assert answer["result"]["content"][0]["text"] == "echo ran"
    assert [one.method for one in upstream.requests if one.http_method == "POST"] == [
        "initialize",
        "notifications/initialized",
        "tools/call",
        "initialize",
        "notifications/initialized",
        "tools/call",
    ]
    hellos = upstream.calls("initialize")
    assert hellos[0].params == hellos[1].params
    assert "begun again" in bridge.told()


def test_a_stream_of_news_that_finds_its_session_gone_goes_on_in_a_new_one(house, upstream, bridge):
    """One stream a session, before and after; event ids are the session's own."""
    upstream.streams = True
    try:
        bridge.greet()
        first = upstream.held()
        first.stream()
        first.chunk(b"id: e-1\nretry: 10\ndata: " + notice("one") + b"\n\n")
        bridge.hear()
        first.end()
        upstream.held().answer(b"", status=404)
        again = upstream.held()
        again.stream()
        again.event(notice("two"))
        assert bridge.hear()["params"]["data"] == "two"
        assert bridge.call("echo")["result"]["content"][0]["text"] == "echo ran"
        again.end()
    finally:
        upstream.streams = False

    streams = [one for one in upstream.requests if one.http_method == "GET"]
    assert [one.header("last-event-id") for one in streams[:3]] == [None, "e-1", None]
    assert len(upstream.calls("initialize")) == 2


def test_garbage_is_answered_and_is_not_the_end(house, upstream, bridge):
    bridge.greet()

    bridge.say(b"{nonsense")
    assert bridge.hear()["error"] == {"code": -32700, "message": "The body is not JSON.", "data": {"code": "not_json"}}
    bridge.say(b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]')
    assert bridge.hear()["error"]["data"]["code"] == "batch"
    assert bridge.ask("ping", 9) == {"jsonrpc": "2.0", "id": 9, "result": {}}
    assert [one.method for one in upstream.requests if one.http_method == "POST"] == [
        "initialize",
        "notifications/initialized",
        "ping",
    ]


def test_what_is_piped_in_without_waiting_is_answered_before_it_ends(house, bridge):
    """`printf … | affidavit connect URL`: the session is there for the second line, and the end waits for answers."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "sh", "version": "1"}}
    bridge.say({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
    bridge.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
    bridge.say({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "echo", "arguments": {}}})

    assert bridge.end() == 0
    assert [bridge.hear()["id"], bridge.hear()["id"]] == [1, 2]


def test_sigterm_ends_it_at_once_with_a_goodbye(house, upstream, bridge):
    bridge.greet()
    bridge.say({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "held", "arguments": {}}})
    held = upstream.held()

    bridge.process.send_signal(signal.SIGTERM)

    assert bridge.process.wait(10) == 0
    assert [one.method for one in upstream.requests][-1] == "delete"
    held.says("nobody hears it")


def test_a_job_of_github_actions_needs_no_option(house, tmp_path):
    """The audience is asked for as said; GitHub's environment is found."""
    with TokenDesk(
        lambda audience: house.machines.github(
            7, aud=audience, email="deploy@proj.iam.gserviceaccount.com", email_verified=True
        )
    ) as desk:
        url = f"{house.gateway.url}/mcp/warehouse"
        with connecting(tmp_path, url, "--audience", AUDIENCE, environment=desk.github) as bridge:
            bridge.greet()
            assert bridge.call("echo")["result"]["content"][0]["text"] == "echo ran"
            assert "tokens come from GitHub Actions" in bridge.told()

    assert desk.audiences == [AUDIENCE]


def test_check_says_who_and_what_is_there(house, tmp_path):
    file = token_file(house, tmp_path)
    command = [PROGRAM, "connect", f"{house.gateway.url}/mcp/warehouse", "--check", "--token-file", str(file)]
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    file.write_text(house.token(aud="https://other.example.com"))
    bad = subprocess.run(command, capture_output=True, text=True, check=False)

    assert good.returncode == 0, good.stderr
    assert good.stdout.startswith("Connected as ana@example.com of https://staff.test to warehouse (MCP 2026-07-28)")
    assert "echo, held, scripted, sometimes" in good.stdout
    assert bad.returncode == 1
    assert bad.stdout.startswith("Not connected: The token is for somebody else")
    assert len(bad.stdout.splitlines()) == 1


def test_no_answer_ever_holds_up_the_others(house, upstream, bridge):
    """A client that reads late: what waits for it is written whole and in turn."""
    bridge.greet()
    asking = threading.Thread(target=lambda: [bridge.say(call(number)) for number in range(50)])
    asking.start()
    asking.join()

    assert {bridge.hear()["id"] for _ in range(50)} == set(range(50))


def call(number: int) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": number,
        "method": "tools/call",
        "params": {"name": "echo", "arguments": {"n": number}},
    }
