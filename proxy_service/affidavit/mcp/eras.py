"""The two eras of MCP on one endpoint, and which of them a request belongs to.

Source: MCP 2026-07-28 "Versioning and Compatibility", "Streamable HTTP", "Error Codes"; MCP 2025-11-25 "Transports".
Never does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from affidavit.errors import Refused
from affidavit.mcp.jsonrpc import Message

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CLIENT_INFO_KEY = "io.modelcontextprotocol/clientInfo"
MODERN_VERSIONS = ("2026-07-28",)
LEGACY_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
OLDEST = "2025-03-26"  # assumed where a legacy request says no version (MCP 2025-11-25 "Protocol Version Header")
MAX_VERSION = 32  # characters
MAX_INFO = 128  # characters of a client's name or version

INVALID_PARAMS = -32602  # with HTTP 400: a field of `_meta` that every request has is missing
METHOD_NOT_FOUND = -32601
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
MODERN_ERRORS = frozenset({INVALID_PARAMS, METHOD_NOT_FOUND, HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION})

_BAD_REQUEST = 400


class Era(Enum):
    """LEGACY has sessions and a stream for what the server asks; MODERN has neither."""

    LEGACY = "legacy"
    MODERN = "modern"

    @property
    def disconnect_cancels(self) -> bool:
        """Whether a client that goes away cancels its request; a legacy client says `notifications/cancelled`."""
        return self is Era.MODERN


def era_of(message: Message | None, header_version: str | None) -> tuple[Era, str]:
    """Return the era of a request, and its version as records say it.

    The body decides. But a header of the modern era on a body of the legacy one makes no legacy request: an upstream
    that goes by the header would take it for a modern one.

    Args:
        message: None for a request without a body (GET, DELETE).
        header_version: The header `MCP-Protocol-Version`.

    Raises:
        Refused: It is of a version that nobody here knows (`unsupported_version`), of two (`header_mismatch`), modern
            without its version (`missing_version`), or a modern client's answer, which there is none
            (`unexpected_response`).
    """
    if message is not None:
        meta = (message.params or {}).get("_meta")
        if type(meta) is dict and VERSION_KEY in meta:
            return Era.MODERN, _modern_version(meta[VERSION_KEY], header_version)
    if header_version is None or header_version in LEGACY_VERSIONS:
        return Era.LEGACY, f"mcp/{_legacy_version(message, header_version)}"
    if message is not None:
        _check_without_version(message, header_version)
    return Era.MODERN, f"mcp/{header_version[:MAX_VERSION]}"


def unsupported(message: Message | None, header_version: str | None) -> dict[str, Any]:
    """Return the `data` of the error that refuses a version (`UnsupportedProtocolVersionError`)."""
    meta = (message.params or {}).get("_meta") if message is not None else None
    requested = meta.get(VERSION_KEY) if type(meta) is dict else None
    said = requested if type(requested) is str else header_version or ""
    return {"supported": list(MODERN_VERSIONS), "requested": said[:MAX_VERSION]}


def era_said(era: Era, header_version: str | None) -> Era:
    """Return the era to word a refusal for: where the body was not read so far, what its header says; nothing else."""
    return era if header_version is None or header_version in LEGACY_VERSIONS else Era.MODERN


def own_error(era: Era, status: int, code: int) -> int:
    """Return the JSON-RPC code that a refusal of the gateway's own carries.

    On a 400 without a modern error in it, a client of both eras takes the server for a legacy one, and falls back.
    """
    if era is Era.MODERN and status == _BAD_REQUEST and code not in MODERN_ERRORS:
        return INVALID_PARAMS
    return code


def client_info(message: Message) -> tuple[str | None, str | None]:
    """Return the name and version that a client says it has; they decide nothing."""
    params = message.params or {}
    meta = params.get("_meta")
    info = params.get("clientInfo") if message.method == "initialize" else None
    if type(meta) is dict:
        info = meta.get(CLIENT_INFO_KEY, info)
    return (_text(info, "name"), _text(info, "version")) if type(info) is dict else (None, None)


def _modern_version(version: object, header_version: str | None) -> str:
    # A client that contradicts itself is told so first: which of the two versions it means is its to say.
    if header_version is not None and header_version != version:
        raise Refused("The header MCP-Protocol-Version contradicts the body.", code="header_mismatch")
    if version not in MODERN_VERSIONS:
        raise Refused("This protocol version is not supported here.", code="unsupported_version")
    return f"mcp/{version}"


def _check_without_version(message: Message, header_version: str) -> None:
    if message.kind == "request":
        text = f"A request of this protocol version names it in params._meta[{VERSION_KEY!r}], too."
        raise Refused(text, code="missing_version")
    if header_version not in MODERN_VERSIONS:
        raise Refused("This protocol version is not supported here.", code="unsupported_version")
    if message.kind == "response":
        raise Refused("In this protocol version a client sends no responses.", code="unexpected_response")


def _legacy_version(message: Message | None, header_version: str | None) -> str:
    asked: object = header_version
    if message is not None and message.method == "initialize":
        asked = (message.params or {}).get("protocolVersion")
    return asked[:MAX_VERSION] if type(asked) is str else OLDEST


def _text(info: Mapping[str, object], key: str) -> str | None:
    value = info.get(key)
    return value[:MAX_INFO] if type(value) is str else None
