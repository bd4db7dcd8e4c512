"""affidavit.mcp.jsonrpc against JSON-RPC 2.0 and the base protocol of MCP."""

from __future__ import annotations

import contextlib
import copy
import json

import mcp_types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import Malformed
from affidavit.mcp.jsonrpc import (
    MalformedMessage,
    error_response,
    parse_message,
    print_message,
    result_response,
    stamped,
    tool_error,
)
from fakes.json_values import objects, texts, values

ids = texts | st.integers(-(2**70), 2**70)
RECORD = ("w1/41", "ab" * 32)


def message(**members):
    return json.dumps({"jsonrpc": "2.0", **members}).encode()


def refused(body):
    with pytest.raises(Malformed) as error:
        parse_message(body)
    return error.value


@given(ids, objects)
def test_a_request_is_read_with_its_id_and_exact_params(message_id, params):
    read = parse_message(message(id=message_id, method="tools/call", params={"arguments": params}))

    assert (read.kind, read.id, read.method) == ("request", message_id, "tools/call")
    assert read.params == {"arguments": params}
    assert read.result is None


def test_a_message_without_an_id_is_a_notification():
    read = parse_message(message(method="notifications/initialized"))

    assert (read.kind, read.id, read.params) == ("notification", None, None)


@given(ids, objects)
def test_a_result_is_a_response(message_id, result):
    read = parse_message(result_response(message_id, result))

    assert (read.kind, read.id, read.method, read.params) == ("response", message_id, None, None)
    assert read.result == result
    assert read.error is None


@given(ids | st.none(), texts, st.none() | objects)
def test_an_error_is_a_response_whose_id_may_be_unknown(message_id, text, data):
    """JSON-RPC 2.0 section 5: the id is null if it could not be read."""
    read = parse_message(error_response(message_id, -32600, text, data))

    assert (read.kind, read.id) == ("response", message_id)
    assert read.error == {"code": -32600, "message": text} | ({} if data is None else {"data": data})


def test_an_error_may_have_no_id_at_all():
    """MCP schema, `JSONRPCErrorResponse`: `id?`."""
    assert parse_message(message(error={"code": 1, "message": ""})).id is None


@pytest.mark.parametrize(
    "body",
    [
        message(id=None, method="ping"),
        message(id=True, method="ping"),
        message(id=1.0, method="ping"),
        message(id=[1], method="ping"),
        message(id=1, method=7),
        message(id=1, method=None),
        message(id=1, method="ping", params=[1]),
        message(id=1, method="ping", params="x"),
        message(id=1, method="ping", params=None),
        message(id=1, method="ping", result={}),
        message(id=1, method="ping", error={}),
        message(id=1, method="notifications/cancelled"),
        message(id=1, result={}, error={}),
        message(id=1, result={}, params={}),
        message(id=1, error="it failed"),
        message(id=1),
        message(result={}),
        message(id=None, result={}),
        message(id=True, error={}),
        message(id=1.5, result={}),
        message(),
        b"{}",
        b'{"id":1,"method":"ping"}',
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b'{"jsonrpc":2.0,"id":1,"method":"ping"}',
    ],
)
def test_an_object_that_is_no_message_is_refused(body):
    assert refused(body).code == "bad_jsonrpc"


@pytest.mark.parametrize(("body", "known"), [(b'{"id":7,"method":"ping"}', 7), (message(id="a", method=1), "a")])
def test_the_answer_to_what_is_no_message_carries_its_id(body, known):
    """JSON-RPC 2.0 section 5: an error answers with the request's id where that could be read."""
    error = refused(body)

    assert isinstance(error, MalformedMessage)
    assert error.message_id == known


@pytest.mark.parametrize("body", [message(id=True, method="ping"), message(id={}, result={}), b'{"method":"ping"}'])
def test_an_id_that_cannot_be_one_is_not_answered_with(body):
    assert refused(body).message_id is None


@pytest.mark.parametrize("body", [b"[]", b"[" + message(id=1, method="ping") + b"]", b" [1]"])
def test_a_batch_is_refused_in_every_era(body):
    """MCP 2025-06-18 and later have no batches; a batch would be several calls in one record."""
    assert refused(body).code == "batch"


