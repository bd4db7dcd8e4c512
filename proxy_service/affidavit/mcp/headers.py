"""HTTP headers: what is compared with the body, what goes on in each direction, what stays here.

A decision is never made on a header; a header that contradicts the body is refused, because somebody behind us might
believe it.

Source: MCP 2026-07-28 "Streamable HTTP" (request metadata, server validation); RFC 9110 sections 5.5, 7.6.1 and 12.5.1.
Never does I/O.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from affidavit.errors import Refused
from affidavit.mcp.calls import NAMED, target_of
from affidavit.mcp.eras import VERSION_KEY
from affidavit.mcp.jsonrpc import Message

RawHeaders = Iterable[tuple[bytes, bytes]]

SESSION = "mcp-session-id"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"

_UPSTREAM = frozenset({b"accept", b"content-type", b"last-event-id", b"traceparent", b"tracestate"})
_DOWNSTREAM = frozenset({b"content-type", b"cache-control", b"retry-after", b"allow"})
_LISTS = frozenset({"accept", "tracestate"})  # their values may come in several lines
# A field name is a token, a value visible text (RFC 9110 section 5). MCP has nothing beyond ASCII in them; an event id
# is what the upstream made it, in UTF-8 (WHATWG HTML section 9.2).
_MCP_NAME = re.compile(rb"mcp-[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e]*")
_EVENT_ID = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_ENCODED = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)

_CACHED = 64  # values; clients are few kinds, and a value may have 64 KiB
_NAMED_BY_EXTENSIONS = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})  # SEP-2663 "Routing Headers"


def to_upstream(headers: RawHeaders) -> dict[str, str]:
    """Return the client's headers that go on; all others are this connection's or this gateway's business.

    Raises:
        Refused: One that may stand once stands twice, or it holds what a header must not (`bad_header`).
    """
    kept: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = _goes_up(raw_name)
        if name is not None:
            value = _value(name, raw_value)
            if name in kept:
                if name not in _LISTS:
                    raise Refused(f"The header {name} stands twice.", code="bad_header")
                value = f"{kept[name]}, {value}"
            kept[name] = value
    return kept


def to_client(headers: RawHeaders, *, content_type: str, streams: bool = False) -> list[tuple[bytes, bytes]]:
    """Return the upstream's headers that go on; of one that stands twice, the first.

    Its challenge does not (`WWW-Authenticate` is about the gateway's own credential), nor its session id, which the
    caller seals.

    Args:
        headers: As they came, in order.
        content_type: As it was understood. Its parameters do not go on: JSON and event streams are UTF-8 (RFC 8259
            section 8.1, WHATWG HTML section 9.2), and a client that believed another one would read something else.
        streams: Whether the answer is a stream of events, which nobody on the way may hold back.
    """
    kept: dict[bytes, bytes] = {}
    for raw_name, value in headers:
        name = _goes_down(raw_name)
        if name is not None and _VALUE.fullmatch(value):
            kept.setdefault(name, value)
    if b"content-type" in kept:
        kept[b"content-type"] = content_type.encode("latin-1", "replace")
    if streams:
        kept.setdefault(b"cache-control", b"no-cache")
        kept[b"x-accel-buffering"] = b"no"
    return list(kept.items())


def compare_with_body(message: Message, headers: Mapping[str, str]) -> None:
    """Check the standard headers of a modern message against its body.

    Args:
        message: A request, all of whose headers are compared, or a notification, of which those that it has are: no
            revision says which it must have.
        headers: Names in lower case.

    Raises:
        Refused: One is missing or says something else (`header_mismatch`).
    """
    required = message.kind == "request"
    params = message.params or {}
    meta = params.get("_meta")
    if required or (type(meta) is dict and VERSION_KEY in meta):
        _same("MCP-Protocol-Version", headers.get("mcp-protocol-version"), (meta or {}).get(VERSION_KEY))
    said = headers.get("mcp-method")
    if required or said is not None:
        _same("Mcp-Method", said, message.method)
    _compare_name(message, headers.get("mcp-name"))


def check_media_types(http_method: str, headers: Mapping[str, str]) -> None:
    """Check that a request is written in JSON, and that its sender reads what answers are written in.

    Raises:
        Refused: It is not (`unsupported_media_type`, HTTP 415) or does not (`not_acceptable`, HTTP 406).
    """
    posts = http_method == "POST"
    if posts:
        if not _is_json(headers.get("content-type", "")):
            raise Refused("A message is sent as application/json, in UTF-8.", code="unsupported_media_type")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused("A message is sent without a Content-Encoding.", code="unsupported_media_type")
    accept = headers.get("accept")
    if accept is not None and http_method in ("POST", "GET"):
        wanted = (JSON, EVENT_STREAM) if posts else (EVENT_STREAM,)
        if not any(accepts(accept, media_type) for media_type in wanted):
            raise Refused(f"An answer is {' or '.join(wanted)}, which Accept leaves out.", code="not_acceptable")


@lru_cache(maxsize=_CACHED)
def accepts(accept: str, media_type: str) -> bool:
    """Tell whether the value of `Accept` has a range that holds a media type."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return any(part.partition(";")[0].strip().lower() in ranges for part in accept.split(","))


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


def encoded(text: str) -> str:
    """Return the header value that means a text; the inverse of `decoded`."""
    plain = text.isascii() and text.isprintable() and text == text.strip(" ") and not _ENCODED.fullmatch(text)
    return text if plain else f"=?base64?{base64.b64encode(text.encode()).decode()}?="


@lru_cache(maxsize=_CACHED)
def _goes_up(raw_name: bytes) -> str | None:
    name = raw_name.lower()
    return name.decode() if name in _UPSTREAM or _is_mcp(name) else None


@lru_cache(maxsize=_CACHED)
def _goes_down(raw_name: bytes) -> bytes | None:
    name = raw_name.lower()
    return name if name in _DOWNSTREAM or _is_mcp(name) else None


def _is_mcp(name: bytes) -> bool:
    return _MCP_NAME.fullmatch(name) is not None and name != b"mcp-session-id"


def _value(name: str, raw: bytes) -> str:
    allowed = _EVENT_ID if name == "last-event-id" else _VALUE
    try:
        if allowed.fullmatch(raw):
            return raw.decode().strip(" \t")
    except UnicodeDecodeError:
        pass
    raise Refused(f"The header {name} holds what no header may.", code="bad_header")


def _compare_name(message: Message, said: str | None) -> None:
    method = message.method or ""
    if method not in NAMED and (said is None or method not in _NAMED_BY_EXTENSIONS):
        return
    named = target_of(method, message.params)
    if named is not None or said is not None:  # a request that names nothing is the upstream's to refuse
        _same("Mcp-Name", said if said is None else decoded(said) or "", named)


def _same(name: str, value: str | None, expected: object) -> None:
    if value is None:
        raise Refused(f"The header {name} is missing.", code="header_mismatch")
    if value != expected:
        raise Refused(f"The header {name} contradicts the body.", code="header_mismatch")


@lru_cache(maxsize=_CACHED)
def _is_json(content_type: str) -> bool:
    media_type, _, parameters = content_type.partition(";")
    return media_type.strip().lower() == JSON and all(map(_is_no_other_charset, parameters.split(";")))


def _is_no_other_charset(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip().lower() != "charset" or value.strip(' "').lower() in ("utf-8", "utf8")
