"""What an upstream asks of a client: denied unless a rule allows it, and recorded either way.

Source: mcp "Duties" (sampling, elicitation, roots); MCP 2025-11-25 "Client features"; MCP 2026-07-28 "Multi Round-Trip
Requests".
"""

import json

import pytest

ASKED = ("sampling/createMessage", "elicitation/create", "roots/list")


@pytest.mark.parametrize("method", ASKED)
def test_what_no_rule_allows_is_answered_by_the_gateway_and_the_client_sees_nothing(house, upstream, method):
    client = house.client(method).initialize()

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.event({"jsonrpc": "2.0", "id": "ask-1", "method": method, "params": {"message": "your password?"}})
        house.evidence.wait_until(lambda: upstream.calls("response"))
        exchange.event(exchange.response(exchange.said("done")))
        exchange.end()
        seen = begun.answer().body

    assert b"password" not in seen
    assert b"ask-1" not in seen
    assert b"done" in seen
    (denial,) = upstream.calls("response")
    assert denial.message["id"] == "ask-1"
    assert denial.message["error"]["data"] == {"code": "denied"}
    assert denial.header("mcp-session-id") == "upstream-session-1"
    call = _call(house, method)
    events = house.evidence.records("call:streamed", call=call["call"])
    assert [one.get("denied") for one in events] == [method, None]
    assert b"password" in house.evidence.body(events[0]["response"])


def test_the_gateways_own_answer_is_a_recorded_call(house, upstream):
    """evidence-format section 5: a client's answer to a server request is a call with `method` `response`."""
    client = house.client("own-answer").initialize()

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.event({"jsonrpc": "2.0", "id": 5, "method": "roots/list"})
        house.evidence.wait_until(lambda: upstream.calls("response"))
        exchange.event(exchange.response(exchange.said("done")))
        exchange.end()
        begun.answer()

    (denial,) = upstream.calls("response")
    (answer,) = [one for one in house.evidence.records("call:requested", method="response") if _by(one, "own-answer")]
    assert house.evidence.body(answer["request"]) == denial.body
    assert answer["session"] == _call(house, "own-answer")["session"]


@pytest.mark.parametrize("method", ASKED)
def test_what_a_rule_allows_goes_to_the_client_and_its_answer_back(house, upstream, method):
    person = f"asked-{method}"
    client = house.client(person, upstream="asking").initialize()
    question = {"jsonrpc": "2.0", "id": 31, "method": method, "params": {"message": "which table?"}}

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            exchange.event(question)
            assert stream.next_message() == question
            answer = {"jsonrpc": "2.0", "id": 31, "result": {"action": "accept", "content": {"table": "customers"}}}
            assert client.post(answer).status == 202
            exchange.event(exchange.response(exchange.said("done")))
            exchange.end()
            stream.rest()

    (got,) = upstream.calls("response")
    assert got.message == answer
    (record,) = [one for one in house.evidence.records("call:requested", method="response") if _by(one, person)]
    assert json.loads(house.evidence.body(record["request"])) == answer


def test_a_ping_of_the_upstream_needs_no_rule(house, upstream):
    """MCP "Ping": it asks for nothing."""
    client = house.client("pinged").initialize()

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            exchange.event({"jsonrpc": "2.0", "id": 1, "method": "ping"})
            assert stream.next_message()["method"] == "ping"
            exchange.event(exchange.response(exchange.said("done")))
            exchange.end()
            stream.rest()


def test_a_request_that_nobody_knows_is_denied_like_the_known_ones(house, upstream):
    """What asks in a new way asks all the same."""
    client = house.client("unknown").initialize()

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.event({"jsonrpc": "2.0", "id": 1, "method": "browser/open", "params": {"url": "https://evil.test"}})
        exchange.event(exchange.response(exchange.said("done")))
        exchange.end()
        seen = begun.answer().body

    assert b"evil.test" not in seen
    assert b"done" in seen


