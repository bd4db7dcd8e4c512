"""Where a request stands in its caller's trace.

Source: W3C Trace Context section 3.2; SEP-414 (`traceparent` in `_meta`). Never does I/O, and never changes what is
forwarded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from affidavit.mcp.jsonrpc import Message

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)
_NO_VERSION, _NO_TRACE, _NO_SPAN = "ff", "0" * 32, "0" * 16  # section 3.2.2: invalid
_SAMPLED = 0x01  # section 3.2.2.5.1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The caller's span, in hex as it is written."""

    trace_id: str
    span_id: str
    sampled: bool


def read_traceparent(text: str | None) -> TraceContext | None:
    """Return what a `traceparent` says, or None where it says nothing that is valid."""
    found = _TRACEPARENT.fullmatch(text or "")
    if found is None or found[1] == _NO_VERSION or found[2] == _NO_TRACE or found[3] == _NO_SPAN:
        return None
    return TraceContext(found[2], found[3], bool(int(found[4], 16) & _SAMPLED))


def trace_context(headers: Mapping[str, str], message: Message | None) -> TraceContext | None:
    """Return the trace of a request: that of the message, which was made for it, before that of its transport."""
    said = headers.get("traceparent")
    params = message.params if message is not None else None
    meta = (params or {}).get("_meta")
    if type(meta) is dict and type(meta.get("traceparent")) is str:
        said = meta["traceparent"]
    return None if said is None else read_traceparent(said)
