"""Streams of events, one at a time: recorded, then released, each as it came.

Source: mcp "Duties" (SSE unbuffered, progress, resume); WHATWG HTML section 9.2; architecture "Failures".
"""

import json


def test_the_first_event_is_there_before_the_upstream_sends_the_second(house, upstream):
    client = house.client()

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            exchange.notify("one")
            assert stream.next_message()["params"]["data"] == "one"
            exchange.notify("two")
            assert stream.next_message()["params"]["data"] == "two"
            exchange.event(exchange.response(exchange.said("done")))
            assert stream.next_message()["result"]["content"][0]["text"] == "done"
            exchange.end()
            assert stream.next_event() == b""


def test_each_event_is_durable_before_it_is_released(house, upstream):
    """architecture, promise 1: `call:streamed`, counted from 0 without holes, then `call:answered`."""
    client = house.client("streamer")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            for number, text in enumerate(("one", "two")):
                exchange.notify(text)
                stream.next_message()
                (call,) = _calls(house, "streamer")
                events = house.evidence.records("call:streamed", call=call["call"])
                assert [one["event"] for one in events] == list(range(number + 1))
                assert text.encode() in house.evidence.body(events[-1]["response"])
            exchange.event(exchange.response(exchange.said("done")))
            answer = stream.next_message()
            exchange.end()
            stream.rest()

    stamp = answer["result"]["_meta"]["affidavit/record"]
    assert house.evidence.hash_of(stamp["id"]) == stamp["sha256"]
    end = house.evidence.wait_for("call:answered", call=call["call"])
    assert end["outcome"] == "answered"
    assert len(house.evidence.records("call:streamed", call=call["call"])) == 3


def test_ids_names_retries_and_lines_stay_as_they_are(house, upstream):
    """WHATWG HTML section 9.2: what is no answer leaves with its exact bytes, split wherever the wire splits it."""
    sent = (
        b'event: message\nid: 7\nretry: 250\ndata: {"jsonrpc":"2.0","method":"notifications/message",\n'
        b'data: "params":{"level":"info","data":"gr\xc3\xbcn"}}\n\n'
    )
    client = house.client()

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            middle = sent.index(b"\xbc")  # inside a UTF-8 character
            exchange.chunk(sent[:middle])
            exchange.chunk(sent[middle:])
            assert stream.next_event() == sent
            exchange.event(exchange.response(exchange.said("done")))
            exchange.end()
            stream.rest()


def test_an_answers_event_keeps_its_id_and_name(house, upstream):
    """mcp "Duties": an answer gets the record's name and keeps everything else."""
    client = house.client().initialize()

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.chunk(b"id: 9\nevent: message\nretry: 10\ndata: " + exchange.response(exchange.said("done")) + b"\n\n")
        exchange.end()
        event = begun.answer().body

    lines = event.splitlines()
    assert {b"id: 9", b"event: message", b"retry: 10"} <= set(lines)
    (data,) = [line for line in lines if line.startswith(b"data: ")]
    assert "affidavit/record" in json.loads(data.removeprefix(b"data: "))["result"]["_meta"]


def test_keep_alives_of_the_upstream_pass_at_once_and_harm_no_event(house, upstream):
    """mcp "Duties": comment lines keep a connection alive at the other end, too."""
    client = house.client("patient")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            exchange.chunk(b": still here\n\n")
            assert stream.next_line() == b": still here\n"
            exchange.chunk(b":\n\n: and here\n\n")
            exchange.event(exchange.response(exchange.said("done")))
            exchange.end()
            assert stream.next_message()["result"]["content"][0]["text"] == "done"


def test_a_stream_tells_proxies_not_to_buffer_it(house, upstream):
    client = house.client()

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            assert stream.headers["content-type"] == "text/event-stream"
            assert stream.headers["x-accel-buffering"] == "no"
            assert stream.headers["cache-control"] == "no-cache"
            assert stream.headers["affidavit-record"] in house.evidence.lines()
            exchange.event(exchange.response(exchange.said("done")))
            exchange.end()
            stream.rest()


def test_a_legacy_client_that_goes_away_has_its_answer_recorded_all_the_same(house, upstream):
    """architecture "Failures": in the legacy era a closed stream is no cancel."""
    client = house.client("leaver").initialize()

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.notify("one")
        begun.stream().close()
    exchange.notify("nobody listens")
    exchange.event(exchange.response(exchange.said("done all the same")))
    exchange.end()

    call = _calls(house, "leaver")[-1]
    end = house.evidence.wait_for("call:answered", call=call["call"])
    events = house.evidence.records("call:streamed", call=call["call"])
    assert end["outcome"] == "answered"
    assert b"done all the same" in house.evidence.body(events[-1]["response"])