def test_modern_input_that_no_rule_allows_is_withheld(house, upstream):
    """evidence-format section 5, `call:withheld`: after its `call:answered`, when the answer was not given."""
    asked = {"resultType": "input_required", "inputRequests": {"q": {"method": "elicitation/create", "params": {}}}}
    upstream.next_call(lambda exchange: exchange.result({**asked, "requestState": "state-of-the-upstream"}))

    answer = house.client("withheld").call("scripted")

    assert (answer.status, answer.code) == (200, "withheld")
    assert b"state-of-the-upstream" not in answer.body
    call = _call(house, "withheld")
    (answered,) = house.evidence.records("call:answered", call=call["call"])
    withheld = house.evidence.wait_for("call:withheld", call=call["call"])
    assert answered["seq"] < withheld["seq"]
    assert b"state-of-the-upstream" in house.evidence.body(answered["response"])


def test_modern_input_that_a_rule_allows_passes(house, upstream):
    asked = {"resultType": "input_required", "inputRequests": {"q": {"method": "elicitation/create", "params": {}}}}
    upstream.next_call(lambda exchange: exchange.result({**asked, "requestState": "state-of-the-upstream"}))
    client = house.client("asked", upstream="asking")

    answer = client.call("scripted")

    assert answer.result["requestState"] == "state-of-the-upstream"
    client.ask("tools/call", name="scripted", arguments={}, requestState="state-of-the-upstream", inputResponses={})
    assert upstream.calls()[-1].params["requestState"] == "state-of-the-upstream"


def test_modern_input_on_a_stream_that_no_rule_allows_does_not_leave(house, upstream):
    client = house.client("stream-withheld")

    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        asked = {"resultType": "input_required", "inputRequests": {"q": {"method": "sampling/createMessage"}}}
        exchange.event(exchange.response({**asked, "requestState": "state-of-the-upstream"}))
        exchange.end()
        seen = begun.answer().body

    assert b"state-of-the-upstream" not in seen
    message = json.loads(seen.partition(b"data: ")[2])
    assert message["error"]["data"]["code"] == "withheld"
    assert message["id"] == exchange.id
    call = _call(house, "stream-withheld")
    house.evidence.wait_for("call:withheld", call=call["call"])


def test_a_denied_answer_on_a_listening_stream_is_answered_under_its_own_id(house, upstream):
    """MCP 2025-11-25 "Resumability": a stream may bring the answer of another call."""
    upstream.streams = True
    client = house.client("resumed-withheld").initialize()
    url = {"mode": "url", "elicitationId": "e", "url": "https://evil.test", "message": "sign in"}
    error = {"code": -32042, "message": "Visit a page", "data": {"elicitations": [url]}}

    with client.begin(b"", "GET", content_type=None, last_event_id="1") as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.event({"jsonrpc": "2.0", "id": 77, "error": error})
        exchange.end()
        seen = begun.answer().body

    upstream.streams = False
    assert b"evil.test" not in seen
    message = json.loads(seen.partition(b"data: ")[2])
    assert (message["id"], message["error"]["data"]["code"]) == (77, "withheld")


def test_a_hostile_name_of_a_request_costs_nobody_their_answer(house, upstream):
    """evidence-format section 4: a record has at most 65,535 bytes, whatever an upstream calls its requests."""
    client = house.client("long-name").initialize()

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.event({"jsonrpc": "2.0", "id": 1, "method": "x" * 100_000})
        exchange.event(exchange.response(exchange.said("done")))
        exchange.end()
        seen = begun.answer().body

    assert b"done" in seen
    assert b"xxx" not in seen


def test_a_client_cannot_answer_what_was_never_asked_in_the_modern_era(house, upstream):
    """MCP 2026-07-28: a client sends no responses."""
    client = house.client()

    answer = client.post({"jsonrpc": "2.0", "id": 1, "result": {}}, mcp_protocol_version="2026-07-28")

    assert answer.status == 400
    assert upstream.requests == []


def _call(house, subject: str):
    found = house.evidence.records("call:requested", method="tools/call")
    return [one for one in found if _by(one, subject)][-1]


def _by(record, subject: str) -> bool:
    return record["principal"]["subject"] == subject
