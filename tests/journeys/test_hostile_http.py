"""Below MCP: bytes that are no request, or one that two servers in a row would take apart differently.

Source: RFC 9112 sections 2.2, 3.2, 6.1 to 6.3, 7.1 and 11.2; RFC 9110 section 5.4; CWE-444.
"""

import json
import socket
import time

import pytest

from fakes.hostility import assert_says_nothing_of_itself, goes_on
from fakes.mcp_client import VERSION_KEY, connected, raw

MIB = 1024 * 1024
CALL = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "echo", "arguments": {}, "_meta": {VERSION_KEY: "2026-07-28"}},
    }
).encode()


def head(client, *lines: bytes, path: bytes = b"/mcp/warehouse", method: bytes = b"POST", length: bool = True) -> bytes:
    """Return the head of an honest request with other lines added."""
    usual = [
        b"%b %b HTTP/1.1" % (method, path),
        b"Host: " + client.authority.encode(),
        b"Authorization: Bearer " + client.token.encode(),
        b"Content-Type: application/json",
        b"Accept: application/json, text/event-stream",
        b"MCP-Protocol-Version: 2026-07-28",
        b"Mcp-Method: tools/call",
        b"Mcp-Name: echo",
    ]
    sized = [b"Content-Length: %d" % len(CALL)] if length else []
    return b"\r\n".join([*usual, *sized, *lines, b"", b""])


def test_an_honest_request_in_raw_bytes_is_served(house, upstream):
    """What the others differ from."""
    client = house.client()

    answer = raw(client.authority, head(client, b"Connection: close") + CALL, ip=client.ip)

    assert b"echo ran" in answer
    assert len(upstream.requests) == 1


