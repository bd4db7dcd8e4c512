"""Upstreams that fail, and upstreams that want to: the client gets a documented answer, the evidence an outcome.

Source: architecture "Failures"; mcp "Duties" (answers over 32 MiB, no redirects, no credential passthrough).
"""

import json
import time

import pytest

MIB = 1024 * 1024
HUGE = 33 * MIB


def failed(house, answer, outcome: str, *, tool: str = "scripted", sure: bool = False):
    """Check the answer of a call to which the upstream gave no usable one, and return what was recorded of it."""
    assert answer.status == 200, answer  # so that nothing on the way sends it again
    assert answer.code == f"upstream_{outcome}"
    error = answer.json["error"]
    assert error["data"]["outcome"] == outcome
    assert ("Nothing ran." if sure else "Whether the action ran is not known.") in error["message"]
    assert "Traceback" not in error["message"]
    call = house.evidence.records("call:requested", target=tool)[-1]
    (end,) = house.evidence.records("call:answered", call=call["call"])
    assert end["outcome"] == outcome
    return end


def test_an_upstream_that_nobody_runs_is_unreachable(house):
    answer = house.client(upstream="nowhere").call("echo")

    end = failed(house, answer, "unreachable", tool="echo", sure=True)
    assert end["response"] is None


def test_an_upstream_that_says_nothing_times_out(house, upstream):
    client = house.client(upstream="hasty")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        answer = begun.answer()
        exchange.drop()

    end = failed(house, answer, "timeout", tool="held")
    assert end["response"] is None
    assert end["upstream_us"] >= 900_000, "it had its second, within what the loop's clock and the wall's differ by"


