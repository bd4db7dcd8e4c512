"""What a message asks for: its target, its arguments as they are bound, what it asks of the other side.

Source: MCP 2025-11-25 and 2026-07-28, "Server features" and "Client features"; SEP-2663 "Tasks Extension";
evidence-format section 5. Never does I/O.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from affidavit.mcp.jcs import canonical
from affidavit.mcp.jsonrpc import Message

ELICITATION = "elicitation/create"
URL_ELICITATION_REQUIRED = -32042  # MCP 2025-11-25: an error that asks the client to send a person somewhere
# What a retry adds to its request (MCP 2026-07-28 "Multi Round-Trip Requests").
RETRY_MEMBERS = frozenset({"requestState", "inputResponses"})

_TARGETS = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "resources/subscribe": "uri",
    "resources/unsubscribe": "uri",
    "tasks/get": "taskId",
    "tasks/result": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
# A request of these without a name, or with one that is no text, is none: another reader might see a name in it.
NAMED = frozenset({"tools/call", "prompts/get", "resources/read"})
_REFERENCES = {"ref/prompt": "name", "ref/resource": "uri"}
# These carry nothing that a rule could look at: whoever may use the upstream at all may send them. The last three are
# what records call a GET, a DELETE and an answer of the client; no message has them as its method.
_WITHOUT_TARGET = frozenset(
    {
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "tasks/list",
        "logging/setLevel",
        "subscriptions/listen",
        "stream",
        "delete",
        "response",
    }
)
# Every request and notification that a client of some revision sends.
KNOWN_METHODS = (
    frozenset(_TARGETS)
    | (_WITHOUT_TARGET - {"stream", "delete", "response"})
    | {
        "completion/complete",
        "notifications/cancelled",
        "notifications/initialized",
        "notifications/progress",
        "notifications/roots/list_changed",
        "notifications/tasks/status",
    }
)

_RESERVED = "io.modelcontextprotocol/"
_OF_THE_WIRE = frozenset({"progressToken", "traceparent", "tracestate", "baggage"})


def target_of(method: str, params: Mapping[str, Any] | None) -> str | None:
    """Return the tool, prompt, resource or task that a message names; None where it names none."""
    if not params:
        return None
    if method == "completion/complete":
        reference = params.get("ref")
        named = _referred(reference) if type(reference) is dict else None
    else:
        named = params.get(_TARGETS.get(method, ""))
    return named if type(named) is str else None


def needs_target(method: str) -> bool:
    """Tell whether rules judge a message by what it names; one with an unknown method is judged so, too."""
    return method not in _WITHOUT_TARGET and not method.startswith("notifications/")


def bound_arguments(params: Mapping[str, Any] | None, *, without: Collection[str] = ()) -> bytes | None:
    """Return the RFC 8785 form that `arguments_hmac` is made of: equal for an identical retry.

    Args:
        params: As parsed; what names the wire and not the action is left out.
        without: Members that are left out, too: `RETRY_MEMBERS`, if the gateway itself asked for them.

    Returns:
        None where a number cannot be carried exactly.
    """
    return canonical(_bound(params or {}, without))


def server_requests(message: Message) -> Iterator[str]:
    """Yield the methods that a message from an upstream asks of the client.

    A request of its own (legacy); input that a result or a task requires (modern); a page to visit (an error of
    2025-11-25). What asks in a shape that nobody knows yields an empty method.
    """
    if message.kind == "request":
        yield message.method or ""
    elif message.kind == "notification":
        yield from _required((message.params or {}).get("inputRequests"))
    elif message.error is not None:
        if message.error.get("code") == URL_ELICITATION_REQUIRED:
            yield ELICITATION
    elif message.result is not None:
        yield from _required(message.result.get("inputRequests"))


def _referred(reference: Mapping[str, Any]) -> object:
    kind = reference.get("type")
    return reference.get(_REFERENCES.get(kind, "")) if type(kind) is str else None


def _required(asked: Any) -> Iterator[str]:
    if asked is None:
        return
    entries = asked.values() if type(asked) is dict else asked if type(asked) is list else (asked,)
    for entry in entries:
        method = entry.get("method") if type(entry) is dict else None
        yield method if type(method) is str else ""


def _bound(params: Mapping[str, Any], without: Collection[str]) -> dict[str, Any]:
    bound = {key: value for key, value in params.items() if key not in without}
    meta = bound.get("_meta")
    if type(meta) is dict:
        bound["_meta"] = kept = {key: meta[key] for key in meta if not _is_of_the_wire(key)}
        if not kept:
            del bound["_meta"]
    return bound


def _is_of_the_wire(key: str) -> bool:
    return key in _OF_THE_WIRE or key.startswith(_RESERVED)
