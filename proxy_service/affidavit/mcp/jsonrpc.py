"""JSON-RPC messages, parsed once, strictly, and printed.

Source: JSON-RPC 2.0; MCP 2026-07-28 "Base protocol". Never does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from affidavit.errors import Malformed
from affidavit.mcp.strict_json import parse_json, print_json

Id = str | int | None
Kind = Literal["request", "notification", "response"]

RECORD_KEY = "affidavit/record"

_MEMBERS = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
# What a decision or a record looks at.
_READ = frozenset(
    {"_meta", "name", "arguments", "uri", "ref", "taskId", "requestState", "inputResponses", "protocolVersion"}
)
_READ_FOLDED = frozenset(key.casefold() for key in _READ)
# Records call what has no method of its own so (evidence-format section 5, `call`).
_METHODS_OF_RECORDS = frozenset({"stream", "delete", "response"})
_NOTIFICATIONS = "notifications/"


class MalformedMessage(Malformed):
    """JSON that is no message.

    Attributes:
        message_id: Of the message, for the answer; None where it has none that can be.
    """

    def __init__(self, message: str, *, code: str, message_id: Id) -> None:
        super().__init__(message, code=code)
        self.message_id = message_id


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `value` is the whole parsed object, which nobody changes."""

    kind: Kind
    id: Id
    method: str | None
    params: Mapping[str, Any] | None
    value: dict[str, Any]

    @property
    def result(self) -> dict[str, Any] | None:
        """The result of a response, if it is an object."""
        result = self.value.get("result")
        return result if type(result) is dict else None

    @property
    def error(self) -> dict[str, Any] | None:
        """The error of a response."""
        return self.value.get("error")


def parse_message(body: bytes) -> Message:
    """Read one message.

    Raises:
        Malformed: As `strict_json.parse_json` says, or with the code `batch`, `not_an_object`, `bad_jsonrpc`,
            `ambiguous_key` or `reserved_method`.
    """
    value = parse_json(body)
    if type(value) is list:
        raise Malformed("A batch is not taken: send one message a request.", code="batch")
    if type(value) is not dict:
        raise Malformed("A message is a JSON object.", code="not_an_object")
    if not value.keys() <= _MEMBERS:
        _check_spelling(value, _MEMBERS, value)
    if value.get("jsonrpc") != "2.0":
        raise _bad(value, 'A message says "jsonrpc": "2.0".')
    return _called(value) if "method" in value else _response(value)


def print_message(value: Any) -> bytes:
    """Return the compact print of a parsed value, its numbers as exact as they were."""
    return print_json(value)


def result_response(message_id: Id, result: Mapping[str, Any]) -> bytes:
    """Return a response with a result."""
    return print_json({"jsonrpc": "2.0", "id": message_id, "result": result})


def error_response(message_id: Id, code: int, text: str, data: Mapping[str, Any] | None = None) -> bytes:
    """Return an error response; an id of None says that the request's own could not be read."""
    error: dict[str, Any] = {"code": code, "message": text}
    if data is not None:
        error["data"] = data
    return print_json({"jsonrpc": "2.0", "id": message_id, "error": error})


def tool_error(message_id: Id, text: str, meta: Mapping[str, Any], *, modern: bool) -> bytes:
    """Return a tool's result that says an error, so that a model can react to it."""
    result: dict[str, Any] = {"_meta": meta, "content": [{"type": "text", "text": text}], "isError": True}
    if modern:
        result["resultType"] = "complete"
    return result_response(message_id, result)


def stamped(value: dict[str, Any], record: str, sha256: str) -> bytes:
    """Return the print of a response whose result names the record that vouches for it; others print as they are.

    An empty result stays empty, because MCP promises that of `ping` and its like; the HTTP header names the record.
    """
    result = value.get("result")
    if type(result) is dict and result:
        meta = result.get("_meta")
        known = meta if type(meta) is dict else {}
        stamp = {**known, RECORD_KEY: {"id": record, "sha256": sha256}}
        value = {**value, "result": {**result, "_meta": stamp}}
    return print_json(value)


def _called(value: dict[str, Any]) -> Message:
    method, params = value["method"], value.get("params")
    if type(method) is not str or "result" in value or "error" in value:
        raise _bad(value, "A request has a method that is a string, and no result.")
    if type(params) is dict:
        if not params.keys() <= _READ:
            _check_spelling(params, _READ_FOLDED, value)
    elif "params" in value:
        raise _bad(value, "The member params is an object.")
    if method in _METHODS_OF_RECORDS:
        raise MalformedMessage("That method is none of MCP's.", code="reserved_method", message_id=_id(value))
    if "id" not in value:
        return Message("notification", None, method, params, value)
    if type(value["id"]) not in (str, int):
        raise _bad(value, "The id of a request is a string or an integer.")
    if method.startswith(_NOTIFICATIONS):
        raise _bad(value, "A notification has no id.")
    return Message("request", value["id"], method, params, value)


def _response(value: dict[str, Any]) -> Message:
    message_id = value.get("id")
    if "params" in value or ("result" in value) == ("error" in value):
        raise _bad(value, "A message has a method, a result or an error.")
    if "error" in value and type(value["error"]) is not dict:
        raise _bad(value, "An error is an object.")
    # An error may answer a message whose id could not be read.
    if type(message_id) not in (str, int) and (message_id is not None or "result" in value):
        raise _bad(value, "The id of a response is a string or an integer.")
    return Message("response", message_id, None, None, value)


def _check_spelling(members: dict[str, Any], known: frozenset[str], value: dict[str, Any]) -> None:
    """Refuse a member that a reader without regard for case would take for one that is read here.

    Go's `encoding/json` is such a reader: to it `Method` is `method`, and the last one counts.
    """
    for key in members:
        if key not in _MEMBERS_AND_READ and key.casefold() in known:
            text = f"The member {key.casefold()} is spelled otherwise, which some readers do not see."
            raise MalformedMessage(text, code="ambiguous_key", message_id=_id(value))


_MEMBERS_AND_READ = _MEMBERS | _READ


def _bad(value: dict[str, Any], text: str) -> MalformedMessage:
    return MalformedMessage(text, code="bad_jsonrpc", message_id=_id(value))


def _id(value: dict[str, Any]) -> Id:
    message_id = value.get("id")
    return message_id if type(message_id) in (str, int) else None
