"""affidavit.mcp.headers against MCP 2026-07-28 "Streamable HTTP" and RFC 9110."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import decode_header_value, encode_header_value

from affidavit.errors import Refused
from affidavit.mcp.eras import VERSION_KEY
from affidavit.mcp.headers import (
    accepts,
    check_media_types,
    compare_with_body,
    decoded,
    encoded,
    to_client,
    to_upstream,
)
from affidavit.mcp.jsonrpc import parse_message

MODERN = "2026-07-28"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def call(method="tools/call", **params):
    meta = {VERSION_KEY: MODERN}
    return parse_message(
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta, **params}}).encode()
    )


def headers(method="tools/call", name=None, version=MODERN, **more):
    given = {"mcp-protocol-version": version, "mcp-method": method, "mcp-name": name, **more}
    return {key: value for key, value in given.items() if value is not None}


def code_of(check, *arguments):
    return refusal(check, *arguments).code


def refusal(check, *arguments):
    with pytest.raises(Refused) as refused:
        check(*arguments)
    return refused.value


# What goes on to the upstream


def test_what_mcp_and_tracing_need_goes_on():
    """mcp "Duties": Forward."""
    sent = [
        (b"accept", b"application/json, text/event-stream"),
        (b"content-type", b"application/json"),
        (b"mcp-protocol-version", b"2026-07-28"),
        (b"mcp-method", b"tools/call"),
        (b"mcp-name", b"sql.query"),
        (b"mcp-param-region", b"us-west1"),
        (b"mcp-something-new", b"1"),
        (b"last-event-id", b"7"),
        (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"),
        (b"tracestate", b"a=1"),
    ]

    assert to_upstream(sent) == {name.decode(): value.decode() for name, value in sent}


@pytest.mark.parametrize(
    "name",
    [
        "authorization", "proxy-authorization", "cookie", "host", "origin", "referer", "user-agent", "accept-encoding",
        "content-length", "content-encoding", "connection", "keep-alive", "te", "trailer", "transfer-encoding",
        "upgrade", "expect", "forwarded", "x-forwarded-for", "x-goog-iap-jwt-assertion", "x-serverless-authorization",
        "baggage", "mcp-session-id", "mcp", "mcp-", "x-mcp-name", "mcp-bad name", "mcp-a:b",
    ],
)  # fmt: skip
def test_all_else_stays_here(name):
    """mcp "Duties": no token passthrough, ever; a session id is the caller's to unseal."""
    assert to_upstream([(name.encode(), b"secret"), (name.title().encode(), b"secret")]) == {}


def test_names_are_the_same_in_any_case():
    assert to_upstream([(b"MCP-Method", b"ping"), (b"Mcp-Session-ID", b"x")]) == {"mcp-method": "ping"}


@pytest.mark.parametrize(
    "value", [b"a\r\nauthorization: x", b"a\nb", b"a\rb", b"a\0b", b"a\x7f", b"a\x1b", "ä".encode(), b"\xff"]
)
def test_a_value_that_no_header_may_have_is_refused(value):
    """RFC 9110 section 5.5; MCP 2026-07-28 "Value Encoding": what is not plain ASCII is sent as Base64."""
    assert code_of(to_upstream, [(b"mcp-param-x", value)]) == "bad_header"


@given(st.binary(max_size=30))
def test_no_value_that_goes_on_can_end_its_line(value):
    for name in (b"mcp-param-x", b"last-event-id"):
        try:
            kept = to_upstream([(name, value)])
        except Refused:
            continue
        assert not set("\r\n\0") & set(kept[name.decode()])
        assert kept[name.decode()].encode() == value.strip(b" \t")


def test_an_event_id_is_what_the_upstream_made_it():
    """WHATWG HTML section 9.2.4: Last-Event-ID is UTF-8."""
    assert to_upstream([(b"last-event-id", "ä".encode())]) == {"last-event-id": "ä"}
    assert code_of(to_upstream, [(b"last-event-id", b"\xff")]) == "bad_header"


@pytest.mark.parametrize("name", [b"mcp-method", b"mcp-name", b"mcp-protocol-version", b"content-type", b"mcp-param-x"])
def test_a_header_that_stands_twice_is_refused_because_readers_take_the_first_or_the_last(name):
    assert code_of(to_upstream, [(name, b"a"), (name.upper(), b"a")]) == "bad_header"


def test_lists_may_come_in_several_lines():
    """RFC 9110 section 5.3."""
    assert to_upstream([(b"accept", b"a/b"), (b"accept", b"c/d")]) == {"accept": "a/b, c/d"}
    assert to_upstream([(b"tracestate", b"a=1"), (b"tracestate", b"b=2")]) == {"tracestate": "a=1, b=2"}


def test_blanks_around_a_value_are_no_part_of_it():
    assert to_upstream([(b"mcp-method", b" \tping ")]) == {"mcp-method": "ping"}


# What goes back to the client


