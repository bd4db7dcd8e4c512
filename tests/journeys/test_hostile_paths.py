"""Paths and methods that mean something else to somebody before or behind the gateway.

Source: mcp (one endpoint, `/mcp/<upstream>`; no token in a query string); RFC 3986 section 6.2.2; RFC 9110 section 9.
"""

import json

import pytest

from fakes.hostility import (
    assert_says_nothing_of_itself,
    goes_on,
    refused_after_authentication,
    refused_before_authentication,
)
from fakes.mcp_client import raw

UNKNOWN = [
    "unknown",
    "",
    "warehouse/",
    "warehouse//",
    "warehouse/mcp",
    "/warehouse",
    "../mcp/warehouse",
    "..%2fmcp%2fwarehouse",
    "%2e%2e/warehouse",
    "warehouse%2f",
    "warehouse%00",
    "warehouse%20",
    "warehouse%0d%0aX:%20y",
    "warehouse;a=b",
    "Warehouse",
    "WAREHOUSE",
    "w%c3%a4rehouse",
    "%ff%fe",
    "a" * 30_000,
]


@pytest.mark.parametrize("path", UNKNOWN, ids=lambda path: path[:30] or "nothing")
def test_a_path_that_is_no_upstreams_is_nobodys(house, path):
    client = house.client()
    client.upstream = path

    answer = client.call("echo")

    refused_before_authentication(house, answer, 404, "unknown_upstream")
    client.upstream = "warehouse"
    goes_on(client)


@pytest.mark.parametrize(
    "path", ["/mcp", "/MCP/warehouse", "//mcp/warehouse", "/./mcp/warehouse", "/x/../mcp/warehouse"]
)
def test_a_path_that_is_not_of_mcp_is_nothing(house, upstream, path):
    client = house.client()
    request = f"POST {path} HTTP/1.1\r\nHost: {client.authority}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    answer = raw(client.authority, request.encode(), ip=client.ip)

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "not_found"
    assert upstream.requests == []


def test_an_escaped_name_is_the_name(house):
    """RFC 3986 section 6.2.2.2: escaping what needs none changes nothing."""
    client = house.client()
    client.upstream = "w%61rehouse"

    assert client.call("echo").text == "echo ran"


@pytest.mark.parametrize("target", ["http://evil.test/mcp/warehouse", "https://gateway.example.com/mcp/warehouse"])
def test_an_absolute_target_is_held_to_the_host_that_it_came_with(house, upstream, target):
    """RFC 9112 section 3.2.2: what counts is who is asked for, and the Host is checked."""
    client = house.client()
    head = f"POST {target} HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    answer = raw(client.authority, head.encode(), ip=client.ip)

    assert answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))
    assert upstream.requests == []


@pytest.mark.parametrize("query", ["?access_token={token}", "?token={token}", "?a", "?="])
def test_a_query_is_refused_whatever_it_holds(house, query):
    """mcp "Authorization": no token in a query string."""
    client = house.client()
    token, client.token = client.token, None
    client.upstream = "warehouse" + query.format(token=token)

    answer = client.call("echo")

    refused_before_authentication(house, answer, 400, "query")
    assert token.encode() not in answer.body
    assert token not in house.gateway.diagnostics()
    assert not any(token.encode() in line for line in house.evidence.lines().values())


def test_an_empty_query_is_none(house):
    client = house.client()
    client.upstream = "warehouse?"

    assert client.call("echo").text == "echo ran"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "PROPFIND"])
def test_another_method_is_not_allowed(house, upstream, method):
    client = house.client()

    answer = client.send(method, client.calling("echo"))

    assert answer.status == 405
    assert answer.headers["allow"] == "POST, GET, DELETE"
    if method != "HEAD":  # whose answer has no body
        refused_before_authentication(house, answer, 405, "method_not_allowed")
    assert upstream.requests == []
    goes_on(client)


def test_a_tunnel_is_not_dug(house, upstream):
    client = house.client()

    answer = raw(
        client.authority, b"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n", ip=client.ip, shut=True
    )

    assert not answer.startswith(b"HTTP/1.1 200")
    assert upstream.requests == []
    goes_on(client)


@pytest.mark.parametrize("http_method", ["GET", "DELETE"])
def test_a_body_where_none_belongs_goes_nowhere(house, upstream, http_method):
    """It is not read, so no rule has seen it, so it must not be sent."""
    client = house.client().initialize()
    upstream.forget()

    answer = client.send(http_method, client.legacy_calling("drop_table"))

    refused_after_authentication(house, answer, 400, "unexpected_body")
    goes_on(client)


@pytest.mark.parametrize("path", ["/readyz", "/healthz", "/.well-known/oauth-protected-resource/mcp/warehouse"])
def test_paths_without_a_token_show_nothing_of_calls(house, path):
    house.client("secretive").call("echo", secret="s3cr3t")

    status, body = house.gateway.get(path)

    assert status == 200
    assert_says_nothing_of_itself(json.dumps(body).encode())
    assert "secretive" not in json.dumps(body)
    assert str(house.folder) not in json.dumps(body)


def test_a_get_without_a_token_is_asked_for_one(house):
    answer = house.stranger().send("GET", b"", content_type=None)

    assert (answer.status, answer.code) == (401, "missing_token")


def test_a_get_with_a_token_and_no_session_is_the_upstreams_to_answer(house, upstream):
    answer = house.client("getter").send("GET", b"", content_type=None)

    assert answer.status == 405
    assert upstream.requests[-1].http_method == "GET"


def test_a_notification_goes_through_and_an_unknown_method_needs_a_rule(house, upstream):
    client = house.client().initialize()

    assert (
        client.post({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}).status == 202
    )
    answer = client.post({"jsonrpc": "2.0", "id": 5, "method": "admin/shutdown"})

    assert answer.code == "denied"
    assert "admin/shutdown" not in [one.method for one in upstream.requests]


def test_an_id_of_any_kind_comes_back_as_it_was(house):
    client = house.client()

    for given in (0, -1, "", "a" * 1000, 2**53, "\u0000", "é"):
        message = client.calling("echo")
        message["id"] = given
        assert client.post(message).json["id"] == given


@pytest.mark.parametrize("params", [None, {}, {"name": ["drop_table"]}, {"name": {"drop_table": 1}}, {"name": None}])
def test_a_call_of_nothing_is_refused_because_another_reader_might_see_a_name_in_it(house, params):
    """mcp "Duties": parse once, strictly; decide on the body."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    answer = house.client().post(message if params is None else message | {"params": params})

    assert (answer.status, answer.code) == (400, "bad_target")
    assert house.upstream.calls() == []
