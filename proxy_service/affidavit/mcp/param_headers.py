"""Arguments that a tool's schema mirrors into HTTP headers, `Mcp-Param-…`.

Of a tool that nobody has listed nothing is known; its headers go on as they came.

Source: MCP 2026-07-28 "Streamable HTTP" (custom headers from tool parameters). Never does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from affidavit.errors import Refused
from affidavit.mcp.headers import decoded, encoded
from affidavit.mcp.strict_json import Unrounded

PREFIX = "mcp-param-"

_ANNOTATION = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_TYPES = frozenset({"integer", "string", "boolean"})
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?", re.ASCII)
# Where JSON Schema 2020-12 has schemas inside schemas, other than `properties`. Elsewhere (`default`, `enum`) is data.
_ONE = frozenset(
    {"additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAPS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties"})

_Position = tuple[tuple[str, ...] | None, dict[str, Any]]  # the way through `properties`; None off that way


@dataclass(frozen=True, slots=True)
class Mirror:
    """One argument that has a header.

    Attributes:
        path: Keys from the arguments to the value.
        header: In lower case.
    """

    path: tuple[str, ...]
    header: str


def mirrors_of(input_schema: Any) -> tuple[Mirror, ...]:
    """Return the arguments that have headers; none where an annotation is not as it must be.

    Clients leave a tool with such an annotation out, so nobody sends headers for it.
    """
    mirrors: dict[str, Mirror] = {}
    for path, schema in _positions(input_schema):
        if _ANNOTATION in schema:
            name = schema[_ANNOTATION]
            kind = schema.get("type")
            if not path or type(kind) is not str or kind not in _TYPES:
                return ()
            if type(name) is not str or not _TOKEN.fullmatch(name) or name.lower() in mirrors:
                return ()
            mirrors[name.lower()] = Mirror(path, PREFIX + name.lower())
    return tuple(mirrors.values())


def compare_params(mirrors: tuple[Mirror, ...], arguments: Any, headers: Mapping[str, str]) -> None:
    """Check the headers of a `tools/call` against its arguments.

    Args:
        mirrors: Of the tool.
        arguments: As parsed.
        headers: Names in lower case.

    Raises:
        Refused: One is missing, too many, or says something else (`header_mismatch`).
    """
    for mirror in mirrors:
        value, said = _text(_at(arguments, mirror.path)), headers.get(mirror.header)
        if (value is None) != (said is None):
            what = "is missing" if said is None else "has no argument"
            raise Refused(f"The header {mirror.header} {what}.", code="header_mismatch")
        if value is not None and not _equal(decoded(said), value):
            raise Refused(f"The header {mirror.header} contradicts the body.", code="header_mismatch")


def mirrored(mirrors: tuple[Mirror, ...], arguments: Any) -> dict[str, str]:
    """Return the headers that arguments have, for a request whose arguments were changed on the way."""
    texts = ((mirror.header, _text(_at(arguments, mirror.path))) for mirror in mirrors)
    return {header: encoded(text) for header, text in texts if text is not None}


def _positions(root: Any) -> Iterator[_Position]:
    stack: list[tuple[tuple[str, ...] | None, Any]] = [((), root)]
    while stack:
        path, schema = stack.pop()
        if type(schema) is dict:
            yield path, schema
            stack.extend(_inside(path, schema))


def _inside(path: tuple[str, ...] | None, schema: dict[str, Any]) -> Iterator[tuple[tuple[str, ...] | None, Any]]:
    for key, value in schema.items():
        if key == "properties" and type(value) is dict:
            yield from (((*path, name) if path is not None else None, inner) for name, inner in value.items())
        elif key in _ONE:
            yield None, value
        elif key in _LISTS and type(value) is list:
            yield from ((None, inner) for inner in value)
        elif key in _MAPS and type(value) is dict:
            yield from ((None, inner) for inner in value.values())


def _at(arguments: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if type(arguments) is not dict:
            return None
        arguments = arguments.get(key)
    return arguments


def _text(value: Any) -> str | None:
    kind = type(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is Unrounded:
        return str(value.text)
    return str(value) if kind in (str, int, float) else None


def _equal(said: str | None, text: str) -> bool:
    if said is None or said == text:
        return said is not None
    # Numbers are compared as numbers: 42.0 is 42.
    return bool(_NUMBER.fullmatch(said) and _NUMBER.fullmatch(text)) and Decimal(said) == Decimal(text)
