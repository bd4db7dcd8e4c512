"""`affidavit connect` and a gateway that is killed and started again in the middle of a session.

Source: architecture "Failures"; MCP 2025-11-25 "Session Management".
"""

import contextlib
import json
import os
import signal
from pathlib import Path

import pytest

from fakes.auditor import audit_folder
from fakes.gateway_house import HOUSE, House
from fakes.gateway_process import GatewayProcess, serving
from fakes.ports import free_port
from fakes.scripted_upstream import ScriptedUpstream
from fakes.stdio_process import StdioProcess, connecting


class Restarted:
    """A house whose gateway comes and goes, always at one port and over one folder."""

    def __init__(self, folder: Path, upstream: ScriptedUpstream) -> None:
        self.house = House(folder, upstream)
        self.house.prepare(HOUSE)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp/warehouse"
        self.token = folder / "token"
        self.token.write_text(self.house.token())

    def serving(self) -> contextlib.AbstractContextManager[GatewayProcess]:
        return serving(self.house.configuration, self.house.data, port=self.port)

    def connecting(self) -> contextlib.AbstractContextManager[StdioProcess]:
        return connecting(self.house.folder, self.url, "--token-file", str(self.token))


@pytest.fixture
def house(upstream: ScriptedUpstream, tmp_path: Path) -> Restarted:
    return Restarted(tmp_path, upstream)


def kill(gateway: GatewayProcess) -> None:
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait()


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_a_session_outlives_its_gateway(house, upstream, end):
    """What is said while it is away waits; the session goes on, and no call runs twice."""
    with house.connecting() as bridge:
        with house.serving() as gateway:
            bridge.greet()
            assert bridge.call("echo", 1)["result"]["content"][0]["text"] == "echo ran"
            kill(gateway) if end == "killed" else gateway.stop()
        bridge.say({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "echo", "arguments": {}}})
        while "is away; trying again" not in bridge.told():
            os.sched_yield()
        with house.serving():
            assert bridge.hear()["result"]["content"][0]["text"] == "echo ran"
            assert bridge.call("echo", 3)["id"] == 3
            assert "the gateway is back" in bridge.told()
            assert bridge.end() == 0
    assert len([one for one in upstream.calls() if one.tool == "echo"]) == 3
    assert len(upstream.calls("initialize")) == 1
    audit_folder(house.house.data)


def test_a_call_under_way_when_the_gateway_dies_is_unknown_and_never_sent_again(house, upstream):
    with house.connecting() as bridge:
        with house.serving() as gateway:
            bridge.greet()
            bridge.say({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "held", "arguments": {}}})
            held = upstream.held()
            kill(gateway)
        error = bridge.hear()["error"]
        with house.serving():
            assert bridge.call("echo", 2)["result"]["content"][0]["text"] == "echo ran"
    held.drop()

    assert error["code"] == -31003
    assert error["data"] == {"code": "outcome_unknown", "retry": False}
    assert len([one for one in upstream.calls() if one.tool == "held"]) == 1


def test_a_listing_under_way_when_the_gateway_dies_is_asked_again(house, upstream):
    """What changes nothing may be asked twice."""
    with house.connecting() as bridge:
        with house.serving() as gateway:
            bridge.greet()
            house.house.evidence.wait_for("tool:defined", upstream="warehouse", target="echo")
            upstream.holds = "tools/list"
            bridge.say({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}})
            held = upstream.held()
            kill(gateway)
        upstream.holds = None
        held.drop()
        with house.serving():
            names = [one["name"] for one in bridge.hear()["result"]["tools"]]

    assert "echo" in names


def test_a_subscription_outlives_its_gateway(house, upstream):
    """MCP 2026-07-28 "subscriptions/listen": the stream is begun again, and acknowledged to the client once."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    acknowledged = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {}}
    changed = {"jsonrpc": "2.0", "method": "notifications/resources/list_changed", "params": {}}
    upstream.holds = "subscriptions/listen"
    try:
        with house.connecting() as bridge:
            with house.serving() as gateway:
                params = {"_meta": meta, "notifications": {"resourcesListChanged": True}}
                bridge.say({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params})
                first = upstream.held()
                first.stream()
                first.event(acknowledged)
                assert bridge.hear()["method"] == "notifications/subscriptions/acknowledged"
                kill(gateway)
            first.drop()
            with house.serving():
                second = upstream.held()
                while json.loads(second.request.body)["params"]["notifications"] != params["notifications"]:
                    second = upstream.held()
                second.stream()
                second.event(acknowledged)
                second.event(changed)
                assert bridge.hear()["method"] == "notifications/resources/list_changed"
                assert bridge.end() == 0
            second.drop()
    finally:
        upstream.holds = None
