"""What a client is told when its call does not end as it hoped: the one place where errors become HTTP and JSON-RPC.

A stable code, a sentence that a person can act on, and where to find it in the evidence; never an exception's own text.

Source: mcp "Duties" (error codes, denials); JSON-RPC 2.0 section 5.1; RFC 6750 section 3.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from affidavit.errors import Malformed, Refused, Unauthenticated
from affidavit.evidence.writer import Receipt
from affidavit.gateway.call import Call, Withheld
from affidavit.gateway.forward import UpstreamFailed
from affidavit.mcp.eras import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    UNSUPPORTED_VERSION,
    Era,
    era_said,
    own_error,
    unsupported,
)
from affidavit.mcp.jsonrpc import Id, MalformedMessage, Message, error_response, tool_error

Headers = list[tuple[bytes, bytes]]

JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
RETRY_AFTER = b"2"  # seconds; an outage shorter than the recorder's deadline is over by then


@dataclass(slots=True)
class Reply:
    """What goes back to the client: a whole body, or chunks as they may leave the house.

    Attributes:
        leave: Called when the client has all of it, or has gone; a stream that was not read to its end is ended there.
    """

    status: int
    headers: Headers
    body: bytes | AsyncIterator[bytes]
    leave: Callable[[], None] | None = None


# Ours are outside -32768 to -32000, which belong to JSON-RPC and MCP.
DENIED = -31001
UNAVAILABLE = -31002
OUTCOME_UNKNOWN = -31003
UPSTREAM = -31004
WITHHELD = -31005
UNAUTHENTICATED = -31006
NOT_FOUND = -31007
FORBIDDEN = -31008

_PARSE_ERROR, _INVALID_REQUEST, _INVALID_PARAMS = -32700, -32600, -32602  # JSON-RPC 2.0 section 5.1
_DECIDED = frozenset({"denied", "approval_needed", "over_budget", "definition_changed", "bad_definition"})
_SCOPE = re.compile(r"[!#-\[\]-~]+")  # RFC 6749 section 3.3
_CUT = "This credential, or whoever it stands for, was locked out while the call was under way."

# code → (HTTP status, JSON-RPC code); what is not listed is a request that is invalid
STATUS: Mapping[str, tuple[int, int]] = {
    "not_utf8": (400, _PARSE_ERROR),
    "not_json": (400, _PARSE_ERROR),
    "bad_number": (400, _PARSE_ERROR),
    "duplicate_key": (400, _PARSE_ERROR),
    "too_deep": (400, _PARSE_ERROR),
    "bad_target": (400, _INVALID_PARAMS),
    "too_large": (413, _INVALID_REQUEST),
    "header_mismatch": (400, HEADER_MISMATCH),
    "bad_header": (400, HEADER_MISMATCH),
    "unsupported_version": (400, UNSUPPORTED_VERSION),
    "missing_version": (400, INVALID_PARAMS),
    "not_acceptable": (406, _INVALID_REQUEST),
    "unsupported_media_type": (415, _INVALID_REQUEST),
    "unknown_upstream": (404, NOT_FOUND),
    "unknown_session": (404, NOT_FOUND),
    "method_not_allowed": (405, _INVALID_REQUEST),
    "forbidden_origin": (403, FORBIDDEN),
    "forbidden_host": (403, FORBIDDEN),
    "revoked": (403, FORBIDDEN),
    "revocation_unknown": (503, UNAVAILABLE),
    "overloaded": (503, UNAVAILABLE),
    "masking_failed": (403, FORBIDDEN),
    "no_upstream_credential": (503, UNAVAILABLE),
}


def refused(call: Call, error: Malformed | Refused, receipt: Receipt | None) -> Reply:
    """Answer a call that ended before anything was forwarded.

    What the policy denied of a tool is a tool's result, so that a model can react; all else is an error.
    """
    seconds = error.retry_after_s if isinstance(error, Refused) else None
    reply = _refused(call, error, receipt, {} if seconds is None else {"retry_after_s": seconds})
    if seconds is not None:
        reply.headers.append((b"retry-after", str(seconds).encode()))
    return reply


def unauthenticated(call: Call, error: Unauthenticated, metadata_url: str, receipt: Receipt | None) -> Reply:
    """Answer a request whose credential is missing or was refused (RFC 6750 section 3, RFC 9728 section 5.1)."""
    reply = _error(call, receipt, 401, UNAUTHENTICATED, code=error.code, message=_sentence(f"{error}."))
    challenge = f'Bearer resource_metadata="{metadata_url}"'
    if error.code != "missing_token":
        challenge += f', error="invalid_token", error_description="{error.code}"'
    reply.headers.append((b"www-authenticate", challenge.encode("ascii")))
    return reply


def insufficient_scope(call: Call, error: Malformed | Refused, metadata_url: str, receipt: Receipt) -> Reply:
    """Answer a token that is good for less than what was asked, so that its client can ask for more (RFC 6750, 3.1)."""
    decision = call.permit.decision if call.permit is not None else None
    scopes = decision.missing_scopes if decision is not None else ()
    more: dict[str, Any] = {"rule": decision.rule if decision is not None else None, "scopes": list(scopes)}
    reply = _error(call, receipt, 403, FORBIDDEN, code=error.code, message=str(error), **more)
    said = " ".join(scope for scope in scopes if _SCOPE.fullmatch(scope))
    challenge = f'Bearer error="insufficient_scope", scope="{said}", resource_metadata="{metadata_url}"'
    reply.headers.append((b"www-authenticate", challenge.encode("ascii")))
    return reply


def unavailable(call: Call) -> Reply:
    """Answer a call that was not forwarded because no record of it could be made."""
    message = "The evidence store does not take records now, so nothing was done. Try again in a few seconds."
    reply = _error(call, None, 503, UNAVAILABLE, code="unavailable", message=message, retry=True)
    reply.headers.append((b"retry-after", RETRY_AFTER))
    return reply


def outcome_unknown(call: Call) -> Reply:
    """Answer a call that was forwarded and whose answer is withheld; HTTP 200, so that nothing replays it."""
    message = "The action was sent; its outcome is not recorded yet, so the answer is withheld. Do not send it again."
    return _error(call, None, 200, OUTCOME_UNKNOWN, code="outcome_unknown", message=message, retry=False)


def cut(call: Call) -> Reply:
    """Answer a call that was cut because whoever asked was locked out meanwhile; after sending, nothing replays it."""
    if not call.sent:
        return _error(call, None, 403, FORBIDDEN, code="revoked", message=f"{_CUT} Nothing was sent.", retry=False)
    message = f"{_CUT} What was sent may have been done; its outcome is not told."
    return _error(call, None, 200, FORBIDDEN, code="revoked", message=message, retry=False)


def upstream_failed(call: Call, error: UpstreamFailed, receipt: Receipt) -> Reply:
    """Answer a call to which the upstream gave no usable answer; HTTP 200, so that nothing replays it."""
    sure = "Nothing ran." if error.outcome == "unreachable" else "Whether the action ran is not known."
    text = _sentence(f"{error}. {sure}")
    return _error(call, receipt, 200, UPSTREAM, code=f"upstream_{error.outcome}", message=text, outcome=error.outcome)


def withheld(call: Call, why: Withheld, receipt: Receipt) -> Reply:
    """Answer a call whose answer does not leave."""
    return _error(call, receipt, 200, WITHHELD, code=why.code, message=why.message, **why.more)


def withheld_event(call: Call, answer: Message, why: Withheld, receipt: Receipt) -> bytes:
    """Return the event that stands in the place of such an answer; a stream may bring those of other calls."""
    data = {"code": why.code, "call": call.id, **why.more, "record": receipt.id}
    return b"data: " + error_response(answer.id, WITHHELD, why.message, data) + b"\n\n"


def as_event(reply: Reply) -> bytes:
    """Return a whole reply's body as the last event of a stream."""
    assert isinstance(reply.body, bytes)  # noqa: S101 problems are never streams
    return b"data: " + reply.body + b"\n\n"


