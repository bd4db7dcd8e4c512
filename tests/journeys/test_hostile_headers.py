"""Headers that contradict the body, stand twice, or come from a foreign page.

Source: mcp "Duties" (decide on the body; Origin, Host; sessions); MCP 2026-07-28 "Streamable HTTP" (server validation).
"""

import base64
import json

import pytest

from fakes.hostility import goes_on, refused_after_authentication, refused_before_authentication
from fakes.mcp_client import VERSION_KEY, raw

MISMATCH, INVALID_PARAMS, UNSUPPORTED = -32020, -32602, -32022


def encoded(text: str) -> str:
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


CONTRADICTIONS = {
    "another method": {"mcp_method": "tools/list"},
    "a method in capitals": {"mcp_method": "Tools/Call"},
    "an empty method": {"mcp_method": ""},
    "no method": {"mcp_method": None},
    "another name": {"mcp_name": "drop_table"},
    "a name in capitals": {"mcp_name": "ECHO"},
    "no name": {"mcp_name": None},
    "an encoded other name": {"mcp_name": encoded("drop_table")},
    "bad base64": {"mcp_name": "=?base64?%%%?="},
    "base64 of no text": {"mcp_name": "=?base64?/w==?="},
    "sloppy base64": {"mcp_name": "=?base64?ZWNobx==?="},
    "encoded twice": {"mcp_name": encoded(encoded("echo"))},
    "a legacy version": {"mcp_protocol_version": "2025-11-25"},
    "an unknown version": {"mcp_protocol_version": "2030-01-01"},
    "an empty version": {"mcp_protocol_version": ""},
    "no version": {"mcp_protocol_version": None},
}


@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
def test_a_header_that_contradicts_the_body_is_refused(house, contradiction):
    client = house.client()

    answer = client.post(client.calling("echo"), **CONTRADICTIONS[contradiction])

    refused_after_authentication(house, answer, 400, "header_mismatch")
    assert answer.json["error"]["code"] == MISMATCH
    goes_on(client)


@pytest.mark.parametrize("name", ["echo", encoded("echo"), "  echo\t"])
def test_a_header_that_says_the_same_is_fine(house, name):
    client = house.client()

    assert client.post(client.calling("echo"), mcp_name=name).text == "echo ran"


def test_a_denied_tool_under_an_allowed_name_is_refused(house):
    """The body decides; a header never does."""
    client = house.client()

    answer = client.post(client.calling("drop_table"), mcp_name="echo")

    refused_after_authentication(house, answer, 400, "header_mismatch")


def test_a_version_that_nobody_knows_is_answered_with_those_that_are_known(house):
    """MCP 2026-07-28 `UnsupportedProtocolVersionError`."""
    client = house.client()
    message = client.calling("echo")
    message["params"]["_meta"][VERSION_KEY] = "2030-01-01"

    answer = client.post(message, mcp_protocol_version="2030-01-01")

    refused_after_authentication(house, answer, 400, "unsupported_version")
    error = answer.json["error"]
    assert (error["code"], error["data"]["supported"]) == (UNSUPPORTED, ["2026-07-28"])


def test_a_modern_header_on_a_legacy_body_is_refused(house):
    """An upstream that goes by the header would take it for a modern request."""
    client = house.client()

    answer = client.post(client.legacy_calling("echo"), mcp_protocol_version="2026-07-28")

    refused_after_authentication(house, answer, 400, "missing_version")
    assert answer.json["error"]["code"] == INVALID_PARAMS


