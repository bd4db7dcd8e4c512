"""What a recorded message asks or answers, picked out for a reader; never judged, never needed for a decision.

Source: MCP 2025-11-25 and 2026-07-28, "Server features"; JSON-RPC 2.0 sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.audit.timeline.content import Content
from affidavit.audit.timeline.values import items, mapping, text
from affidavit.errors import Malformed
from affidavit.mcp.strict_json import parse_json, print_json

_ARGUMENTS = "arguments"
_NAMES = frozenset({"name", "uri"})  # the target, which stands elsewhere
_SHOWN = frozenset({"content", "contents", "messages", "structuredContent", "isError", "resultType", "_meta"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        failed: Whether the upstream says that it failed: a JSON-RPC error, or a tool's result that is one.
        parts: Texts, each to be read as it stands; JSON where there was no text.
    """

    failed: bool
    parts: tuple[str, ...]


def decoded(content: Content) -> Any:
    """Return the JSON value of a content that has all its bytes.

    Raises:
        Malformed: It is not JSON that everybody reads in the same way, or it is not here.
    """
    if content.data is None or not content.whole:
        raise Malformed("it is not all here", code="not_here")
    return parse_json(content.data)


def readable(content: Content) -> str:
    """Return a content as text: JSON with indents, other text as it stands, bytes that are no text as escapes."""
    try:
        return pretty(decoded(content))
    except Malformed:
        return (content.data or b"").decode(errors="backslashreplace")


def pretty(value: Any, margin: str = "") -> str:
    """Return JSON with indents, its numbers as they were written."""
    inner = margin + "  "
    if type(value) is dict and value:
        members = (f"{inner}{pretty(name)}: {pretty(member, inner)}" for name, member in value.items())
        return "{\n" + ",\n".join(members) + f"\n{margin}}}"
    if type(value) is list and value:
        return "[\n" + ",\n".join(inner + pretty(member, inner) for member in value) + f"\n{margin}]"
    return print_json(value).decode()


def arguments(content: Content) -> Mapping[str, Any] | None:
    """Return what a request asks with: a tool's arguments, or the parameters of another method; None if unreadable."""
    try:
        params = mapping(mapping(decoded(content)).get("params"))
    except Malformed:
        return None
    if _ARGUMENTS in params:
        return mapping(params[_ARGUMENTS])
    return {name: value for name, value in params.items() if name not in _NAMES and name != "_meta"}


def answer(content: Content) -> Answer:
    """Return what a recorded answer says."""
    try:
        message = mapping(decoded(content))
    except Malformed:
        return Answer(failed=False, parts=(readable(content),) if content.data else ())
    error = message.get("error")
    if error is not None:
        return Answer(failed=True, parts=(_error(mapping(error)),))
    if "result" not in message:
        return Answer(failed=False, parts=(pretty(message),) if message else ())
    result = mapping(message["result"])
    return Answer(failed=result.get("isError") is True, parts=tuple(_parts(result)))


def _error(error: Mapping[str, Any]) -> str:
    said = f"error {text(error.get('code'))}: {text(error.get('message'))}"
    return said if error.get("data") is None else f"{said}\n{pretty(error['data'])}"


def _parts(result: Mapping[str, Any]) -> Iterator[str]:
    blocks = items(result.get("content")) + items(result.get("contents")) + items(result.get("messages"))
    for block in blocks:
        yield _block(block)
    rest = {name: value for name, value in result.items() if name not in _SHOWN}
    if result.get("structuredContent") is not None and not blocks:
        rest["structuredContent"] = result["structuredContent"]
    if rest:
        yield pretty(rest)


def _block(block: Any) -> str:
    """Return one block of content: its text, or what it is in place of what cannot be read."""
    fields = mapping(block)
    if fields.get("role") is not None:
        return f"{text(fields['role'])}: {_block(fields.get('content'))}"
    for inner in (fields, mapping(fields.get("resource"))):
        if type(inner.get("text")) is str:
            return str(inner["text"])
    shown = {name: _shortened(name, value) for name, value in fields.items()} or block
    return pretty(shown)


def _shortened(name: str, value: Any) -> Any:
    carries_bytes = name in ("data", "blob") and type(value) is str
    return f"{len(value)} characters of base64" if carries_bytes else value