def test_a_legacy_client_that_goes_away_before_an_answer_has_it_recorded_too(house, upstream):
    client = house.client("hasty-leaver").initialize()

    with client.begin(client.legacy_calling("held")):
        exchange = upstream.held()
    exchange.says("done all the same")

    call = _calls(house, "hasty-leaver")[-1]
    end = house.evidence.wait_for("call:answered", call=call["call"])
    assert end["outcome"] == "answered"
    assert b"done all the same" in house.evidence.body(end["response"])


def test_a_modern_client_that_goes_away_cancels_its_call(house, upstream):
    """mcp, table of eras: the upstream sees the stream close, which is how a modern server learns of it."""
    client = house.client("canceller")

    with client.begin(client.calling("held")):
        exchange = upstream.held()
    assert exchange.peer_hangs_up()
    exchange.drop()

    (call,) = _calls(house, "canceller")
    end = house.evidence.wait_for("call:answered", call=call["call"])
    assert end["outcome"] == "cancelled"


def test_a_modern_client_that_goes_away_in_a_stream_cancels_its_call(house, upstream):
    client = house.client("stream-canceller")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.notify("one")
        with begun.stream() as stream:
            stream.next_message()
    assert exchange.peer_hangs_up()
    exchange.drop()

    (call,) = _calls(house, "stream-canceller")
    end = house.evidence.wait_for("call:answered", call=call["call"])
    assert end["outcome"] == "cancelled"
    assert [one["event"] for one in house.evidence.records("call:streamed", call=call["call"])] == [0]


def test_a_stream_that_breaks_off_ends_in_an_error_that_says_so(house, upstream):
    """architecture "Failures": the client is not left waiting for ever."""
    client = house.client("broken")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.notify("one")
        with begun.stream() as stream:
            stream.next_message()
            exchange.drop()
            error = stream.next_message()["error"]
            assert stream.next_event() == b""

    assert (error["data"]["code"], error["data"]["outcome"]) == ("upstream_failed", "failed")
    (call,) = _calls(house, "broken")
    assert house.evidence.wait_for("call:answered", call=call["call"])["outcome"] == "failed"


def test_a_client_resumes_a_stream_where_it_lost_it(house, upstream):
    """MCP 2025-11-25 "Resumability": `Last-Event-ID` goes on, and what is replayed is recorded under its event id."""
    upstream.streams = True
    client = house.client("resumer").initialize()

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.chunk(b"id: 41\ndata:\n\n")
        with begun.stream() as stream:
            assert stream.next_event() == b"id: 41\ndata:\n\n"
            exchange.end()
            assert stream.next_event() == b""

    with client.begin(b"", "GET", last_event_id="41", content_type=None) as begun:
        again = upstream.held()
        assert again.request.header("last-event-id") == "41"
        assert again.request.header("mcp-session-id") == "upstream-session-1"
        again.stream()
        response = {"jsonrpc": "2.0", "id": exchange.id, "result": exchange.said("late")}
        again.chunk(b"id: 42\ndata: " + json.dumps(response).encode() + b"\n\n")
        with begun.stream() as stream:
            assert stream.next_message()["result"]["content"][0]["text"] == "late"
            again.end()
            stream.rest()

    upstream.streams = False
    stream_call = _calls(house, "resumer", "stream")[-1]
    house.evidence.wait_for("call:answered", call=stream_call["call"])
    (event,) = house.evidence.records("call:streamed", call=stream_call["call"])
    assert event["sse_id"] == "42"
    assert b"late" in house.evidence.body(event["response"])


def test_a_client_that_leaves_its_listening_stream_frees_it_at_the_upstream(house, upstream):
    """MCP 2025-11-25 "Listening": a server has one such stream a session; who comes back must get it again."""
    upstream.streams = True
    client = house.client("listener").initialize()

    with client.begin(b"", "GET", content_type=None) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.chunk(b": hello\n\n")
        begun.stream().close()
    assert exchange.peer_hangs_up()
    exchange.drop()

    upstream.streams = False
    call = _calls(house, "listener", "stream")[-1]
    house.evidence.wait_for("call:answered", call=call["call"])


def test_news_on_a_listening_stream_are_recorded_and_passed_on(house, upstream):
    upstream.streams = True
    client = house.client("news").initialize()

    with client.begin(b"", "GET", content_type=None) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            exchange.notify("news")
            assert stream.next_message()["params"]["data"] == "news"
            exchange.end()
            assert stream.next_event() == b""

    upstream.streams = False
    call = _calls(house, "news", "stream")[-1]
    house.evidence.wait_for("call:answered", call=call["call"], outcome="answered")
    (event,) = house.evidence.records("call:streamed", call=call["call"])
    assert b"news" in house.evidence.body(event["response"])


def _calls(house, subject: str, method: str = "tools/call"):
    found = house.evidence.records("call:requested", method=method)
    return [one for one in found if one["principal"]["subject"] == subject]
