"""Connections that say more than their requests: what comes after a body, beside it, or behind it.

Source: RFC 9110 sections 6.5.1 and 7.8; RFC 9112 sections 7.1.2 and 9.3.2.
"""

import json

import pytest

from fakes.gateway_house import House
from fakes.hostility import goes_on
from fakes.mcp_client import McpClient, raw


def request(client: McpClient, *lines: str, body: bytes | None = None, token: bool = True) -> bytes:
    """Return an honest call with other lines in its head, and perhaps another body or no token."""
    message = client.calling("echo")
    usual = {**client.headers(message), "host": client.authority}
    if not token:
        del usual["authorization"]
    if body is None:
        body = json.dumps(message).encode()
        lines = (f"Content-Length: {len(body)}", *lines)
    head = [f"{name}: {value}" for name, value in usual.items() if value is not None]
    return "\r\n".join(["POST /mcp/warehouse HTTP/1.1", *head, *lines, "", ""]).encode() + body


def chunked(client: McpClient, *trailers: str) -> bytes:
    content = json.dumps(client.calling("echo")).encode()
    return b"%x\r\n%b\r\n0\r\n" % (len(content), content) + "\r\n".join([*trailers, "", ""]).encode()


def test_a_token_that_comes_after_the_body_is_none(house: House, upstream):
    """RFC 9110 section 6.5.1: who calls is said before the body, where everybody on the way looks."""
    client = house.client()
    body = chunked(client, f"Authorization: Bearer {client.token}")

    answer = raw(
        client.authority,
        request(client, "Transfer-Encoding: chunked", "Connection: close", body=body, token=False),
        ip=client.ip,
    )

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'"code":"missing_token"' in answer
    assert upstream.requests == []
    goes_on(client)


def test_nothing_that_comes_after_the_body_reaches_the_upstream(house: House, upstream):
    """Headers `Mcp-Param-…` go on, and are checked before; a trailer of that name is neither."""
    client = house.client()
    body = chunked(client, "Mcp-Param-Evil: 1")

    answer = raw(
        client.authority,
        request(client, "Transfer-Encoding: chunked", "Connection: close", body=body),
        ip=client.ip,
    )

    assert b"echo ran" in answer
    assert "mcp-param-evil" not in {name.lower() for name, _ in upstream.requests[-1].headers}
    goes_on(client)


def test_a_call_whose_body_holds_another_call_is_one_call(house: House, upstream):
    """CWE-444: with `Upgrade`, the parser takes the body for the next request; whoever is before us does not."""
    client = house.client()
    inner = request(client, "Connection: close")
    outer = request(
        client,
        "Connection: Upgrade",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABk",
        f"Content-Length: {len(inner)}",
        body=inner,
    )

    answer = raw(client.authority, outer, request(client, "Connection: close", token=False), ip=client.ip)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"not_json"' in answer
    assert answer.count(b"HTTP/1.1 401 ") == 1, "of the next one"
    assert upstream.requests == []
    goes_on(client)


def test_a_client_that_would_rather_speak_http_2_is_served(house: House, upstream):
    """RFC 9110 section 7.8: some clients ask with each request, and take no for an answer."""
    client = house.client()

    answer = raw(client.authority, request(client, "Connection: Upgrade, close", "Upgrade: h2c"), ip=client.ip)

    assert b"echo ran" in answer
    assert {"upgrade", "http2-settings"}.isdisjoint(name.lower() for name, _ in upstream.requests[-1].headers)
    assert "pip install" not in house.gateway.diagnostics()


@pytest.mark.parametrize("behind", [b"garbage\r\n\r\n", b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n"])
def test_the_answer_of_a_call_that_ran_comes_before_the_refusal_of_what_is_behind_it(house: House, upstream, behind):
    """RFC 9112 section 9.3.2. It is recorded as answered, so it must have been; otherwise its client does it again."""
    client = house.client()

    answer = raw(client.authority, request(client) + behind, ip=client.ip)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"echo ran" in answer
    assert answer.rpartition(b"HTTP/1.1 ")[2].startswith((b"400 ", b"431 "))
    assert answer.count(b"HTTP/1.1 ") == 2
    assert len(upstream.requests) == 1
    goes_on(client)
