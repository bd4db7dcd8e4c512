"""One message of the client, read off its line: its exact bytes, its era, and the headers that go with it.

Source: MCP 2026-07-28 "Streamable HTTP" (request metadata), "stdio"; MCP 2025-11-25 "Transports".
Never does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.mcp.calls import NAMED, target_of
from affidavit.mcp.eras import VERSION_KEY
from affidavit.mcp.headers import EVENT_STREAM, JSON, encoded
from affidavit.mcp.jsonrpc import Id, Message, parse_message, print_message

CANCELLED = "notifications/cancelled"
INITIALIZE, INITIALIZED = "initialize", "notifications/initialized"
LISTEN, LIST_TOOLS, CALL_TOOL = "subscriptions/listen", "tools/list", "tools/call"

# These change nothing, so sending one twice does no harm.
_SAFE = frozenset({INITIALIZE, INITIALIZED, "ping", "server/discover", LISTEN})
_NAMED = NAMED | {"tasks/get", "tasks/update", "tasks/cancel"}  # SEP-2663 "Routing Headers"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way to the gateway.

    Attributes:
        raw: As the client wrote it, without the line's end.
        version: Of the modern era, as its `_meta` says; None for a message of the legacy era.
    """

    raw: bytes
    message: Message
    version: str | None

    @classmethod
    def read(cls, line: bytes) -> Outgoing:
        """Read a line; raises `Malformed` as `parse_message` does."""
        message = parse_message(line)
        meta = (message.params or {}).get("_meta")
        version = meta.get(VERSION_KEY) if type(meta) is dict else None
        return cls(line, message, version if type(version) is str else None)

    @classmethod
    def make(cls, method: str, params: Mapping[str, Any] | None, message_id: Id = None) -> Outgoing:
        """Make a message of our own; one without an id is a notification."""
        value: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if message_id is not None:
            value["id"] = message_id
        if params is not None:
            value["params"] = params
        return cls.read(print_message(value))

    @property
    def is_request(self) -> bool:
        """Whether somebody waits for an answer."""
        return self.message.kind == "request"

    @property
    def is_safe(self) -> bool:
        """Whether sending it twice does no harm."""
        method = self.message.method or ""
        return method in _SAFE or (self.is_request and method.endswith("/list"))

    @property
    def lasts(self) -> bool:
        """Whether its answer is a stream that goes on until somebody ends it."""
        return self.message.method == LISTEN

    @property
    def cancels(self) -> Id:
        """Which request it cancels; None where it cancels none."""
        if self.message.method != CANCELLED:
            return None
        named = (self.message.params or {}).get("requestId")
        return named if type(named) in (str, int) else None

    def headers(self) -> dict[str, str]:
        """Return the headers that the message alone decides."""
        headers = {"Content-Type": JSON, "Accept": f"{JSON}, {EVENT_STREAM}"}
        if self.version is None:
            return headers
        headers["MCP-Protocol-Version"] = encoded(self.version)
        method = self.message.method
        if method is not None:
            headers["Mcp-Method"] = method if method.isascii() and method.isprintable() else encoded(method)
            named = target_of(method, self.message.params)
            if method in _NAMED and named is not None:
                headers["Mcp-Name"] = encoded(named)
        return headers
