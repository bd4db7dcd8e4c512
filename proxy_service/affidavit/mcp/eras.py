"""The two eras of MCP on one endpoint, and which of them a request belongs to.

Source: MCP 2026-07-28 "Versioning", "Transports"; MCP 2025-11-25 "Transports".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from affidavit.errors import Refused
from affidavit.mcp.jsonrpc import Message

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CLIENT_INFO_KEY = "io.modelcontextprotocol/clientInfo"
MODERN_VERSIONS = ("2026-07-28",)
OLDEST = "2025-03-26"  # assumed where a legacy request says no version (MCP 2025-11-25 "Protocol Version Header")
MAX_VERSION = 32  # characters


class Era(Enum):
    """LEGACY has sessions and a stream for what the server asks; MODERN has neither."""

    LEGACY = "legacy"
    MODERN = "modern"


def era_of(message: Message | None, header_version: str | None) -> tuple[Era, str]:
    """Return the era of a request, and its version as records say it.

    Args:
        message: None for a request without a body (GET, DELETE).
        header_version: The header `MCP-Protocol-Version`.

    Raises:
        Refused: It is of a version that nobody here knows (`unsupported_version`), or of two (`header_mismatch`).
    """
    meta = (message.params or {}).get("_meta") if message is not None else None
    if type(meta) is dict and VERSION_KEY in meta:
        version = meta[VERSION_KEY]
        # A client that contradicts itself is told so first: which of the two versions it means is its to say.
        if header_version is not None and header_version != version:
            raise Refused("The header MCP-Protocol-Version contradicts the body.", code="header_mismatch")
        if version not in MODERN_VERSIONS:
            raise Refused("This protocol version is not supported here.", code="unsupported_version")
        return Era.MODERN, f"mcp/{version}"
    if message is None and header_version in MODERN_VERSIONS:
        return Era.MODERN, f"mcp/{header_version}"
    return Era.LEGACY, f"mcp/{_legacy_version(message, header_version)}"


def client_info(message: Message) -> tuple[str | None, str | None]:
    """Return the name and version that a client says it has; they decide nothing."""
    params = message.params or {}
    meta = params.get("_meta")
    info = params.get("clientInfo") if message.method == "initialize" else None
    if type(meta) is dict:
        info = meta.get(CLIENT_INFO_KEY, info)
    return (_text(info, "name"), _text(info, "version")) if type(info) is dict else (None, None)


def _legacy_version(message: Message | None, header_version: str | None) -> str:
    asked: object = header_version
    if message is not None and message.method == "initialize":
        asked = (message.params or {}).get("protocolVersion")
    return asked[:MAX_VERSION] if type(asked) is str else OLDEST


def _text(info: Mapping[str, object], key: str) -> str | None:
    value = info.get(key)
    return value[:128] if type(value) is str else None
