"""affidavit.mcp.param_headers against MCP 2026-07-28 "Custom Headers from Tool Parameters", and against the SDK."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import (
    find_invalid_x_mcp_header,
    mcp_param_headers,
    validate_mcp_param_headers,
    x_mcp_header_map,
)

from affidavit.errors import Refused
from affidavit.mcp.param_headers import Mirror, compare_params, mirrored, mirrors_of
from affidavit.mcp.strict_json import parse_json
from fakes.json_values import texts, values

REGION = {"type": "string", "x-mcp-header": "Region"}
SCHEMA = {
    "type": "object",
    "properties": {
        "region": REGION,
        "query": {"type": "string"},
        "page": {"type": "object", "properties": {"size": {"type": "integer", "x-mcp-header": "Size"}}},
        "dry": {"type": "boolean", "x-mcp-header": "dry-run"},
    },
}
MIRRORS = mirrors_of(SCHEMA)


def is_refused(arguments, headers):
    try:
        compare_params(MIRRORS, arguments, headers)
    except Refused as error:
        return error.code == "header_mismatch"
    return False


def test_annotated_properties_are_found_at_any_depth():
    assert set(MIRRORS) == {
        Mirror(("region",), "mcp-param-region"),
        Mirror(("page", "size"), "mcp-param-size"),
        Mirror(("dry",), "mcp-param-dry-run"),
    }


@pytest.mark.parametrize(
    "schema",
    [
        None,
        True,
        [],
        {},
        {"properties": []},
        {"properties": {"a": True}},
        {"x-mcp-header": "A", "type": "string"},
        {"properties": {"a": {"type": "string", "x-mcp-header": ""}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "A B"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "A\r\nB"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": 1}}},
        {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}},
        {"properties": {"a": {"type": ["string", "null"], "x-mcp-header": "A"}}},
        {"properties": {"a": {"x-mcp-header": "A"}}},
        {"properties": {"a": REGION, "b": {"type": "string", "x-mcp-header": "REGION"}}},
        {"properties": {"a": REGION}, "anyOf": [{"properties": {"b": {"type": "string", "x-mcp-header": "B"}}}]},
        {"properties": {"a": REGION, "l": {"type": "array", "items": {"type": "string", "x-mcp-header": "B"}}}},
        {"properties": {"a": REGION}, "$defs": {"d": {"type": "string", "x-mcp-header": "B"}}},
        {"properties": {"a": REGION}, "if": {"properties": {"b": {"type": "string", "x-mcp-header": "B"}}}},
    ],
)
def test_a_tool_with_an_annotation_that_clients_refuse_has_no_headers(schema):
    """Schema Extension: clients MUST exclude the invalid tool, so nobody sends its headers."""
    assert mirrors_of(schema) == ()


OTHER = {"type": "string", "x-mcp-header": "B"}


@pytest.mark.parametrize(
    "more",
    [
        *({key: OTHER} for key in (
            "items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames", "unevaluatedProperties",
            "not", "if", "then", "else", "contentSchema",
        )),
        *({key: [OTHER]} for key in ("allOf", "anyOf", "oneOf", "prefixItems")),
        *({key: {"x": OTHER}} for key in ("patternProperties", "dependentSchemas", "$defs", "definitions")),
    ],
    ids=str,
)  # fmt: skip
def test_an_annotation_that_is_not_reached_by_properties_alone_is_found_wherever_it_is(more):
    """JSON Schema 2020-12: where schemas stand in schemas."""
    assert mirrors_of({"properties": {"a": REGION}, **more}) == ()
    assert mirrors_of({"properties": {"a": {**REGION, **more}}}) == ()


@pytest.mark.parametrize("key", ["properties", "items", "allOf", "$defs", "not"])
@pytest.mark.parametrize("value", [None, 1, "x", True, [], {}, [1], {"x": 1}])
def test_a_schema_that_is_none_has_no_annotations(key, value):
    assert mirrors_of({key: value}) == ()


def test_data_in_a_schema_is_no_annotation():
    data = {"x-mcp-header": "B"}

    assert mirrors_of({"properties": {"a": {**REGION, "default": {"x": data}, "enum": [data], "const": data}}}) == (
        Mirror(("a",), "mcp-param-region"),
    )


names = st.sampled_from(["a", "b", "properties", "items"])
annotations = st.fixed_dictionaries(
    {},
    optional={
        "x-mcp-header": st.sampled_from(["A", "B", "a", "", "x y", 3]),
        "type": st.sampled_from(["string", "integer", "boolean", "number", ["string"]]),
    },
)
schemas = st.recursive(
    annotations | st.booleans(),
    lambda inner: st.builds(
        lambda own, parts: own | parts,
        annotations,
        st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(names, inner, max_size=3),
                "items": inner,
                "not": inner,
                "oneOf": st.lists(inner, max_size=2),
                "$defs": st.dictionaries(names, inner, max_size=2),
                "default": inner,
            },
        ),
    ),
    max_leaves=6,
)


@given(schemas)
def test_annotations_are_those_that_the_sdk_finds(schema):
    """mcp.shared.inbound.find_invalid_x_mcp_header, x_mcp_header_map."""
    found = {} if find_invalid_x_mcp_header(schema) else x_mcp_header_map(schema)

    assert {mirror.path: mirror.header for mirror in mirrors_of(schema)} == {
        path: f"mcp-param-{name.lower()}" for path, name in found.items()
    }


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({"region": "us"}, {"mcp-param-region": "us"}),
        ({"region": "größe"}, {"mcp-param-region": "=?base64?Z3LDtsOfZQ==?="}),
        ({"region": None}, {}),
        ({"page": {"size": 42}}, {"mcp-param-size": "42"}),
        ({"page": {"size": 42}}, {"mcp-param-size": "42.0"}),
        ({"page": {"size": 42.0}}, {"mcp-param-size": "42"}),
        ({"page": {"size": -7}}, {"mcp-param-size": "-7"}),
        ({"page": 5}, {}),
        ({"dry": False}, {"mcp-param-dry-run": "false"}),
        ({"query": "x"}, {"mcp-param-unknown": "anything"}),
        (None, {}),
    ],
)
def test_headers_that_repeat_the_arguments_pass(arguments, headers):
    compare_params(MIRRORS, arguments, headers)


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({"region": "us"}, {}),
        ({"region": "us"}, {"mcp-param-region": "eu"}),
        ({"region": "us"}, {"mcp-param-region": "US"}),
        ({"region": "us"}, {"mcp-param-region": "42"}),
        ({"region": "42"}, {"mcp-param-region": "us"}),
        ({"region": "us"}, {"mcp-param-region": "=?base64?!?="}),
        ({}, {"mcp-param-region": "us"}),
        ({"region": None}, {"mcp-param-region": "null"}),
        ({"region": ["us"]}, {"mcp-param-region": "us"}),
        ({"page": {"size": 42}}, {"mcp-param-size": "42.5"}),
        ({"page": {"size": 42}}, {"mcp-param-size": "4.2e1"}),
        ({"page": {"size": 9007199254740993}}, {"mcp-param-size": "9007199254740992"}),
        ({"dry": True}, {"mcp-param-dry-run": "True"}),
        ({"dry": 1}, {"mcp-param-dry-run": "true"}),
        (None, {"mcp-param-region": "us"}),
    ],
)
def test_headers_that_are_missing_or_too_many_or_contradict_are_refused(arguments, headers):
    """Server Behavior for Custom Headers: -32020."""
    assert is_refused(arguments, headers)


header_values = st.sampled_from(["us", "42", "42.0", "true", "=?base64?dXM=?=", "null", "-7"])
arguments = st.fixed_dictionaries(
    {},
    optional={
        "region": st.sampled_from(["us", "42", None]),
        "page": st.fixed_dictionaries({}, optional={"size": st.sampled_from([42, 42.0, -7, None])}),
        "dry": st.sampled_from([True, False, None]),
    },
)
sent = st.fixed_dictionaries(
    {}, optional={f"mcp-param-{name}": header_values for name in ("region", "size", "dry-run", "other")}
)


@given(arguments, sent)
def test_the_sdk_refuses_the_same_calls(arguments, headers):
    """mcp.shared.inbound.validate_mcp_param_headers, but for numbers in words that were declared as text."""
    if arguments.get("region") == "42" and headers.get("mcp-param-region") == "42.0":
        return
    assert is_refused(arguments, headers) == (validate_mcp_param_headers(SCHEMA, arguments, headers) is not None)


@given(st.fixed_dictionaries({}, optional={"region": texts, "page": values, "dry": st.booleans()}))
def test_the_headers_of_arguments_pass_and_are_those_of_the_sdk(arguments):
    headers = mirrored(MIRRORS, arguments)

    compare_params(MIRRORS, arguments, headers)
    assert headers == {
        name.lower(): value for name, value in mcp_param_headers(x_mcp_header_map(SCHEMA), arguments).items()
    }


def test_a_masked_argument_has_a_masked_header():
    """mcp "Duties": if a mask changes an argument that is also a header, the header changes too."""
    assert mirrored(MIRRORS, {"region": "[masked:places]"}) == {"mcp-param-region": "[masked:places]"}


def test_a_number_with_more_digits_than_a_double_is_compared_as_it_is_written():
    arguments = parse_json(b'{"page":{"size":9007199254740993.0}}')

    compare_params(MIRRORS, arguments, {"mcp-param-size": "9007199254740993"})
    assert is_refused(arguments, {"mcp-param-size": "9007199254740992"})


@given(values, st.dictionaries(st.sampled_from(["mcp-param-region", "mcp-param-size"]), texts))
def test_nothing_raises_anything_but_refused(arguments, headers):
    assert is_refused(arguments, headers) in (True, False)
    json.dumps(mirrored(MIRRORS, arguments))