CHUNKED = b"Transfer-Encoding: chunked"
WHOLE = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CALL), CALL)
BROKEN = {
    "two lengths": ((b"Content-Length: %d" % len(CALL), b"Content-Length: 5"), CALL),
    "two lengths in one": ((b"Content-Length: %d, 5" % len(CALL),), CALL),
    "a signed length": ((b"Content-Length: +%d" % len(CALL),), CALL),
    "a hexadecimal length": ((b"Content-Length: 0x5",), CALL),
    "a length with a blank in it": ((b"Content-Length: 5 5",), CALL),
    "a length beyond 64 bits": ((b"Content-Length: 99999999999999999999999",), CALL),
    "a length and chunks": ((b"Content-Length: 5", CHUNKED), WHOLE),
    "chunks and a length": ((CHUNKED, b"Content-Length: %d" % len(CALL)), WHOLE),
    "chunks that are not last": ((b"Transfer-Encoding: chunked, identity",), WHOLE),
    "a coding that nobody knows": ((b"Transfer-Encoding: xchunked",), WHOLE),
    "a blank before the colon": ((b"Transfer-Encoding : chunked",), WHOLE),
    "a chunk size that is none": ((CHUNKED,), b"zz\r\n" + CALL),
    "a negative chunk": ((CHUNKED,), b"-5\r\n" + CALL),
    "a chunk size beyond 64 bits": ((CHUNKED,), b"fffffffffffffffff\r\n" + CALL),
    "a chunk that is longer than it says": ((CHUNKED,), b"5\r\n" + CALL + b"\r\n0\r\n\r\n"),
    "a whole message and then a bad chunk": ((CHUNKED,), WHOLE[:-5] + b"zz\r\n\r\n"),
    "a bare line feed in chunks": ((CHUNKED,), b"%x\n%b\n0\n\n" % (len(CALL), CALL)),
    "a folded header": ((b"X-A: 1", b" folded: 2", b"Content-Length: %d" % len(CALL)), CALL),
    "a NUL in a value": ((b"X-A: a\x00b", b"Content-Length: %d" % len(CALL)), CALL),
    "a NUL in a name": ((b"X\x00A: b", b"Content-Length: %d" % len(CALL)), CALL),
    "a lone CR in a value": ((b"X-A: a\rb", b"Content-Length: %d" % len(CALL)), CALL),
    "a line without a colon": ((b"nonsense", b"Content-Length: %d" % len(CALL)), CALL),
    "an empty name": ((b": a", b"Content-Length: %d" % len(CALL)), CALL),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_request_that_two_servers_would_read_differently_is_refused(house, upstream, broken):
    lines, body = BROKEN[broken]
    client = house.client()

    answer = raw(client.authority, head(client, *lines, length=False) + body, ip=client.ip)

    assert_is_bad_request(answer)
    goes_on(client)
    assert len(upstream.requests) == 1, "that of the honest call"


NO_REQUEST = {
    "nothing of HTTP": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "a method that is none": b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a NUL in the path": b"GET /mcp/ware\x00house HTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank in the path": b"GET /mcp/ware house HTTP/1.1\r\nHost: a\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("nonsense", NO_REQUEST)
def test_bytes_that_are_no_request_are_refused(house, upstream, nonsense):
    client = house.client()

    answer = raw(client.authority, NO_REQUEST[nonsense], ip=client.ip)

    assert_is_bad_request(answer)
    goes_on(client)
    assert len(upstream.requests) == 1, "that of the honest call"


@pytest.mark.parametrize("sent", ["half a body", "a whole message and a longer length", "a whole chunk and no end"])
def test_a_body_that_breaks_off_is_not_taken_for_a_whole_one(house, upstream, sent):
    """RFC 9112 section 8: a message that breaks off is incomplete, however well it reads."""
    client = house.client()
    requests = {
        "half a body": head(client) + CALL[: len(CALL) // 2],
        "a whole message and a longer length": head(client, b"Content-Length: %d" % (len(CALL) + 9), length=False)
        + CALL,
        "a whole chunk and no end": head(client, CHUNKED, length=False) + WHOLE[:-5],
    }
    before = len(house.evidence.records())

    with connected(client.authority, ip=client.ip) as connection:
        connection.sendall(requests[sent])
        time.sleep(0.05)  # it is read before the connection ends

    house.evidence.wait_until(lambda: house.evidence.records("call:refused", code="incomplete"))
    house.evidence.wait_until(lambda: len(house.evidence.records()) > before)
    assert upstream.requests == []
    (refusal, *_) = house.evidence.records("call:refused", code="incomplete")
    assert "principal" not in refusal
    goes_on(client)


def test_a_request_smuggled_behind_another_is_a_request_of_its_own(house, upstream):
    """Pipelining: each is checked for itself; the second has no token."""
    client = house.client()
    second = b"POST /mcp/warehouse HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n" % client.authority.encode()
    second += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(CALL) + CALL

    answer = raw(client.authority, head(client) + CALL + second, ip=client.ip)

    assert answer.count(b"HTTP/1.1 200") == 1
    assert answer.count(b"HTTP/1.1 401") == 1
    assert len(upstream.requests) == 1


HUGE_HEADS = {
    "a value of many megabytes": lambda: [b"X-A: " + b"a" * (20 * MIB) + b"\r\n"],
    "a name of many megabytes": lambda: [b"a" * (20 * MIB) + b": 1\r\n"],
    "a hundred thousand headers": lambda: [b"X-%d: a\r\n" % i for i in range(100_000)],
    "one header a hundred thousand times": lambda: [b"Cookie: a=b\r\n"] * 100_000,
}


@pytest.mark.parametrize("huge", HUGE_HEADS)
def test_a_head_that_does_not_end_is_cut_off(house, upstream, huge):
    """RFC 6585 section 5. Otherwise anybody could fill the memory without a token."""
    client = house.client()
    lines = b"".join(HUGE_HEADS[huge]())

    answer = raw(client.authority, head(client)[:-2] + lines, b"\r\n" + CALL, ip=client.ip)

    if answer:  # a peer that still sends may find the connection closed before it reads
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert _code(answer) == "headers_too_large"
    assert upstream.requests == []
    goes_on(client)


def test_a_path_of_many_megabytes_is_cut_off(house, upstream):
    client = house.client()

    answer = raw(client.authority, b"GET /" + b"a" * (20 * MIB) + b" HTTP/1.1\r\n\r\n", ip=client.ip)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    goes_on(client)


def test_a_head_of_64_kib_is_too_large_and_one_of_48_is_not(house, upstream):
    client = house.client()

    fine = raw(client.authority, head(client, b"Connection: close", b"X-A: " + b"a" * 48_000) + CALL, ip=client.ip)
    large = raw(client.authority, head(client, b"Connection: close", b"X-A: " + b"a" * 65_536) + CALL, ip=client.ip)

    assert b"echo ran" in fine
    assert large.startswith(b"HTTP/1.1 431 ")
    assert len(upstream.requests) == 1


def test_many_headers_in_one_keep_alive_connection_are_counted_for_each_request(house):
    client = house.client()
    request = head(client, b"X-A: " + b"a" * 48_000) + CALL
    last = head(client, b"Connection: close") + CALL

    assert raw(client.authority, request * 3 + last, ip=client.ip).count(b"echo ran") == 4


def test_clients_that_never_finish_hold_up_nobody_else(house, upstream):
    """Slow heads and slow bodies: what they hold is a socket each."""
    client = house.client()
    slow: list[socket.socket] = []
    try:
        for _ in range(100):
            slow.append(connected(client.authority, ip=client.ip))
            slow[-1].sendall(head(client)[:-2] + b"X-Slow: ")
            slow.append(connected(client.authority, ip=client.ip))
            slow[-1].sendall(head(client) + CALL[:-1])

        goes_on(client)
    finally:
        for connection in slow:
            connection.close()


def test_a_body_that_comes_byte_by_byte_is_read(house, upstream):
    client = house.client()
    request = head(client, b"Connection: close") + CALL

    answer = raw(client.authority, *(request[at : at + 1] for at in range(len(request))), ip=client.ip)

    assert b"echo ran" in answer


def test_a_client_that_asks_first_is_told_to_go_on(house):
    """RFC 9110 section 10.1.1."""
    client = house.client()

    answer = raw(client.authority, head(client, b"Expect: 100-continue", b"Connection: close"), CALL, ip=client.ip)

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


def test_an_upgrade_is_not_taken(house, upstream):
    """The gateway speaks HTTP/1.1 and nothing else."""
    client = house.client()
    upgrade = (b"Connection: Upgrade, close", b"Upgrade: websocket", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")

    answer = raw(client.authority, head(client, *upgrade, method=b"GET", length=False), ip=client.ip, shut=True)

    assert b"101 Switching" not in answer
    goes_on(client)


def assert_is_bad_request(answer: bytes) -> None:
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:300]
    assert answer.count(b"HTTP/1.1 ") == 1, "the connection ends with it"
    assert _code(answer) == "bad_request"
    assert_says_nothing_of_itself(answer)


def _code(answer: bytes) -> str:
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["error"])
