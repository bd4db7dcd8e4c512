"""One call, from the client's line over the record's line to the upstream's line and back.

Source: architecture "The way of one call"; evidence-format section 5; mcp "Duties".
"""

import base64
import hashlib
import json
import sqlite3

import pytest

from fakes.gateway_house import CREDENTIAL
from fakes.scripted_upstream import tool


def test_a_first_call_finds_everything_said_that_its_record_names(house):
    """evidence-format section 5: what a record names was said before it, in the same chain."""
    answer = house.client("zoe").call("echo", text="hello")

    assert answer.text == "echo ran"
    chain = house.evidence.records()
    call = next(one for one in chain if one["kind"] == "call:requested" and one["principal"]["subject"] == "zoe")
    told = chain[: call["seq"] + 1]
    assert [one["kind"] for one in told[:2]] == ["writer:opened", "policy:loaded"]
    assert [one["issuer"] for one in told[2:4]] in (["staff", "machines"], ["machines", "staff"])
    assert [one["kind"] for one in told[-3:]] == ["identity:verified", "session:opened", "call:requested"]
    assert call["definition_digest"] in {one["digest"] for one in told if one["kind"] == "tool:defined"}
    assert call["policy"] == {"digest": told[1]["digest"], "rule": "tools-are-for-people", "decision": "allow"}
    assert told[-3]["token_sha256"] == call["principal"]["token_sha256"]
    assert told[-2]["session"] == call["session"]


def test_nothing_reaches_the_upstream_before_its_record_is_there(house, upstream):
    """architecture, promise 1. The upstream looks into the folder at the moment when the request arrives."""
    client = house.client()
    upstream.witness = lambda _: house.evidence.records("call:requested", target="echo")

    client.call("echo", text="proof")

    (arrived,) = upstream.requests
    record = arrived.witnessed[-1]
    assert house.evidence.body(record["request"]) == arrived.body
    assert json.loads(arrived.body)["params"]["arguments"] == {"text": "proof"}


def test_nothing_reaches_the_client_before_its_record_is_there(house):
    """architecture, promise 1. The client looks into the folder at the moment when the answer arrives."""
    answer = house.client().call("echo", text="proof")

    lines = house.evidence.lines()
    (record,) = [json.loads(line) for line in lines.values() if _names(answer, line)]
    assert record["kind"] == "call:answered"
    assert record["outcome"] == "answered"
    assert b"echo ran" in house.evidence.body(record["response"])


def test_an_answer_names_two_records_that_exist_with_that_hash(house):
    """mcp "Duties", `_meta`: the header names the request's record, the result the answer's, with its hash."""
    answer = house.client().call("echo")

    stamp = answer.result["_meta"]["affidavit/record"]
    lines = house.evidence.lines()
    assert hashlib.sha256(lines[stamp["id"]]).hexdigest() == stamp["sha256"]
    asked, answered = json.loads(lines[answer.record]), json.loads(lines[stamp["id"]])
    assert (asked["kind"], answered["kind"]) == ("call:requested", "call:answered")
    assert asked["call"] == answered["call"]


def test_a_denied_tool_is_a_result_that_a_model_can_read(house, upstream):
    """mcp "Duties", denials: a plain reason, the rule, the record; nothing reaches the upstream."""
    answer = house.client().call("drop_table", table="customers")

    assert answer.status == 200
    assert answer.result["isError"] is True
    assert "Schema changes go through migrations." in answer.text
    assert "nobody-drops-tables" in answer.text
    assert answer.record in answer.text
    assert upstream.requests == []
    (refusal,) = house.evidence.records("call:refused", target="drop_table")
    assert (refusal["code"], refusal["policy"]["decision"]) == ("denied", "deny")
    assert f"{refusal['writer']}/{refusal['seq']}" == answer.record
    assert b"customers" in house.evidence.body(refusal["request"])


def test_a_denied_notification_is_refused_by_its_status(house, upstream):
    """MCP 2025-11-25 "Sending Messages": what cannot be accepted gets an HTTP error; nobody waits."""
    denied = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "drop_table"}}
    answer = house.client().initialize().post(denied)

    assert answer.status == 403
    assert answer.code == "denied"
    assert answer.json["id"] is None
    assert answer.record
    assert upstream.calls() == []


