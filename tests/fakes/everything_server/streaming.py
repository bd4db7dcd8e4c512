"""Tools that say something before they answer: logs, progress, a stream closed on purpose, changed lists.

Source: the scenarios `tools-call-with-logging`, `tools-call-with-progress`, `server-sse-polling`, `server-stateless`.
"""

import asyncio

import mcp_types as types
from mcp.shared.subscriptions import PromptsListChanged, ToolsListChanged

from fakes.everything_server.registry import Call, said, tool

PAUSE_S = 0.05  # the scenarios ask for about 50 ms between two messages
AWAY_S = 0.2  # twice the retry interval of app.py, so that the client is back before the answer


async def _log_three(call: Call) -> None:
    await call.log("Tool execution started")
    await asyncio.sleep(PAUSE_S)
    await call.log("Tool processing data")
    await asyncio.sleep(PAUSE_S)
    await call.log("Tool execution completed")


@tool("Logs three lines.")
async def test_tool_with_logging(call: Call) -> types.CallToolResult:
    await _log_three(call)
    return said("Logged three lines.")


@tool("Logs three lines, which a modern client that names no log level must not see.")
async def test_logging_tool(call: Call) -> types.CallToolResult:
    await _log_three(call)
    return said("Logged three lines to whoever asked.")


@tool("Reports progress three times.")
async def test_tool_with_progress(call: Call) -> types.CallToolResult:
    for done in (0, 50, 100):
        await call.progress(done, 100)
        await asyncio.sleep(PAUSE_S)
    return said("Reported progress three times.")


@tool("Closes its own stream and answers on the resumed one.")
async def test_reconnection(call: Call) -> types.CallToolResult:
    await call.log("Before the stream closes")
    if call.context.close_sse_stream:
        await call.context.close_sse_stream()
    await asyncio.sleep(AWAY_S)
    await call.log("After the stream closed")
    return said("Reconnected.")


@tool("Announces that the tools have changed.")
async def test_trigger_tool_change(call: Call) -> types.CallToolResult:
    await call.bus.publish(ToolsListChanged())
    return said("Announced.")


@tool("Announces that the prompts have changed.")
async def test_trigger_prompt_change(call: Call) -> types.CallToolResult:
    await call.bus.publish(PromptsListChanged())
    return said("Announced.")


TOOLS = (
    test_tool_with_logging,
    test_logging_tool,
    test_tool_with_progress,
    test_reconnection,
    test_trigger_tool_change,
    test_trigger_prompt_change,
)
