"""affidavit.mcp.definitions: evidence-format section 5, `tool:defined`; MCP 2026-07-28 "Caching"."""

from __future__ import annotations

import copy
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import Malformed
from affidavit.mcp.definitions import definition_digest, filtered
from affidavit.mcp.strict_json import parse_json
from fakes.json_values import objects, values

TOOL = {"name": "sql.query", "description": "Runs SQL", "inputSchema": {"type": "object", "properties": {"sql": {}}}}
tools = st.lists(st.fixed_dictionaries({"name": st.sampled_from(["a", "b", "c", 1])}) | values, max_size=5)


def listing(names, **more):
    return {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": name} for name in names], **more}}


def names_of(value):
    return [tool["name"] for tool in value["result"]["tools"]]


def test_a_definition_is_the_hash_of_its_canonical_form():
    form, digest = definition_digest(TOOL)

    assert form == (
        b'{"description":"Runs SQL","inputSchema":{"properties":{"sql":{}},"type":"object"},"name":"sql.query"}'
    )
    assert digest == hashlib.sha256(form).hexdigest()


@pytest.mark.parametrize("key", ["description", "inputSchema", "outputSchema", "annotations"])
def test_each_part_that_somebody_agreed_to_changes_the_digest(key):
    """mcp "Duties": the rug pull."""
    assert definition_digest({**TOOL, key: {"changed": 1}})[1] != definition_digest(TOOL)[1]
    assert definition_digest({**TOOL, key: None})[1] != definition_digest({k: TOOL[k] for k in TOOL if k != key})[1]


@pytest.mark.parametrize("more", [{"title": "SQL"}, {"icons": []}, {"_meta": {"x": 1}}, {"execution": {}}])
def test_what_is_no_part_of_the_definition_does_not_change_it(more):
    assert definition_digest({**TOOL, **more}) == definition_digest(TOOL)


def test_the_order_of_keys_does_not_change_it():
    assert definition_digest(dict(reversed(TOOL.items()))) == definition_digest(TOOL)


def test_a_bound_that_no_double_carries_does_not_hide_a_change():
    """Schemas of Go and Rust servers have 2^63-1 and 2^64-1 in them; an upstream must not get out of its digest so."""
    tool = parse_json(
        b'{"name":"x","inputSchema":{"maximum":18446744073709551615,"multipleOf":0.10000000000000000000001}}'
    )

    assert definition_digest(tool)[0] == b'{"inputSchema":{"maximum":18446744073709552000,"multipleOf":0.1},"name":"x"}'


@given(objects)
def test_every_tool_with_a_name_has_a_digest(parts):
    assert len(definition_digest({**parts, "name": "x"})[1]) == 64


@pytest.mark.parametrize("tool", [None, 1, "x", [], {}, {"name": None}, {"name": 1}])
def test_what_has_no_name_is_no_tool(tool):
    with pytest.raises(Malformed) as refused:
        definition_digest(tool)
    assert refused.value.code == "bad_definition"


def test_a_tool_that_is_not_kept_is_not_shown():
    value = listing(["a", "b", "c"], nextCursor="2")

    shown = filtered(value, lambda name: name != "b")

    assert names_of(shown) == ["a", "c"]
    assert shown["result"]["nextCursor"] == "2"
    assert (shown["jsonrpc"], shown["id"]) == ("2.0", 1)


@pytest.mark.parametrize("scope", ["public", "private", "else", None])
@pytest.mark.parametrize("kept", [["a"], []])
def test_a_listing_for_one_principal_is_private(scope, kept):
    """MCP 2026-07-28 "Choosing a Cache Scope": filtered list results that vary per user."""
    assert filtered(listing(["a"], cacheScope=scope), lambda name: name in kept)["result"]["cacheScope"] == "private"


def test_a_legacy_listing_gets_no_cache_scope():
    assert "cacheScope" not in filtered(listing(["a", "b"]), lambda name: name == "a")["result"]


@pytest.mark.parametrize("value", [listing(["a", "b"]), listing(["a"], cacheScope="private"), listing([])])
def test_a_listing_of_which_all_is_kept_is_the_same_object(value):
    """So that its exact bytes can go on."""
    assert filtered(value, bool) is value


@pytest.mark.parametrize(
    "value",
    [
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1}},
        {"jsonrpc": "2.0", "id": 1, "result": None},
        {"jsonrpc": "2.0", "id": 1, "result": {"tools": "none"}},
        {"jsonrpc": "2.0", "id": 1, "result": {"prompts": [{"name": "a"}], "cacheScope": "public"}},
    ],
)
def test_what_is_no_listing_of_tools_is_left_alone(value):
    assert filtered(value, set().__contains__) is value


@given(tools, st.sets(st.sampled_from(["a", "b"])), st.sampled_from([{}, {"cacheScope": "public"}]))
def test_nothing_is_shown_but_what_is_kept_and_the_listing_itself_is_not_changed(entries, kept, more):
    value = {"jsonrpc": "2.0", "id": 1, "result": {"tools": entries, **more}}
    before = copy.deepcopy(value)

    shown = filtered(value, kept.__contains__)["result"]["tools"]

    assert value == before
    assert shown == [entry for entry in entries if isinstance(entry, dict) and entry.get("name") in kept]