def test_an_answer_keeps_its_own_headers_and_loses_the_connections():
    kept = to_client(
        [
            (b"Content-Type", b"application/json"),
            (b"Retry-After", b"3"),
            (b"Cache-Control", b"no-store"),
            (b"Allow", b"POST"),
            (b"Mcp-Something", b"1"),
            (b"Mcp-Session-Id", b"theirs"),
            (b"WWW-Authenticate", b'Bearer realm="upstream"'),
            (b"Set-Cookie", b"a=b"),
            (b"Transfer-Encoding", b"chunked"),
            (b"Content-Length", b"3"),
            (b"Server", b"x"),
            (b"Access-Control-Allow-Origin", b"*"),
            (b"Affidavit-Record", b"forged"),
        ],
        content_type="application/json",
    )

    assert kept == [
        (b"content-type", b"application/json"),
        (b"retry-after", b"3"),
        (b"cache-control", b"no-store"),
        (b"allow", b"POST"),
        (b"mcp-something", b"1"),
    ]


def test_a_value_that_could_split_the_answer_is_left_out():
    assert to_client([(b"mcp-x", b"a\r\nset-cookie: b"), (b"retry-after", b"\xff")], content_type="a/b") == []


def test_of_a_header_that_stands_twice_the_first_goes_back():
    headers = [(b"retry-after", b"1"), (b"Retry-After", b"2")]
    assert to_client(headers, content_type="a/b") == [(b"retry-after", b"1")]


def test_a_content_type_goes_back_as_it_was_understood():
    """WHATWG HTML section 9.2: event streams are UTF-8; who believed `charset=utf-7` would read other events."""
    headers = [(b"content-type", b"Text/Event-Stream; charset=utf-7"), (b"Content-Type", b"c/d")]
    assert to_client(headers, content_type="text/event-stream") == [(b"content-type", b"text/event-stream")]


def test_nobody_on_the_way_holds_a_stream_back():
    """MCP 2026-07-28 "Receiving Messages": `X-Accel-Buffering: no`."""
    assert dict(
        to_client([(b"content-type", b"text/event-stream")], content_type="text/event-stream", streams=True)
    ) == {
        b"content-type": b"text/event-stream",
        b"cache-control": b"no-cache",
        b"x-accel-buffering": b"no",
    }
    headers = [(b"cache-control", b"no-store")]
    assert to_client(headers, content_type="text/event-stream", streams=True)[0] == (b"cache-control", b"no-store")


# Headers that repeat the body


def test_a_modern_request_whose_headers_repeat_its_body_passes():
    compare_with_body(call(name="sql.query"), headers(name="sql.query"))
    compare_with_body(call("prompts/get", name="p"), headers("prompts/get", "p"))
    compare_with_body(call("resources/read", uri="file:///a"), headers("resources/read", "file:///a"))
    compare_with_body(call("tools/list"), headers("tools/list"))


@pytest.mark.parametrize(
    "given",
    [
        headers(name="sql.query", version=None),
        headers(name="sql.query", method=None),
        headers(name=None),
        headers(name="sql.query", version="2025-11-25"),
        headers(name="sql.query", method="tools/list"),
        headers(name="sql.query", method="Tools/Call"),
        headers(name="Sql.query"),
        headers(name="other"),
        headers(name=""),
        headers(name="=?base64?b3RoZXI=?="),
        headers(name="=?base64?c3FsLnF1ZXJ5"),
        headers(name="=?base64?c3FsLnF1ZXJ5?"),
        headers(name="=?base64?!!!?="),
        headers(name="=?base64?/w==?="),
        {},
    ],
)
def test_a_missing_or_contradicting_header_is_refused(given):
    """MCP 2026-07-28 "Server Validation": -32020."""
    assert code_of(compare_with_body, call(name="sql.query"), given) == "header_mismatch"


@pytest.mark.parametrize(
    ("method", "params"),
    [("tools/call", {"name": "x"}), ("prompts/get", {"name": "x"}), ("resources/read", {"uri": "x"})],
)
@pytest.mark.parametrize("said", [None, "y"])
def test_each_method_that_names_something_says_it_in_its_header(method, params, said):
    """MCP 2026-07-28 "Standard Request Headers"."""
    assert code_of(compare_with_body, call(method, **params), headers(method, said)) == "header_mismatch"


def test_a_name_in_base64_means_the_name():
    compare_with_body(call(name="größe"), headers(name="=?base64?Z3LDtsOfZQ==?="))
    compare_with_body(call(name="=?base64?literal?="), headers(name="=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="))


@pytest.mark.parametrize("params", [{}, {"name": None}, {"name": 5}, {"uri": "x"}])
def test_a_call_that_names_nothing_is_the_upstreams_to_refuse_and_has_no_name_in_its_header(params):
    compare_with_body(call(**params), headers())

    assert code_of(compare_with_body, call(**params), headers(name="5")) == "header_mismatch"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_a_task_is_compared_if_its_header_is_there(method):
    """SEP-2663 "Streamable HTTP: Routing Headers"."""
    compare_with_body(call(method, taskId="t1"), headers(method))
    compare_with_body(call(method, taskId="t1"), headers(method, "t1"))

    assert code_of(compare_with_body, call(method, taskId="t1"), headers(method, "t2")) == "header_mismatch"