def broken(incident: str) -> Reply:
    """Answer when the gateway itself failed; the incident's number finds the diagnostics."""
    message = f"The gateway failed; nothing more is known. Incident {incident}."
    return Reply(500, [JSON], error_response(None, -32603, message, {"code": "internal_error", "incident": incident}))


def _refused(call: Call, error: Malformed | Refused, receipt: Receipt | None, more: Mapping[str, Any]) -> Reply:
    denied = call.permit is not None and error.code in _DECIDED
    if not denied:
        return _malformed(call, error, receipt)
    rule = call.permit.decision.rule if call.permit is not None and call.permit.decision is not None else None
    text = f"{error} (rule: {rule or 'none allows it'}; record: {receipt.id if receipt else 'none'})"
    # A notification has no response; what is not accepted gets an HTTP error (MCP 2025-11-25 "Sending Messages").
    if call.message is not None and call.message.kind != "request":
        return _error(call, receipt, 429 if more else 403, DENIED, code=error.code, message=text, rule=rule, **more)
    if call.method != "tools/call" or call.message is None or receipt is None:
        return _error(call, receipt, 429 if more else 200, DENIED, code=error.code, message=text, rule=rule, **more)
    meta: dict[str, Any] = {
        "affidavit/record": {"id": receipt.id, "sha256": receipt.sha256},
        "affidavit/code": error.code,
    }
    meta.update({f"affidavit/{name}": value for name, value in more.items()})
    body = tool_error(call.message.id, text, meta, modern=call.era is Era.MODERN)
    return Reply(200, [JSON, _record(receipt)], body)


def _malformed(call: Call, error: Malformed | Refused, receipt: Receipt | None) -> Reply:
    status, rpc = STATUS.get(error.code, (400, _INVALID_REQUEST))
    more: dict[str, Any] = {}
    if error.code == "unsupported_version":  # what a client needs to go on (`UnsupportedProtocolVersionError`)
        more = unsupported(call.message, call.inbound.unverified.get("mcp-protocol-version"))
    if isinstance(error, MalformedMessage):
        more["answers"] = error.message_id
    era = era_said(call.era, call.inbound.unverified.get("mcp-protocol-version"))
    reply = _error(call, receipt, status, own_error(era, status, rpc), code=error.code, message=str(error), **more)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        reply.headers.append((b"retry-after", RETRY_AFTER))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:  # RFC 9110 section 15.5.6
        reply.headers.append((b"allow", b"POST" if call.era is Era.MODERN else b"POST, GET, DELETE"))
    return reply


def _error(
    call: Call,
    receipt: Receipt | None,
    status: int,
    rpc: int,
    *,
    code: str,
    message: str,
    answers: Id = None,
    **data: Any,
) -> Reply:
    """Return a JSON-RPC error with our code, the call and its record; `answers` is the id where there is no message."""
    more: dict[str, Any] = {"code": code, "call": call.id, **data}
    headers = [JSON]
    if receipt is not None:
        more["record"] = receipt.id
        headers.append(_record(receipt))
    return Reply(status, headers, error_response(call.message.id if call.message else answers, rpc, message, more))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _record(receipt: Receipt) -> tuple[bytes, bytes]:
    return (b"affidavit-record", receipt.id.encode())
