"""Headers of a message are what the gateway compares with its body; of arguments, what the official SDK mirrors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import find_invalid_x_mcp_header, mcp_param_headers, x_mcp_header_map

from affidavit.connect.outgoing import Outgoing
from affidavit.connect.session import Session
from affidavit.connect.tool_headers import ToolHeaders, unsound
from affidavit.mcp.eras import VERSION_KEY
from affidavit.mcp.headers import compare_with_body
from affidavit.mcp.jsonrpc import parse_message, print_message

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
META = {VERSION_KEY: "2026-07-28"}
INFO = {"name": "test", "version": "1"}


@given(st.sampled_from(["tools/call", "prompts/get", "resources/read", "tools/list", "server/discover"]), TEXT)
def test_the_gateway_finds_no_contradiction(method, name):
    """MCP 2026-07-28 "Server Validation"."""
    params = {"_meta": META, ("uri" if method == "resources/read" else "name"): name}
    outgoing = Outgoing.make(method, params, 1)

    headers = {key.lower(): value for key, value in outgoing.headers().items()}

    assert all(value.isascii() and value.isprintable() for value in headers.values())
    compare_with_body(outgoing.message, headers)


def test_a_legacy_message_says_nothing_of_its_own():
    """MCP 2025-11-25 "Protocol Version Header": the session says it."""
    assert set(Outgoing.make("tools/list", {}, 1).headers()) == {"Content-Type", "Accept"}


def test_a_session_is_named_from_its_answer_on_and_never_in_its_hello():
    session = Session()
    hello = Outgoing.make("initialize", {"protocolVersion": "2025-11-25", "clientInfo": INFO}, "h")
    call = Outgoing.make("tools/call", {"name": "echo"}, 1)
    assert session.headers(call) == {}

    answer = parse_message(b'{"jsonrpc":"2.0","id":"h","result":{"protocolVersion":"2025-06-18"}}')
    assert session.open(hello, answer, {"mcp-session-id": "s-1"})

    assert session.headers(call) == {"Mcp-Session-Id": "s-1", "MCP-Protocol-Version": "2025-06-18"}
    assert session.headers(hello) == {}
    assert session.headers(Outgoing.make("tools/call", {"_meta": META, "name": "echo"}, 1)) == {}
    assert session.again().message.params == hello.message.params
    assert session.again().message.id != hello.message.id


def test_an_error_begins_no_session():
    session = Session()
    answer = parse_message(b'{"jsonrpc":"2.0","id":"h","error":{"code":-32602,"message":"no"}}')

    assert not session.open(Outgoing.make("initialize", {}, "h"), answer, {})
    assert session.hello is None


SCHEMA = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "limit": {"type": "integer", "x-mcp-header": "Limit"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry-Run"},
        "deep": {"type": "object", "properties": {"er": {"type": "string", "x-mcp-header": "Deeper"}}},
        "ratio": {"type": "number", "x-mcp-header": "Ratio"},
        "none": {"type": "string"},
    },
}
ALLOWED = {**SCHEMA, "properties": {name: one for name, one in SCHEMA["properties"].items() if name != "ratio"}}
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "region": TEXT | st.none(),
        "limit": st.integers(-(2**53) + 1, 2**53 - 1),
        "dry": st.booleans(),
        "deep": st.fixed_dictionaries({}, optional={"er": TEXT}),
        "ratio": st.integers(),
        "none": TEXT,
    },
)


@given(VALUES)
def test_arguments_are_mirrored_as_the_official_client_mirrors_them(arguments):
    """MCP 2026-07-28 "Custom Headers from Tool Parameters"; a `number` is never mirrored."""
    tools = ToolHeaders()
    listing = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "t", "inputSchema": SCHEMA}]}}
    tools.learn(parse_message(print_message(listing)))
    call = Outgoing.make("tools/call", {"_meta": META, "name": "t", "arguments": arguments}, 2)

    assert tools.of(call) == mcp_param_headers(x_mcp_header_map(ALLOWED), arguments)
    assert tools.of(Outgoing.make("tools/call", {"name": "t", "arguments": arguments}, 2)) == {}


def test_listings_that_are_none_teach_nothing():
    tools = ToolHeaders()
    for result in ('{"tools":3}', '{"tools":[3,{"name":4}]}', '{"tools":[{"name":"t","inputSchema":[]}]}', "{}"):
        tools.learn(parse_message(b'{"jsonrpc":"2.0","id":1,"result":' + result.encode() + b"}"))

    assert tools.of(Outgoing.make("tools/call", {"_meta": META, "name": "t", "arguments": {"region": "x"}}, 2)) == {}


HEADER = {"type": "string", "x-mcp-header": "Region"}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        ALLOWED,
        SCHEMA,
        HEADER,
        {"properties": {"a": HEADER, "b": {"type": "string", "x-mcp-header": "REGION"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": ""}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "a\r\nb"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": 3}}},
        {"properties": {"a": {"x-mcp-header": "A"}}},
        {"properties": {"a": {"type": "array", "items": HEADER}}},
        {"properties": {"a": {"anyOf": [HEADER, {"type": "null"}]}}},
        {"$defs": {"a": HEADER}, "properties": {"a": {"$ref": "#/$defs/a"}}},
        {"properties": {"x-mcp-header": {"type": "string"}}},
        {"properties": {"a": {"type": "object", "default": {"x-mcp-header": "A"}}}},
        {"properties": {"a": {"type": "object", "properties": {"b": HEADER}}}},
    ],
)
def test_a_tool_is_left_out_where_the_official_client_leaves_it_out(schema):
    """MCP 2026-07-28 "Schema Extension": one malformed definition does not keep others from being used."""
    assert unsound({"name": "t", "inputSchema": schema}) is (find_invalid_x_mcp_header(schema) is not None)