def test_an_answer_that_stops_in_the_middle_times_out(house, upstream):
    client = house.client(upstream="hasty")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.raw(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"json')
        answer = begun.answer()
        exchange.drop()

    failed(house, answer, "timeout", tool="held")


def answers(body: bytes, **more):
    return lambda exchange: exchange.answer(body, **more)


def raw(data: bytes):
    def script(exchange):
        exchange.raw(data)
        exchange.drop()

    return script


def head(*lines: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 200 OK", *lines, b"", b""))


RESULT = b'{"jsonrpc":"2.0","id":1,"result":{}}'

WRONG = {
    "closes at once": raw(b""),
    "closes in the head": raw(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "closes in the body": raw(head(b"Content-Type: application/json", b"Content-Length: 99") + b'{"json'),
    "closes in a chunk": raw(head(b"Content-Type: application/json", b"Transfer-Encoding: chunked") + b"ff\r\n{"),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "two lengths": raw(head(b"Content-Type: application/json", b"Content-Length: 36", b"Content-Length: 2") + RESULT),
    "bad chunk": raw(head(b"Content-Type: application/json", b"Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n"),
    "header line of a megabyte": raw(head(b"X-Bomb: " + b"a" * MIB, b"Content-Length: 0")),
    "a hundred thousand headers": raw(head(*(b"X-%d: a" % i for i in range(100_000)), b"Content-Length: 0")),
    "header injection": raw(head(b"Content-Type: application/json\x00", b"Content-Length: 36") + RESULT),
    "redirect": answers(b"", status=307, headers={"Location": "http://127.0.0.1:1/mcp"}),
    "not modified": answers(b"", status=304),
    "refuses our credential": answers(b'{"error":"invalid_token"}', status=401, headers={"WWW-Authenticate": "Bearer"}),
    "proxy wants a password": answers(b"", status=407),
    "status of no HTTP": answers(RESULT, status=999),
    "status 600": answers(RESULT, status=600),
    "switches protocols": answers(b"", status=101, headers={"Upgrade": "websocket", "Connection": "upgrade"}),
    "HTML": answers(b"<html>Sign in</html>", media_type="text/html"),
    "no type": raw(head(b"Content-Length: 36") + RESULT),
    "not JSON": answers(b'{"jsonrpc":'),
    "not UTF-8": answers(b'{"jsonrpc":"2.0","id":1,"result":{"a":"\xff"}}'),
    "an array": answers(b"[" + RESULT + b"]"),
    "a text": answers(b'"hello"'),
    "another protocol": answers(b'{"jsonrpc":"1.0","id":1,"result":{}}'),
    "duplicate key": answers(b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}'),
    "duplicate result": answers(b'{"jsonrpc":"2.0","id":1,"result":{},"result":{"content":[]}}'),
    "result and error": answers(b'{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}'),
    "too deep": answers(b'{"jsonrpc":"2.0","id":1,"result":' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}"),
    "a million brackets": answers(b"[" * MIB),
    "NaN": answers(b'{"jsonrpc":"2.0","id":1,"result":{"a":NaN}}'),
    "lone surrogate": answers(b'{"jsonrpc":"2.0","id":1,"result":{"a":"\\ud800"}}'),
    "compressed": answers(b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_answer_that_cannot_be_given_is_an_error_that_says_so(house, upstream, wrong):
    upstream.next_call(WRONG[wrong])

    answer = house.client().call("scripted")

    failed(house, answer, "failed")
    assert len(upstream.calls()) == 1, "a call that may have run is not sent again"
    assert "www-authenticate" not in answer.headers
    assert house.client().call("echo").text == "echo ran"


def test_an_answer_over_32_mib_is_withheld(house, upstream):
    """mcp "Duties"."""
    upstream.next_call(lambda exchange: _send_endlessly(exchange, b"Content-Length: %d" % HUGE, HUGE))

    answer = house.client().call("scripted")

    failed(house, answer, "failed")
    assert "32 MiB" in answer.json["error"]["message"]


def test_an_answer_over_32_mib_without_a_length_is_withheld(house, upstream):
    upstream.next_call(lambda exchange: _send_endlessly(exchange, b"X-Length: none", HUGE))

    answer = house.client().call("scripted")

    failed(house, answer, "failed")


def _send_endlessly(exchange, length: bytes, size: int) -> None:
    exchange.raw(head(b"Content-Type: application/json", length) + b'{"jsonrpc":"2.0","id":1,"result":{"a":"')
    _fill(exchange.raw, size)
    exchange.drop()


def _fill(send, size: int) -> None:
    try:
        for _ in range(size // MIB):
            send(b"a" * MIB)
    except OSError:  # the gateway has had enough
        pass


def test_an_event_over_32_mib_ends_the_stream(house, upstream):
    client = house.client("big-event")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.chunk(b'data: {"a":"')
        _fill(exchange.chunk, HUGE)
        exchange.drop()
        error = begun.stream().next_message()["error"]

    assert error["data"]["code"] == "upstream_failed"
    call = _call(house, "big-event")
    assert house.evidence.records("call:answered", call=call["call"])[0]["outcome"] == "failed"


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(b"data: hello\n\n", id="no JSON"),
        pytest.param(b"data: [1]\n\n", id="an array"),
        pytest.param(b'data: {"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}\n\n', id="duplicate key"),
        pytest.param(b'data: {"jsonrpc":"2.0",\ndata: "id":1,"result":{"a":"\xff"}}\n\n', id="not UTF-8"),
        pytest.param(b'data: {"jsonrpc":"2.0","id":1}\n\n', id="neither result nor error"),
        pytest.param(b"event: message\ndata\n\n", id="a field without a colon"),
    ],
)
def test_an_event_that_is_no_message_ends_the_stream_with_an_error(house, upstream, event):
    client = house.client("bad-event")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.notify("before")
        exchange.chunk(event)
        with begun.stream() as stream:
            assert stream.next_message()["params"]["data"] == "before"
            if event.endswith(b"data\n\n"):  # which is an event with empty data, and that is allowed
                exchange.event(exchange.response(exchange.said("done")))
                exchange.end()
                assert stream.next_message()["result"]
                return
            error = stream.next_message()["error"]
            assert stream.next_event() == b""
            assert exchange.peer_hangs_up()
        exchange.drop()

    assert error["data"]["code"] == "upstream_failed"
    assert b"hello" not in json.dumps(error).encode()


def test_events_that_never_end_hold_up_nobody_else(house, upstream):
    client = house.client("endless")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            for number in range(300):
                exchange.notify(str(number))
                assert stream.next_message()["params"]["data"] == str(number)
                if number % 100 == 0:
                    assert house.client().call("echo").text == "echo ran"
    assert exchange.peer_hangs_up()
    exchange.drop()

    call = _call(house, "endless")
    end = house.evidence.wait_for("call:answered", call=call["call"])
    assert end["outcome"] == "cancelled"
    events = house.evidence.records("call:streamed", call=call["call"])
    assert [one["event"] for one in events] == list(range(300))


def test_everything_that_leaves_on_a_stream_is_in_the_evidence(house, upstream):
    """architecture, promise 1: nothing is released that is not recorded, wherever an upstream hides it."""
    client = house.client("hider")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.chunk(b": hidden-in-a-comment\n\n")
        exchange.chunk(b"secret: hidden-in-a-field\n\n")
        note = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"plain"}}'
        exchange.chunk(b"event: hidden-in-a-name\ndata: " + note + b"\n: hidden-between-lines\n\n")
        exchange.chunk(b"id: " + b"i" * 300 + b"-hidden-in-an-id\ndata: " + note + b"\n\n")
        exchange.chunk(b"retry: hidden-in-a-retry\n\n")
        exchange.chunk(b"event: hidden-in-a-first-name\nevent: message\ndata: " + note + b"\n\n")
        exchange.event(exchange.response(exchange.said("done")))
        exchange.end()
        seen = begun.answer().body

    call = _call(house, "hider")
    bodies = [
        house.evidence.body(one["response"])
        for one in house.evidence.records("call:streamed", call=call["call"])
        if one["response"] is not None
    ]
    for hidden in ("in-a-comment", "in-a-field", "in-a-name", "between-lines", "in-an-id", "in-a-retry", "first-name"):
        left = hidden.encode() in seen
        recorded = any(hidden.encode() in body for body in bodies)
        assert recorded or not left, hidden
    assert b"plain" in seen
    assert b"done" in seen


def test_a_connection_that_the_upstream_closed_while_idle_costs_no_call(house, upstream):
    """the requirements: a connection that the server closed while idle."""
    client = house.client()
    for _ in range(5):
        assert client.call("echo").text == "echo ran"
        upstream.hang_up()
        time.sleep(0.05)  # the gateway hears of it when its loop comes round

    assert len(upstream.calls()) == 5


def test_an_answer_that_announces_the_end_of_its_connection_is_fine(house, upstream):
    def script(exchange):
        exchange.answer(exchange.response(exchange.said("bye")), headers={"Connection": "close"})
        exchange.finish(close=True)

    upstream.next_call(script)
    client = house.client()

    assert client.call("scripted").text == "bye"
    assert client.call("echo").text == "echo ran"


def test_headers_of_an_upstream_do_not_speak_for_the_gateway(house, upstream):
    """mcp "Duties": cookies, challenges and records are the gateway's business."""
    hostile = {
        "Set-Cookie": "a=b",
        "Affidavit-Record": "forged/1",
        "WWW-Authenticate": "Bearer",
        "Access-Control-Allow-Origin": "*",
        "Location": "http://evil.test",
        "Server": "evil",
        "Connection": "keep-alive, affidavit-record",
    }
    upstream.next_call(lambda exchange: exchange.result(exchange.said("hi"), headers=hostile))

    answer = house.client().call("scripted")

    assert answer.record in house.evidence.lines()
    assert {"set-cookie", "www-authenticate", "access-control-allow-origin", "location"}.isdisjoint(answer.headers)
    assert answer.headers.get("server") != "evil"


def test_a_forged_record_in_an_answer_is_replaced(house, upstream):
    forged = {"affidavit/record": {"id": "forged/1", "sha256": "0" * 64}, "other": 1}
    upstream.next_call(lambda exchange: exchange.result({**exchange.said("hi"), "_meta": forged}))

    answer = house.client().call("scripted")

    stamp = answer.result["_meta"]["affidavit/record"]
    assert house.evidence.hash_of(stamp["id"]) == stamp["sha256"]
    assert answer.result["_meta"]["other"] == 1


def test_an_error_of_the_upstream_is_an_answer(house, upstream):
    upstream.next_call(lambda exchange: exchange.error(-32602, "no such tool", status=400))

    answer = house.client().call("scripted")

    assert (answer.status, answer.json["error"]["code"]) == (400, -32602)
    assert house.evidence.records("call:answered")[-1]["outcome"] == "answered"


def test_a_broken_servers_page_is_passed_on_with_its_status(house, upstream):
    """What is no success needs no message in it: proxies before a server have pages of their own."""
    page = b"<html>502 Bad Gateway</html>"
    upstream.next_call(lambda exchange: exchange.answer(page, status=502, media_type="text/html"))

    answer = house.client().call("scripted")

    assert (answer.status, answer.body) == (502, page)
    assert house.evidence.body(house.evidence.records("call:answered")[-1]["response"]) == page


def _call(house, subject: str):
    found = house.evidence.records("call:requested", method="tools/call")
    return [one for one in found if one["principal"]["subject"] == subject][-1]


ASKS = b'{"jsonrpc":"2.0","id":"theirs","method":"sampling/createMessage","params":{"messages":[]}}'


def _streams(status: int, media_type: str, data: bytes):
    return lambda exchange: exchange.answer(data, status=status, media_type=media_type)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206])
def test_a_stream_of_events_is_read_under_every_status_of_success(house, upstream, status):
    """mcp "Duties" (sampling is denied unless the policy allows it): a client reads each of them."""
    upstream.next_call(_streams(status, "Text/Event-Stream; charset=utf-8", b"data: " + ASKS + b"\n\n"))

    answer = house.client().call("scripted")

    assert b"sampling" not in answer.body
    (call,) = house.evidence.records("call:requested", target="scripted")[-1:]
    (event,) = house.evidence.records("call:streamed", call=call["call"])
    assert event["denied"] == "sampling/createMessage"


@pytest.mark.parametrize(
    ("status", "media_type"),
    [(201, "text/event-streams"), (203, "text/plain"), (400, "text/event-stream"), (500, "text/event-stream")],
)
def test_nothing_that_was_not_read_here_is_given_to_a_client_to_read(house, upstream, status, media_type):
    upstream.next_call(_streams(status, media_type, b"data: " + ASKS + b"\n\n"))

    failed(house, house.client().call("scripted"), "failed")


def test_a_client_is_told_no_other_charset_than_the_one_that_was_read_here(house, upstream):
    """WHATWG HTML section 9.2: in UTF-7 this comment has an event in it."""
    hidden = b": x+AAo-data: {}\n\n"
    upstream.next_call(
        lambda exchange: exchange.answer(
            hidden + b"data: " + exchange.response(exchange.said("done")) + b"\n\n",
            media_type="text/event-stream; charset=utf-7",
        )
    )
    assert house.client().call("scripted").headers["content-type"] == "text/event-stream"

    upstream.next_call(
        lambda exchange: exchange.answer(
            exchange.response(exchange.said("done")), media_type="application/json; charset=utf-7"
        )
    )
    assert house.client().call("scripted").headers["content-type"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_lost_its_connection_is_not_sent_again(house, upstream, method):
    """architecture, promise 1: every request that the upstream counts has its own record."""
    client = house.client("again").initialize()
    assert client.legacy_call("echo").text == "echo ran"  # so that there is a kept connection
    before = len(upstream.requests)

    upstream.drops = method
    client.send(method, b"", content_type=None)
    upstream.drops = None

    sent = [request for request in upstream.requests[before:] if request.http_method == method]
    assert len(sent) == 1


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_nothing_is_added_to_what_a_client_says_of_media_types(house, upstream, method):
    """mcp "Duties": an HTTP library fills in what is not there; what was parsed is what goes on."""
    client = house.client("terse").initialize()
    upstream.forget()

    client.send(method, b"", content_type=None, accept=None)

    (sent,) = (request for request in upstream.requests if request.http_method == method)
    assert sent.header("content-type") is None
    assert sent.header("accept") is None


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b": only a comment\n\n", id="a comment"),
        pytest.param(b'data: {"jsonrpc":"2.0","id":1,"res', id="half an answer"),
        pytest.param(
            b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}\n\n', id="news"
        ),
    ],
)
def test_a_stream_that_ends_without_an_answer_has_failed_and_says_so(house, upstream, sent):
    """architecture "Failures": the upstream is wrong; without an error the client would wait for ever."""

    def script(exchange):
        exchange.stream()
        if sent:
            exchange.chunk(sent)
        exchange.end()

    upstream.next_call(script)
    answer = house.client().call("scripted")

    said = json.loads(answer.body.rpartition(b"data: ")[2])
    assert said["error"]["data"]["code"] == "upstream_failed"
    (call,) = house.evidence.records("call:requested", target="scripted")[-1:]
    assert house.evidence.wait_for("call:answered", call=call["call"])["outcome"] == "failed"


def test_a_stream_that_can_be_resumed_may_end_without_its_answer(house, upstream):
    """MCP 2025-11-25 "Resumability": the client comes back for the rest, with the id of the last event."""

    def script(exchange):
        exchange.stream()
        exchange.chunk(b"id: 7\ndata:\n\n")
        exchange.end()

    upstream.next_call(script)
    client = house.client("patient").initialize()
    answer = client.legacy_call("scripted")

    assert answer.body == b"id: 7\ndata:\n\n"
    (call,) = house.evidence.records("call:requested", target="scripted")[-1:]
    assert house.evidence.wait_for("call:answered", call=call["call"])["outcome"] == "answered"
