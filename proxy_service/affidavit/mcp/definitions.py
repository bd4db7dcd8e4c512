"""Tool definitions: the hash that a definition is known by, and listings with fewer tools.

Source: evidence-format section 5, `tool:defined`; MCP 2026-07-28 "Tools", "Caching".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from affidavit.errors import Malformed
from affidavit.mcp.jcs import canonical_nearest

_DEFINES = ("name", "description", "inputSchema", "outputSchema", "annotations")


def definition_digest(tool: Any) -> tuple[bytes, str]:
    """Return the RFC 8785 form of what defines a tool, and its SHA-256 as hex.

    A bound like 2^63-1 is common in schemas and stands as its nearest double, as RFC 8785 has it in JavaScript.

    Raises:
        Malformed: It has no name (`bad_definition`).
    """
    if type(tool) is not dict or type(tool.get("name")) is not str:
        raise Malformed("a tool without a name", code="bad_definition")
    form = canonical_nearest({key: tool[key] for key in _DEFINES if key in tool})
    return form, hashlib.sha256(form).hexdigest()


def filtered(value: dict[str, Any], keep: Callable[[str], bool]) -> dict[str, Any]:
    """Return a response to `tools/list` without the tools that are not kept; the same object where nothing changes.

    What one principal is shown is no longer everybody's, so `cacheScope` becomes `private`, whatever was kept. An entry
    that is no tool is not kept.
    """
    result = value.get("result")
    tools = result.get("tools") if type(result) is dict else None
    if type(result) is not dict or type(tools) is not list:
        return value
    kept = [tool for tool in tools if type(tool) is dict and type(tool.get("name")) is str and keep(tool["name"])]
    if len(kept) == len(tools) and result.get("cacheScope", "private") == "private":
        return value
    scope = {"cacheScope": "private"} if "cacheScope" in result else {}
    return {**value, "result": {**result, "tools": kept, **scope}}