@pytest.mark.parametrize("body", [b"{", b'{"jsonrpc":"2.0","jsonrpc":"2.0"}', b"[]", b'{"jsonrpc":"1.0"}'])
def test_what_cannot_be_read_is_refused_in_the_words_of_the_era_that_its_header_says(house, body):
    """mcp "Duties": a 4xx without a modern error makes a client of both eras fall back to the legacy one."""
    client = house.client()

    modern = client.post(body, **{"MCP-Protocol-Version": "2026-07-28"})
    legacy = client.post(body, **{"MCP-Protocol-Version": "2025-11-25"})

    assert modern.status == legacy.status == 400
    assert modern.json["error"]["code"] == -32602
    assert legacy.json["error"]["code"] in (-32700, -32600)
    assert modern.code == legacy.code


def test_a_failure_of_the_gateways_own_after_sending_is_told_and_recorded_as_one(house, upstream):
    """architecture "Failures": after forwarding, HTTP 200, so that nothing replays it; nobody cancelled it."""
    locked = sqlite3.connect(house.data / "state.sqlite", isolation_level=None)
    locked.execute("begin exclusive")
    upstream.tools.append(tool("never_seen_before"))
    try:
        answer = house.client("unlucky").ask("tools/list")
    finally:
        upstream.tools.pop()
        locked.close()

    assert answer.status == 200
    assert answer.code == "outcome_unknown"
    assert answer.json["error"]["data"]["retry"] is False
    call = answer.json["error"]["data"]["call"]
    assert house.evidence.wait_for("call:answered", call=call)["outcome"] == "failed"
    assert house.client().call("echo").text == "echo ran"


def test_a_rule_sees_the_arguments(house, upstream):
    """architecture "Configuration": a condition that fails counts as matched for deny."""
    client = house.client()

    assert client.call("sometimes", number=10).text == "sometimes ran"
    assert "Numbers up to ten" in client.call("sometimes", number=11).text
    assert "Numbers up to ten" in client.call("sometimes", number="eleven").text
    assert "Numbers up to ten" in client.call("sometimes").text
    assert len(upstream.calls()) == 1


def test_a_list_hides_only_what_is_denied_for_certain(house):
    """mcp "Duties", `tools/list`: what depends on arguments is shown; one principal's list is nobody else's."""
    listed = house.client().ask("tools/list").result

    assert [one["name"] for one in listed["tools"]] == ["echo", "held", "scripted", "sometimes"]
    assert listed["cacheScope"] == "private"


def test_a_legacy_list_hides_as_much(house):
    client = house.client().initialize()

    listed = client.post({"jsonrpc": "2.0", "id": 7, "method": "tools/list"}).result

    assert [one["name"] for one in listed["tools"]] == ["echo", "held", "scripted", "sometimes"]


def test_the_clients_credentials_never_reach_the_upstream(house, upstream):
    """mcp "Duties": Authorization and cookies stay here; the gateway's own credential takes their place."""
    client = house.client()

    client.post(client.calling("echo"), cookie="a=b", x_api_key="secret", proxy_authorization="Basic eA==")

    (arrived,) = upstream.requests
    assert arrived.header("authorization") == f"Bearer {CREDENTIAL}"
    assert [value for name, value in arrived.headers if name == "authorization"] == [f"Bearer {CREDENTIAL}"]
    assert all(arrived.header(name) is None for name in ("cookie", "x-api-key", "proxy-authorization"))
    assert client.token not in str(arrived)


def test_an_upstream_without_a_credential_gets_none(house, upstream):
    house.client(upstream="asking").call("echo")

    (arrived,) = upstream.requests
    assert arrived.header("authorization") is None


def test_no_secret_stands_in_the_evidence(house):
    """architecture, "Configuration": secrets are mounted files; tokens are recorded by their hash."""
    client = house.client()
    client.call("echo")

    signature = client.token.rpartition(".")[2]
    bodies = [house.evidence.body(one["claims"]) for one in house.evidence.records("identity:verified")]
    for content in [*house.evidence.files(), *house.evidence.lines().values(), *bodies]:
        assert CREDENTIAL.encode() not in content
        assert signature.encode() not in content


def test_headers_of_the_protocol_go_on_and_the_rest_stays(house, upstream):
    """mcp "Duties", forward and strip."""
    client = house.client()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    client.post(client.calling("echo"), traceparent=trace, mcp_param_region="eu", accept_encoding="gzip", x_other="1")

    (arrived,) = upstream.requests
    assert arrived.header("traceparent") == trace
    assert arrived.header("mcp-param-region") == "eu"
    assert arrived.header("mcp-method") == "tools/call"
    assert arrived.header("accept-encoding") == "identity"
    assert arrived.header("x-other") is None
    assert house.evidence.records("call:requested")[-1]["trace"] == "0af7651916cd43dd8448eb211c80319c"