@pytest.mark.parametrize("body", [b"1", b"null", b'"tools/call"', b"true", b"0.5"])
def test_a_value_that_is_no_object_is_refused(body):
    assert refused(body).code == "not_an_object"


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call"}',
        b'{"jsonrpc":"2.0","id":1,"METHOD":"tools/call"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","param\xc5\xbf":{"name":"x"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"harmless","Name":"drop"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","ARGUMENTS":{}}}',
        b'{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"URI":"file:///etc/passwd"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"tas\xe2\x84\xaaId":"1"}}',
        b'{"jsonrpc":"2.0","ID":2,"id":1,"result":{}}',
    ],
)
def test_a_member_in_another_case_is_refused_because_some_readers_take_it_for_the_member(body):
    """Go's encoding/json: "matching ... keys case-insensitively", with Unicode folding; the last one counts."""
    assert refused(body).code == "ambiguous_key"


@pytest.mark.parametrize("member", ["jsonrpc", "id", "method", "params", "result", "error"])
def test_no_member_of_a_message_has_another_spelling(member):
    assert refused(message(id=1, method="ping", **{member.title(): 1})).code == "ambiguous_key"


@pytest.mark.parametrize(
    "member",
    ["_meta", "name", "arguments", "uri", "ref", "taskId", "requestState", "inputResponses", "protocolVersion"],
)
def test_no_member_that_a_decision_or_a_record_looks_at_has_another_spelling(member):
    assert refused(message(id=1, method="x/y", params={member.upper(): 1})).code == "ambiguous_key"


def test_unknown_members_pass():
    body = message(id=1, method="x/y", params={"nameOf": 1, "cursor": "a", "Level": 2}, extra=True)

    assert parse_message(body).value == json.loads(body)


@pytest.mark.parametrize("method", ["stream", "delete", "response"])
def test_no_message_passes_for_what_records_call_a_request_without_a_body(method):
    """evidence-format section 5, `call`: these are the methods of a GET, a DELETE and a client's answer."""
    assert refused(message(id=1, method=method)).code == "reserved_method"
    assert refused(message(method=method)).code == "reserved_method"


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_but_malformed(body):
    with contextlib.suppress(Malformed):
        parse_message(body)


@given(st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "Id"]), values))
def test_no_object_raises_anything_but_malformed(value):
    try:
        read = parse_message(print_message({"jsonrpc": "2.0"} | value))
    except Malformed:
        return
    assert read.kind in ("request", "notification", "response")


@pytest.mark.parametrize("modern", [True, False])
def test_a_tool_error_is_a_result_that_a_model_reads(modern):
    """MCP 2026-07-28 "Responses": the result MUST include a `resultType` field."""
    read = json.loads(tool_error(3, "denied", {"affidavit/code": "denied"}, modern=modern))

    result = mcp_types.CallToolResult.model_validate(read["result"])
    assert read["id"] == 3
    assert result.is_error
    assert result.content[0].text == "denied"
    assert result.meta == {"affidavit/code": "denied"}
    assert read["result"]["content"] == [{"type": "text", "text": "denied"}]
    assert ("resultType" in read["result"]) is modern
    assert read["result"].get("resultType", "complete") == "complete"


@given(objects.filter(bool), st.none() | objects | st.just(5))
def test_a_stamped_result_names_its_record_and_keeps_all_else(result, meta):
    value = {"jsonrpc": "2.0", "id": 1, "result": result if meta is None else {**result, "_meta": meta}}
    before = copy.deepcopy(value)

    read = parse_message(stamped(value, *RECORD))

    assert value == before
    stamp = read.result["_meta"].pop("affidavit/record")
    assert stamp == {"id": "w1/41", "sha256": "ab" * 32}
    own = value["result"].get("_meta")
    expected = dict(own) if isinstance(own, dict) else {}
    expected.pop("affidavit/record", None)
    assert read.result == {**value["result"], "_meta": expected}


@pytest.mark.parametrize(
    "value",
    [
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}},
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "result": None},
        {"jsonrpc": "2.0", "id": 1, "result": [1]},
    ],
)
def test_what_has_no_result_and_what_promises_to_be_empty_is_printed_as_it_is(value):
    """MCP "Ping": the receiver MUST respond with an empty response."""
    assert json.loads(stamped(value, *RECORD)) == value


def test_a_stamp_leaves_exact_numbers_exact():
    body = b'{"jsonrpc":"2.0","id":1,"result":{"n":123456789012345678901234567890,"f":0.10000000000000000000000001}}'

    assert b'"n":123456789012345678901234567890,"f":0.10000000000000000000000001' in stamped(
        parse_message(body).value, *RECORD
    )
