"""Connections that say more than their requests: what comes after a body, beside it, or behind it.

Source: RFC 9110 sections 6.5.1 and 7.8; RFC 9112 sections 7.1.2 and 9.3.2.
"""

import json

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
