"""JSON-RPC messages: parsed once, strictly, and printed.

What two readers could understand differently is refused: duplicate keys, lone surrogates, NaN, numbers without a value,
deep nesting. Numbers stay exact.

Source: JSON-RPC 2.0; RFC 8259; MCP 2026-07-28 "Base protocol". Never does I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from affidavit.errors import Malformed

MAX_DEPTH = 64

Id = str | int | float | None
Kind = Literal["request", "notification", "response"]


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


def parse_message(body: bytes) -> Message:
    """Read one message.

    Raises:
        Malformed: With the code `not_utf8`, `not_json`, `bad_number`, `duplicate_key`, `too_deep`, `batch`,
            `not_an_object` or `bad_jsonrpc`.
    """
    value = parse_json(body)
    if type(value) is list:
        raise Malformed("A batch is not taken: send one message a request.", code="batch")
    if type(value) is not dict:
        raise Malformed("A message is a JSON object.", code="not_an_object")
    return _message(value)


def parse_json(body: bytes) -> Any:
    """Read one JSON value, strictly, numbers exact; raises as `parse_message`."""
    try:
        # The strict one: UTF-8, no NaN, no lone surrogates, no control characters, no stack to overflow.
        value = orjson.loads(body)
        if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
            _check_depth(value)
        return _DECODER.decode(body.decode())
    except orjson.JSONDecodeError as error:
        raise _not_json(body, error) from error
    except ValueError as error:
        raise Malformed("A number in the body has no value that can be kept.", code="bad_number") from error


def print_message(value: Any) -> bytes:
    """Return the compact print of a parsed value, numbers exact."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def error_response(message_id: Id, code: int, text: str, data: Mapping[str, Any] | None = None) -> bytes:
    """Return an error response."""
    error: dict[str, Any] = {"code": code, "message": text}
    if data is not None:
        error["data"] = data
    return print_message({"jsonrpc": "2.0", "id": message_id, "error": error})


def tool_error(message_id: Id, text: str, meta: Mapping[str, Any], *, modern: bool) -> bytes:
    """Return a tool's result that says an error, so that a model can react to it."""
    result: dict[str, Any] = {"_meta": meta, "content": [{"type": "text", "text": text}], "isError": True}
    if modern:
        result["resultType"] = "complete"
    return print_message({"jsonrpc": "2.0", "id": message_id, "result": result})


def stamped(value: dict[str, Any], record: str, sha256: str) -> bytes:
    """Return the print of a response whose result names the record that vouches for it; others print as they are."""
    result = value.get("result")
    if type(result) is dict:
        meta = result.get("_meta")
        known = meta if type(meta) is dict else {}
        stamp = {**known, "affidavit/record": {"id": record, "sha256": sha256}}
        value = {**value, "result": {**result, "_meta": stamp}}
    return print_message(value)


def _message(value: dict[str, Any]) -> Message:
    if value.get("jsonrpc") != "2.0":
        raise Malformed('A message says "jsonrpc": "2.0".', code="bad_jsonrpc")
    method, message_id, params = value.get("method"), value.get("id"), value.get("params")
    if params is not None and type(params) is not dict:
        raise Malformed("The member params is an object.", code="bad_jsonrpc")
    if "method" in value:
        if type(method) is not str or "result" in value or "error" in value:
            raise Malformed("A request has a method that is a string, and no result.", code="bad_jsonrpc")
        if "id" not in value:
            return Message("notification", None, method, params, value)
        if type(message_id) not in (str, int):
            raise Malformed("The id of a request is a string or an integer.", code="bad_jsonrpc")
        return Message("request", message_id, method, params, value)
    if ("result" in value) == ("error" in value):
        raise Malformed("A message has a method, a result or an error.", code="bad_jsonrpc")
    if message_id is not None and type(message_id) not in (str, int):
        raise Malformed("The id of a response is a string or an integer.", code="bad_jsonrpc")
    return Message("response", message_id, None, None, value)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("A key stands twice in one object.", code="duplicate_key")
    return members


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number


def _constant(text: str) -> Any:
    raise ValueError(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_float, parse_constant=_constant)


def _check_depth(value: Any) -> None:
    level = [value] if type(value) in (dict, list) else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) in (dict, list)
        ]
        if not level:
            return
    raise Malformed(f"The body is nested more than {MAX_DEPTH} deep.", code="too_deep")


def _not_json(body: bytes, error: orjson.JSONDecodeError) -> Malformed:
    if "depth" in error.msg or "ecursion" in error.msg:
        return Malformed(f"The body is nested more than {MAX_DEPTH} deep.", code="too_deep")
    try:
        body.decode()
    except UnicodeDecodeError:
        return Malformed("The body is not UTF-8.", code="not_utf8")
    return Malformed("The body is not JSON.", code="not_json")