def test_the_exact_bytes_that_were_read_are_sent(house, upstream):
    """mcp "Duties", parse once: never inspect one form and send another."""
    client = house.client()
    message = client.calling("echo")
    body = json.dumps(message, indent=3).replace('"echo"', '"ech\\u006f"').encode()

    client.post(body, **{name.replace("-", "_"): value for name, value in client.headers(message).items()})

    (arrived,) = upstream.requests
    assert arrived.body == body


def test_a_tool_that_nobody_has_listed_is_called_without_a_definition(house, upstream):
    """evidence-format section 5: `definition_digest` is null if the upstream names no such tool."""
    house.client().call("unlisted")

    (call,) = house.evidence.records("call:requested", target="unlisted")
    assert call["definition_digest"] is None
    assert len(upstream.calls()) == 1


def test_a_body_of_many_megabytes_goes_through_and_is_kept(house, upstream):
    """mcp "Duties": the limit is 8 MiB."""
    text = base64.b64encode(bytes(5_000_000)).decode()

    answer = house.client().call("echo", text=text)

    assert answer.text == "echo ran"
    call = house.evidence.records("call:requested", target="echo")[-1]
    assert call["request"]["size"] == len(upstream.requests[-1].body) > 6_600_000
    assert house.evidence.body(call["request"]) == upstream.requests[-1].body


def test_two_people_at_once_are_not_mixed_up(house, upstream):
    """Each record names who called; group commit puts both in one segment."""
    ana, ben = house.client("ana"), house.client("ben")
    first, second = ana.calling("held", who="ana"), ben.calling("held", who="ben")

    with ana.begin(first) as to_ana, ben.begin(second) as to_ben:
        for _ in (ana, ben):
            exchange = upstream.held()
            exchange.says(exchange.request.params["arguments"]["who"])
        assert to_ana.answer().text == "ana"
        assert to_ben.answer().text == "ben"

    for who in ("ana", "ben"):
        (call,) = [one for one in house.evidence.records("call:requested", target="held") if _by(one, who)]
        assert f'"{who}"'.encode() in house.evidence.body(call["request"])


def test_what_an_upstream_adds_to_meta_stays(house, upstream):
    """mcp "Duties", `_meta`: unknown keys pass untouched in both directions."""
    upstream.next_call(lambda exchange: exchange.result({**exchange.said("hi"), "_meta": {"example.com/x": [1]}}))

    answer = house.client().post(house.client().request("tools/call", name="scripted", _meta={"example.com/y": {}}))

    assert answer.result["_meta"]["example.com/x"] == [1]
    assert upstream.requests[-1].params["_meta"]["example.com/y"] == {}


def test_a_tools_own_error_is_an_answer_like_any_other(house, upstream):
    upstream.next_call(lambda exchange: exchange.result({**exchange.said("no such row"), "isError": True}))

    answer = house.client().call("scripted")

    assert answer.result["isError"] is True
    assert house.evidence.records("call:answered")[-1]["outcome"] == "answered"


def test_numbers_come_back_as_the_upstream_wrote_them(house, upstream):
    """mcp "Duties": nothing that is parsed and printed loses anything."""
    body = b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"n":12345678901234567890.123,"m":1E400000,"k":1.0}}'
    body = body.replace(b"1E400000", b"100000000000000000000000000000")
    upstream.next_call(lambda exchange: exchange.answer(body))

    answer = house.client().call("scripted")

    assert b'"n":12345678901234567890.123' in answer.body
    assert b'"m":100000000000000000000000000000' in answer.body
    assert b'"k":1.0' in answer.body


def test_a_retry_has_the_same_arguments_hmac_and_another_call_has_not(house):
    """evidence-format section 5, `arguments_hmac`: what names the wire is no part of it."""
    client = house.client("hmac")
    client.call("echo", a=1, b=2)
    client.post(client.request("tools/call", name="echo", arguments={"b": 2, "a": 1}, _meta={"progressToken": 9}))
    client.call("echo", a=1, b=3)

    calls = [one for one in house.evidence.records("call:requested", target="echo") if _by(one, "hmac")]
    same, again, other = (one["arguments_hmac"] for one in calls)
    assert same == again != other


def _names(answer, line: bytes) -> bool:
    return hashlib.sha256(line).hexdigest() == answer.result["_meta"]["affidavit/record"]["sha256"]


def _by(record, subject: str) -> bool:
    return record["principal"]["subject"] == subject