def test_a_notification_may_have_headers_and_then_they_are_true():
    """MCP 2026-07-28 "Sending Messages": header requirements for notification POSTs are not defined."""
    notice = parse_message(b'{"jsonrpc":"2.0","method":"notifications/x"}')
    compare_with_body(notice, {"mcp-protocol-version": MODERN})
    traced = parse_message(b'{"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":{"traceparent":"x"}}}')
    compare_with_body(traced, {"mcp-protocol-version": MODERN})

    assert code_of(compare_with_body, notice, headers("tools/call")) == "header_mismatch"


def test_a_version_in_a_notification_is_compared_too():
    notice = parse_message(
        json.dumps({"jsonrpc": "2.0", "method": "notifications/x", "params": {"_meta": {VERSION_KEY: MODERN}}}).encode()
    )
    compare_with_body(notice, {"mcp-protocol-version": MODERN})

    assert code_of(compare_with_body, notice, {"mcp-protocol-version": "2025-11-25"}) == "header_mismatch"
    assert code_of(compare_with_body, notice, {}) == "header_mismatch"


@pytest.mark.parametrize("params", [b"{}", b'{"_meta":{}}', b'{"_meta":{"progressToken":1}}'])
def test_a_request_without_its_version_contradicts_every_header(params):
    request = parse_message(b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":%b}' % params)

    assert code_of(compare_with_body, request, headers("tools/list")) == "header_mismatch"
    assert code_of(compare_with_body, request, headers("tools/list", version=None)) == "header_mismatch"


def test_a_name_beside_a_method_that_has_none_is_nobodys():
    compare_with_body(call("tools/list"), headers("tools/list", "anything"))


def test_a_refusal_says_which_header_and_what_is_wrong_with_it():
    assert str(refusal(compare_with_body, call(name="x"), headers())) == "The header Mcp-Name is missing."
    for said in ("y", "=?base64?!?="):
        wrong = refusal(compare_with_body, call(name="x"), headers(name=said))
        assert str(wrong) == "The header Mcp-Name contradicts the body."


def test_a_notification_in_a_calls_clothes_has_a_name_that_is_true():
    notice = parse_message(b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"drop"}}')

    assert code_of(compare_with_body, notice, {"mcp-name": "harmless"}) == "header_mismatch"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ],
)
def test_texts_are_encoded_as_the_specification_encodes_them(text, value):
    """MCP 2026-07-28 "Value Encoding", encoding examples."""
    assert encoded(text) == value
    assert decoded(value) == text


@given(texts)
def test_what_is_encoded_means_itself_to_everybody(text):
    """mcp.shared.inbound, the SDK's codec."""
    assert decoded(encoded(text)) == text
    assert encoded(text) == encode_header_value(text)
    assert to_upstream([(b"mcp-name", encoded(text).encode())]) == {"mcp-name": encoded(text)}


@given(st.text("=?base64ABC+/_-", max_size=20).map("=?base64?{}?=".format) | texts)
def test_what_a_value_means_is_what_the_sdk_takes_it_for(value):
    if "\n" not in value:  # no header has one
        assert decoded(value) == decode_header_value(value)


# Media types


@pytest.mark.parametrize(
    "value",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_a_message_in_json_is_taken(value):
    check_media_types("POST", {"content-type": value, "accept": "application/json, text/event-stream"})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"content-type": ""},
        {"content-type": "text/plain"},
        {"content-type": "application/jsonp"},
        {"content-type": "application/json-seq"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_a_message_in_anything_else_is_not(given):
    """RFC 9110 section 15.5.16. `text/plain` is what a page may send across origins without asking."""
    assert code_of(check_media_types, "POST", given) == "unsupported_media_type"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_request_without_a_body_needs_no_content_type(method):
    check_media_types(method, {})


@pytest.mark.parametrize(
    ("method", "accept", "code"),
    [
        ("POST", "text/html", "not_acceptable"),
        ("POST", "", "not_acceptable"),
        ("GET", "application/json", "not_acceptable"),
        ("POST", "application/json", None),
        ("POST", "text/event-stream", None),
        ("GET", "text/event-stream", None),
        ("GET", "text/html, */*;q=0.1", None),
        ("DELETE", "text/html", None),
    ],
)
def test_a_client_that_reads_no_answer_is_told_so(method, accept, code):
    """RFC 9110 section 15.5.7."""
    given = {"content-type": "application/json", "accept": accept}
    if code is None:
        check_media_types(method, given)
    else:
        assert code_of(check_media_types, method, given) == code


@pytest.mark.parametrize(
    ("accept", "is_accepted"),
    [
        ("application/json", True),
        ("text/event-stream , Application/JSON;q=0.5", True),
        ("application/*", True),
        ("*/*", True),
        ("application/jsonp", False),
        ("text/*", False),
        ("", False),
    ],
)
def test_ranges_of_media_types_are_understood(accept, is_accepted):
    assert accepts(accept, "application/json") is is_accepted
