"""What a message asks for: its target, its arguments as they are bound, what it asks of the other side.

Source: MCP 2025-11-25 and 2026-07-28, "Server features" and "Client features"; evidence-format section 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import rfc8785

from affidavit.mcp.jsonrpc import Message

MAX_EXACT = 2**53 - 1  # RFC 8785 section 3.2.2.3

_TARGETS = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "resources/subscribe": "uri",
    "resources/unsubscribe": "uri",
}
# These carry nothing that a rule could look at: whoever may use the upstream at all may send them.
_WITHOUT_TARGET = frozenset(
    {
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "logging/setLevel",
        "subscriptions/listen",
        "stream",
        "delete",
        "response",
    }
)
SERVER_REQUESTS = frozenset({"sampling/createMessage", "elicitation/create", "roots/list"})

_RESERVED = "io.modelcontextprotocol/"
_OF_THE_WIRE = frozenset({"progressToken", "traceparent", "tracestate", "baggage"})


def target_of(method: str, params: Mapping[str, Any] | None) -> str | None:
    """Return the tool, prompt or resource that a request names; None where it names none."""
    if not params:
        return None
    if method == "completion/complete":
        reference = params.get("ref")
        named = (reference.get("name") or reference.get("uri")) if type(reference) is dict else None
    else:
        named = params.get(_TARGETS.get(method, ""))
    return named if type(named) is str else None


def needs_target(method: str) -> bool:
    """Tell whether rules judge a request by what it names; an unknown method is judged so, too."""
    return method not in _WITHOUT_TARGET and not method.startswith("notifications/")


def bound_arguments(params: Mapping[str, Any] | None) -> bytes | None:
    """Return the RFC 8785 form that `arguments_hmac` is made of: equal for an identical retry.

    None where a number cannot be carried exactly.
    """
    return canonical(_bound(params or {}))


def canonical(value: Any) -> bytes | None:
    """Return the RFC 8785 form of a value; None where a number cannot be carried exactly."""
    if _is_plain(value):
        printed = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        # Sorting by UTF-16 units, as RFC 8785 has it, and by code points differ beyond ASCII only.
        if printed.isascii():
            return printed
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        return None


def server_requests(message: Message) -> Iterator[str]:
    """Yield what a message from an upstream asks of the client: a request of its own, or input that it requires."""
    if message.kind == "request":
        yield message.method or ""
    result = message.result
    if result is not None and result.get("resultType") == "input_required":
        asked = result.get("inputRequests")
        for entry in asked.values() if type(asked) is dict else ():
            yield str(entry.get("method")) if type(entry) is dict else ""


def _bound(params: Mapping[str, Any]) -> dict[str, Any]:
    meta = params.get("_meta")
    if type(meta) is not dict:
        return dict(params)
    kept = {key: value for key, value in meta.items() if not (key.startswith(_RESERVED) or key in _OF_THE_WIRE)}
    rest = {key: value for key, value in params.items() if key != "_meta"}
    return {**rest, "_meta": kept} if kept else rest


def _is_plain(value: Any) -> bool:
    """Tell whether a value holds no float and no integer that a double could not carry."""
    kind = type(value)
    if kind is dict:
        return all(map(_is_plain, value.values()))
    if kind is list:
        return all(map(_is_plain, value))
    if kind is int:
        return bool(-MAX_EXACT <= value <= MAX_EXACT)
    return kind is not float
