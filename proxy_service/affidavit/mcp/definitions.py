"""Tool definitions: the hash that a definition is known by, and listings with fewer entries.

Source: evidence-format section 5, `tool:defined`; MCP 2026-07-28 "Tools", "Prompts", "Resources", "Caching".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What one kind of listing holds.

    Attributes:
        method: Asks for the listing.
        member: Of its result, a list.
        name: Of an entry, by which it is asked for.
        used_by: Asks for what is listed.
        pattern: Whether that name stands for many.
    """

    method: str
    member: str
    name: str
    used_by: str
    pattern: bool = False


TOOLS = Listed(method="tools/list", member="tools", name="name", used_by="tools/call")
LISTED = (
    TOOLS,
    Listed(method="prompts/list", member="prompts", name="name", used_by="prompts/get"),
    Listed(method="resources/list", member="resources", name="uri", used_by="resources/read"),
    Listed(
        method="resources/templates/list",
        member="resourceTemplates",
        name="uriTemplate",
        used_by="resources/read",
        pattern=True,
    ),
)


def filtered(value: dict[str, Any], keep: Callable[[str], bool], listed: Listed = TOOLS) -> dict[str, Any]:
    """Return a listing without the entries that are not kept; the same object where nothing changes.

    What one principal is shown is no longer everybody's, so `cacheScope` becomes `private`, whatever was kept. An entry
    that has no name is not kept.
    """
    result = value.get("result")
    entries = result.get(listed.member) if type(result) is dict else None
    if type(result) is not dict or type(entries) is not list:
        return value
    kept = [
        one for one in entries if type(one) is dict and type(one.get(listed.name)) is str and keep(one[listed.name])
    ]
    if len(kept) == len(entries) and result.get("cacheScope", "private") == "private":
        return value
    scope = {"cacheScope": "private"} if "cacheScope" in result else {}
    return {**value, "result": {**result, listed.member: kept, **scope}}
