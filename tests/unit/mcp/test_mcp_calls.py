"""affidavit.mcp.calls against the requests of both eras; evidence-format section 5, `target`, `arguments_hmac`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.mcp.calls import RETRY_MEMBERS, bound_arguments, needs_target, server_requests, target_of
from affidavit.mcp.jsonrpc import parse_message
from fakes.json_values import texts, values

WIRE = ["progressToken", "traceparent", "tracestate", "baggage", "io.modelcontextprotocol/clientInfo"]


def read(**members):
    return parse_message(json.dumps({"jsonrpc": "2.0", **members}).encode())


def asked(**members):
    return list(server_requests(read(**members)))


@pytest.mark.parametrize(
    ("method", "params", "target"),
    [
        ("tools/call", {"name": "sql.query", "uri": "x"}, "sql.query"),
        ("prompts/get", {"name": "review"}, "review"),
        ("resources/read", {"uri": "file:///a", "name": "x"}, "file:///a"),
        ("resources/subscribe", {"uri": "file:///a"}, "file:///a"),
        ("resources/unsubscribe", {"uri": "file:///a"}, "file:///a"),
        ("tasks/get", {"taskId": "t"}, "t"),
        ("tasks/result", {"taskId": "t"}, "t"),
        ("tasks/update", {"taskId": "t"}, "t"),
        ("tasks/cancel", {"taskId": "t"}, "t"),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "review"}}, "review"),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": "file:///{a}"}}, "file:///{a}"),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": "secret", "name": "harmless"}}, "secret"),
        ("completion/complete", {"ref": {"type": "ref/other", "uri": "x", "name": "y"}}, None),
        ("completion/complete", {"ref": {"type": ["ref/prompt"], "name": "y"}}, None),
        ("completion/complete", {"ref": {"name": "y"}}, None),
        ("completion/complete", {"ref": "review"}, None),
        ("tools/call", {"name": 7}, None),
        ("tools/call", {"name": ["sql.query"]}, None),
        ("tools/call", {}, None),
        ("tools/call", None, None),
        ("tools/list", {"name": "x"}, None),
        ("unknown/method", {"name": "x", "uri": "y"}, None),
    ],
)
def test_a_message_names_what_its_method_is_about(method, params, target):
    assert target_of(method, params) == target


@pytest.mark.parametrize(
    "method",
    [
        "initialize", "ping", "server/discover", "tools/list", "prompts/list", "resources/list",
        "resources/templates/list", "tasks/list", "logging/setLevel", "subscriptions/listen",
        "notifications/initialized", "notifications/cancelled", "notifications/progress",
        "notifications/roots/list_changed", "stream", "delete", "response",
    ],
)  # fmt: skip
def test_what_has_no_arguments_needs_an_upstream_that_the_principal_may_use(method):
    """architecture "Configuration": requests without arguments."""
    assert not needs_target(method)


@pytest.mark.parametrize(
    "method",
    [
        "tools/call", "prompts/get", "resources/read", "resources/subscribe", "resources/unsubscribe",
        "completion/complete", "tasks/get", "tasks/result", "tasks/update", "tasks/cancel",
        "unknown", "secrets/list", "Tools/List", "notifications", "", "sampling/createMessage",
    ],
)  # fmt: skip
def test_all_else_is_judged_by_rules_and_so_is_what_nobody_knows(method):
    assert needs_target(method)


@given(
    st.dictionaries(st.sampled_from(["name", "arguments", "cursor"]), values),
    st.dictionaries(texts.filter(lambda key: key not in WIRE), st.integers(0, 9)),
    st.dictionaries(st.sampled_from(WIRE), values),
)
def test_what_belongs_to_the_wire_does_not_make_a_retry_another_call(params, meta, wire):
    """evidence-format section 5, `arguments_hmac`: equal for an identical retry."""
    plain = {**params, "_meta": meta} if meta else params

    assert bound_arguments({**params, "_meta": {**meta, **wire}}) == bound_arguments(plain)


def test_an_empty_meta_is_none():
    assert bound_arguments({"name": "x", "_meta": {}}) == bound_arguments({"name": "x"}) == b'{"name":"x"}'
    assert bound_arguments(None) == bound_arguments({}) == b"{}"


@pytest.mark.parametrize(
    "other",
    [
        {"name": "y", "arguments": {"a": 1}},
        {"name": "x", "arguments": {"a": 2}},
        {"name": "x", "arguments": {"a": "1"}},
        {"name": "x", "arguments": {"a": 1, "progressToken": 1}},
        {"name": "x", "arguments": {"a": 1}, "task": {}},
        {"name": "x", "arguments": {"a": 1}, "_meta": {"example.com/x": 1}},
        {"name": "x", "arguments": {"a": 1}, "_meta": []},
        {"name": "x", "arguments": {"a": 1}, "requestState": "s"},
        {"name": "x", "arguments": {"a": 1}, "inputResponses": {}},
    ],
)
def test_anything_else_makes_it_another_call(other):
    assert bound_arguments(other) != bound_arguments({"name": "x", "arguments": {"a": 1}})


def test_what_the_gateway_itself_asked_for_is_left_out():
    """evidence-format section 5: and the request state and answers that the gateway itself asked for."""
    retry = {"name": "x", "requestState": "sealed", "inputResponses": {"a": {}}}

    assert bound_arguments(retry, without=RETRY_MEMBERS) == bound_arguments({"name": "x"})


@pytest.mark.parametrize("number", ["9007199254740993", "0.1000000000000000055511151231257827"])
def test_a_number_that_cannot_be_carried_exactly_binds_nothing(number):
    message = parse_message(b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":%b}}' % number.encode())

    assert bound_arguments(message.params) is None


def test_the_callers_params_are_not_changed():
    params = {"name": "x", "_meta": {"progressToken": 1}}

    bound_arguments(params, without={"name"})

    assert params == {"name": "x", "_meta": {"progressToken": 1}}


@pytest.mark.parametrize("method", ["sampling/createMessage", "elicitation/create", "roots/list", "ping"])
def test_a_request_on_a_stream_asks_for_its_method(method):
    """MCP 2025-11-25 "Client features"."""
    assert asked(id=1, method=method, params={}) == [method]


def test_a_result_that_requires_input_asks_for_all_that_it_requires():
    """MCP 2026-07-28 "Multi Round-Trip Requests"."""
    requests = {"a": {"method": "elicitation/create"}, "b": {"method": "roots/list"}}

    assert asked(id=1, result={"resultType": "input_required", "inputRequests": requests}) == [
        "elicitation/create",
        "roots/list",
    ]


@pytest.mark.parametrize("kind", [{}, {"resultType": "complete"}, {"resultType": "task", "status": "input_required"}])
def test_requests_in_a_result_count_whatever_the_result_calls_itself(kind):
    """SEP-2663: the state of a task carries input requests, too."""
    assert asked(id=1, result={**kind, "inputRequests": {"a": {"method": "roots/list"}}}) == ["roots/list"]


def test_a_notice_of_a_tasks_state_may_ask():
    """SEP-2663: each notification carries a complete task."""
    assert asked(method="notifications/tasks", params={"inputRequests": {"a": {"method": "roots/list"}}}) == [
        "roots/list"
    ]


def test_an_error_that_sends_a_person_to_a_page_is_an_elicitation():
    """MCP 2025-11-25 schema, `URLElicitationRequiredError`."""
    assert asked(id=1, error={"code": -32042, "message": "", "data": {"elicitations": []}}) == ["elicitation/create"]


@pytest.mark.parametrize(
    "message",
    [
        {"id": 1, "result": {"content": []}},
        {"id": 1, "result": {"resultType": "input_required", "requestState": "s"}},
        {"id": 1, "result": None},
        {"id": 1, "error": {"code": -32601, "message": ""}},
        {"method": "notifications/progress", "params": {"progress": 1}},
        {"method": "notifications/initialized"},
    ],
)
def test_most_messages_ask_for_nothing(message):
    assert asked(**message) == []


@pytest.mark.parametrize("entries", [["x"], {"a": None}, {"a": {"method": 7}}, "x", 0, [{"params": {}}]])
def test_what_asks_in_a_shape_that_nobody_knows_asks_for_something_unknown(entries):
    assert asked(id=1, result={"inputRequests": entries}) == [""]
