"""Our server counts what reaches it, and speaks both eras to a client that is not the suites'."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from mcp import Client

from fakes.process import running


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running("fakes.everything_server") as port:
        yield port


def count(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/__count", timeout=5) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


@pytest.mark.parametrize(
    ("method", "body", "headers", "counted_as"),
    [
        ("POST", b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}', {}, "tools/list"),
        ("POST", b'{"jsonrpc":"2.0","id":1,"result":{}}', {}, "response"),
        ("POST", b'{"jsonrpc":"2.0","id":1,"method":"ping"}', {"Host": "evil.example.com"}, "ping"),
        ("POST", b"not JSON", {}, "unreadable"),
        ("POST", b"[]", {}, "unreadable"),
        ("GET", None, {}, "stream"),
        ("DELETE", None, {}, "delete"),
    ],
)
def test_what_is_refused_is_counted_too(
    port: int, method: str, body: bytes | None, headers: dict[str, str], counted_as: str
) -> None:
    """A call that the gateway sent is a call that it must have recorded, whatever became of it."""
    before = count(port)
    sent = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/mcp", data=body, headers=sent, method=method)

    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request, timeout=5)

    after = count(port)
    assert after["total"] == before["total"] + 1
    assert after["methods"][counted_as] == before["methods"].get(counted_as, 0) + 1


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_both_eras_are_served(port: int, era: Any) -> None:
    async with Client(f"http://127.0.0.1:{port}/mcp", mode=era) as client:
        answer = await client.call_tool("test_simple_text", {})

    assert answer.content[0].text == "This is a simple text response for testing."
