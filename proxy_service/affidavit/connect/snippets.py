"""What to paste into a client's configuration so that it starts the bridge.

Source: Claude Desktop `claude_desktop_config.json` and Cursor `mcp.json` (`mcpServers`), VS Code `.vscode/mcp.json`
(`servers`, with `type`), Gemini CLI `settings.json` (`mcpServers`), each as its documentation has it in 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

PLACES: Mapping[str, str] = {
    "claude": "claude_desktop_config.json (Claude Desktop: Settings, Developer, Edit Config)",
    "cursor": "~/.cursor/mcp.json, or .cursor/mcp.json of a project",
    "vscode": ".vscode/mcp.json of a folder (or: MCP: Open User Configuration)",
    "gemini": "~/.gemini/settings.json, or .gemini/settings.json of a project",
}
CALL_TIMEOUT_MS = 600_000  # Gemini CLI's own default, said so that it can be seen


def snippet(client: str, name: str, command: str, arguments: Sequence[str]) -> str:
    """Return the JSON for one of `PLACES`; never a token, which the bridge gets by itself."""
    entry: dict[str, object] = {"command": command, "args": list(arguments)}
    if client == "vscode":
        return _print({"servers": {name: {"type": "stdio", **entry}}})
    if client == "gemini":
        entry["timeout"] = CALL_TIMEOUT_MS
    return _print({"mcpServers": {name: entry}})


def _print(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
