"""HTTP headers: what is compared with the body, what goes on in each direction, what stays here.

A decision is never made on a header; a header that contradicts the body is refused, because somebody behind us might
believe it.

Source: MCP 2026-07-28 "Transports" (standard headers, custom headers); RFC 9110 sections 5.5 and 7.6.1.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping

from affidavit.errors import Refused
from affidavit.mcp.calls import target_of
from affidavit.mcp.eras import VERSION_KEY
from affidavit.mcp.jsonrpc import Message

RawHeaders = Iterable[tuple[bytes, bytes]]

SESSION = "mcp-session-id"
_UPSTREAM = frozenset({"accept", "content-type", "mcp-protocol-version", "last-event-id", "traceparent", "tracestate"})
_DOWNSTREAM = frozenset({"content-type", "cache-control", "retry-after", "allow", "mcp-protocol-version"})
_NAMED = frozenset({"tools/call", "prompts/get", "resources/read"})
_ENCODED = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def to_upstream(headers: RawHeaders) -> dict[str, str]:
    """Return the client's headers that go on; all others are this connection's or this gateway's business.

    Raises:
        Refused: One that may stand once stands twice, or holds a control character (`bad_header`).
    """
    kept: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        if name == SESSION or not (name in _UPSTREAM or name.startswith("mcp-")):
            continue
        if not _VALUE.fullmatch(raw_value):
            raise Refused(f"The header {name} holds a control character.", code="bad_header")
        value = raw_value.decode("latin-1").strip(" \t")
        if name in kept and name != "accept":
            raise Refused(f"The header {name} stands twice.", code="bad_header")
        kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return kept


def to_client(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """Return the upstream's headers that go on."""
    return [
        (name.lower(), value)
        for name, value in headers
        if (text := name.decode("latin-1").lower()) != SESSION and (text in _DOWNSTREAM or text.startswith("mcp-"))
    ]


def compare_with_body(message: Message, headers: Mapping[str, str]) -> None:
    """Check the standard headers of a modern request against its body.

    Args:
        message: A modern request.
        headers: Names in lower case.

    Raises:
        Refused: One is missing or says something else (`header_mismatch`).
    """
    meta = (message.params or {}).get("_meta") or {}
    _same("MCP-Protocol-Version", headers.get("mcp-protocol-version"), meta.get(VERSION_KEY))
    _same("Mcp-Method", headers.get("mcp-method"), message.method)
    if message.method in _NAMED:
        named = target_of(message.method or "", message.params)
        if named is not None:
            _same("Mcp-Name", decoded(headers.get("mcp-name")), named)


def decoded(value: str | None) -> str | None:
    """Return what a header value means: `=?base64?…?=` is decoded; None where that does not work."""
    found = None if value is None else _ENCODED.fullmatch(value)
    if found is None:
        return value
    try:
        raw = base64.b64decode(found[1], validate=True)
        return raw.decode() if base64.b64encode(raw).decode() == found[1] else None
    except (binascii.Error, ValueError):
        return None


def _same(name: str, value: str | None, expected: object) -> None:
    if value is None:
        raise Refused(f"The header {name} is missing.", code="header_mismatch")
    if value != expected:
        raise Refused(f"The header {name} contradicts the body.", code="header_mismatch")
