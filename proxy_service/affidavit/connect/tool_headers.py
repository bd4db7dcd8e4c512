"""Arguments that a tool wants mirrored into headers (`x-mcp-header`): learnt from listings, added to calls.

Source: MCP 2026-07-28 "Streamable HTTP", "Custom Headers from Tool Parameters". Never does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from affidavit.connect.outgoing import CALL_TOOL, Outgoing
from affidavit.mcp.headers import encoded
from affidavit.mcp.jsonrpc import Message

MAX_TOOLS = 10_000  # remembered
MAX_DEPTH = 32  # of properties in properties

_KEY = "x-mcp-header"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NAMES = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA = frozenset({"default", "const", "enum", "examples", _KEY})  # values, not schemas
_TYPES = frozenset({"string", "integer", "boolean"})
_SAFE_INTEGERS = range(-(2**53) + 1, 2**53)

Path = tuple[str, ...]


class ToolHeaders:
    """What is known of tools."""

    def __init__(self) -> None:
        self._known: dict[str, dict[Path, str]] = {}

    def learn(self, listing: Message) -> None:
        """Take the answer to a `tools/list`."""
        tools = (listing.result or {}).get("tools")
        for tool in tools if type(tools) is list else ():
            name = tool.get("name") if type(tool) is dict else None
            if type(name) is str and (name in self._known or len(self._known) < MAX_TOOLS):
                self._known[name] = dict(_annotated(tool.get("inputSchema"), ()))

    def of(self, outgoing: Outgoing) -> dict[str, str]:
        """Return the headers that a modern call mirrors."""
        params = outgoing.message.params or {}
        if outgoing.version is None or outgoing.message.method != CALL_TOOL:
            return {}
        name = params.get("name")
        known = self._known.get(name, {}) if type(name) is str else {}
        values = ((header, _text(_at(params.get("arguments"), path))) for path, header in known.items())
        return {f"Mcp-Param-{header}": encoded(text) for header, text in values if text is not None}


def unsound(tool: Any) -> bool:
    """Tell whether a tool is annotated in a way that no client may follow, and so may not be shown."""
    schema = tool.get("inputSchema") if type(tool) is dict else None
    names = [header.lower() for _, header in _annotated(schema, ())]
    return len(names) != len(set(names)) or len(names) != _annotations(schema, is_schema=True, depth=0)


def _annotations(value: Any, *, is_schema: bool, depth: int) -> int:
    """Count annotations wherever they stand; under `properties` the key is a property's name."""
    if depth > MAX_DEPTH or type(value) not in (dict, list):
        return 0
    if type(value) is list:
        return sum(_annotations(one, is_schema=True, depth=depth + 1) for one in value)
    inside = (
        _annotations(one, is_schema=not (is_schema and name in _NAMES), depth=depth + 1)
        for name, one in value.items()
        if not (is_schema and name in _DATA)
    )
    return sum(inside) + (is_schema and _KEY in value)


def _annotated(schema: Any, path: Path) -> Iterator[tuple[Path, str]]:
    properties = schema.get("properties") if type(schema) is dict else None
    if type(properties) is not dict or len(path) >= MAX_DEPTH:
        return
    for name, inner in properties.items():
        header = inner.get(_KEY) if type(inner) is dict else None
        if type(header) is str and _NAME.fullmatch(header) and inner.get("type") in _TYPES:
            yield (*path, name), header
        yield from _annotated(inner, (*path, name))


def _at(value: Any, path: Path) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str | None:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value) if value in _SAFE_INTEGERS else None
    return value if type(value) is str else None