@pytest.mark.parametrize("http_method", ["GET", "DELETE"])
def test_the_modern_era_has_no_streams_and_no_sessions(house, http_method):
    client = house.client()

    answer = client.send(http_method, b"", mcp_protocol_version="2026-07-28", content_type=None)

    refused_after_authentication(house, answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


REPEATED = {
    "Authorization": b"Bearer a.b.c",
    "Host": b"evil.test",
    "Origin": b"http://evil.test",
    "Content-Type": b"text/plain",
    "Mcp-Session-Id": b"abc",
    "Mcp-Method": b"tools/list",
    "Mcp-Name": b"drop_table",
    "MCP-Protocol-Version": b"2025-11-25",
    "Last-Event-ID": b"7",
    "traceparent": b"00-00000000000000000000000000000001-0000000000000001-00",
}


@pytest.mark.parametrize("name", REPEATED)
def test_a_header_that_stands_twice_is_refused(house, upstream, name):
    """RFC 9110 section 5.3: whoever reads the other one sees another request."""
    client = house.client()
    message = client.calling("echo")
    first = {**client.headers(message), "host": client.authority, "connection": "close"}
    first.setdefault(name.lower(), "a" if name != "Origin" else f"http://{client.authority}")
    lines = [f"{key}: {value}".encode() for key, value in first.items() if value is not None]
    lines.append(name.encode() + b": " + REPEATED[name])
    body = json.dumps(message).encode()
    head = b"\r\n".join([b"POST /mcp/warehouse HTTP/1.1", *lines, b"Content-Length: %d" % len(body), b"", b""])

    answer = raw(client.authority, head + body, ip=client.ip)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"bad_header"' in answer
    goes_on(client)
    assert len(upstream.requests) == 1, "that of the honest call"
    assert house.evidence.records("call:refused", code="bad_header")


@pytest.mark.parametrize("value", [b"a\x7fb", b"\xff", b"caf\xc3\xa9", b"a\x01b"])
def test_a_header_that_would_go_on_holds_visible_text_only(house, upstream, value):
    client = house.client()

    answer = client.post(client.calling("echo"), mcp_param_x=value.decode("latin-1"))

    if answer.status == 400 and b'"error":"bad_request"' in answer.body:  # the HTTP parser has refused it already
        assert upstream.requests == []
    else:
        refused_after_authentication(house, answer, 400, "bad_header")
    goes_on(client)


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "", "https://gateway.example.com.evil.test", "file://"])
def test_a_foreign_page_may_not_call(house, origin):
    """mcp "Duties": Origin, present and not allowed, is 403."""
    client = house.client()

    answer = client.post(client.calling("echo"), origin=origin)

    refused_before_authentication(house, answer, 403, "forbidden_origin")


def test_the_gateways_own_pages_may_call(house):
    client = house.client()
    port = client.authority.rpartition(":")[2]

    for origin in ("https://gateway.example.com", f"http://127.0.0.1:{port}", f"http://localhost:{port}"):
        assert client.post(client.calling("echo"), origin=origin).text == "echo ran"


@pytest.mark.parametrize("host", ["evil.test", "evil.test:{port}", "", "127.0.0.1:{port}.evil"])
def test_a_name_that_was_bound_to_this_address_does_not_serve(house, host):
    """mcp "Duties": DNS rebinding."""
    client = house.client()

    answer = client.post(client.calling("echo"), host=host.format(port=client.authority.rpartition(":")[2]))

    refused_before_authentication(house, answer, 403, "forbidden_host")


def test_the_public_name_serves_from_anywhere(house):
    """A load balancer keeps the Host of its client."""
    client = house.client()

    assert client.post(client.calling("echo"), host="gateway.example.com").text == "echo ran"
    assert client.post(client.calling("echo"), host="GATEWAY.example.com").text == "echo ran"


def test_no_host_is_refused(house, upstream):
    client = house.client()
    token = client.token.encode()

    answer = raw(
        client.authority,
        b"GET /mcp/warehouse HTTP/1.1\r\nAuthorization: Bearer %b\r\n\r\n" % token,
        ip=client.ip,
        shut=True,
    )

    assert answer == b"" or answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))
    goes_on(client)


def test_forwarded_headers_of_a_client_change_nothing_in_the_evidence(house):
    """evidence-format section 5, `client.ip`: the last trusted hop; here, nobody in front of the gateway is trusted."""
    client = house.client("faker")

    client.post(client.calling("echo"), x_forwarded_for="1.2.3.4", forwarded="for=1.2.3.4", x_real_ip="1.2.3.4")

    call = house.evidence.records("call:requested", target="echo")[-1]
    assert call["client"]["ip"] == client.ip
