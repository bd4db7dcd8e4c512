"""What the server offers, as values: tools, prompts, and the call that each of them is given.

Source: MCP 2025-11-25 and 2026-07-28, server/tools and server/prompts. Knows no transport.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import SubscriptionBus

NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One `tools/call` or `prompts/get` while it is being served."""

    context: ServerRequestContext[Any, Any]
    params: types.CallToolRequestParams | types.GetPromptRequestParams
    bus: SubscriptionBus

    @property
    def arguments(self) -> Mapping[str, Any]:
        return self.params.arguments or {}

    @property
    def answers(self) -> Mapping[str, Any]:
        """What the client answered to the requests of an earlier `input_required` (2026-07-28)."""
        return self.params.input_responses or {}

    @property
    def state(self) -> str | None:
        """The state that an earlier round gave out, already unsealed."""
        return self.params.request_state

    @property
    def capabilities(self) -> types.ClientCapabilities:
        return self.context.session.client_capabilities or types.ClientCapabilities()

    async def log(self, text: str) -> None:
        await self.context.session.send_log_message(level="info", data=text, related_request_id=self.context.request_id)

    async def progress(self, done: float, total: float) -> None:
        await self.context.session.report_progress(done, total, f"{done} of {total}")


Outcome = types.CallToolResult | types.InputRequiredResult
Told = types.GetPromptResult | types.InputRequiredResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    name: str
    description: str
    input_schema: dict[str, Any]
    run: Callable[[Call], Awaitable[Outcome]]

    def listed(self) -> types.Tool:
        return types.Tool(name=self.name, description=self.description, input_schema=self.input_schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    name: str
    description: str
    arguments: tuple[str, ...]
    run: Callable[[Call], Awaitable[Told]]

    def listed(self) -> types.Prompt:
        arguments = [types.PromptArgument(name=name, description=name, required=True) for name in self.arguments]
        return types.Prompt(name=self.name, description=self.description, arguments=arguments)


def tool(
    description: str, input_schema: dict[str, Any] | None = None
) -> Callable[[Callable[[Call], Awaitable[Outcome]]], Tool]:
    """Make a tool of a function; the function's name is the tool's."""

    def named(run: Callable[[Call], Awaitable[Outcome]]) -> Tool:
        return Tool(name=run.__name__, description=description, input_schema=input_schema or NO_ARGUMENTS, run=run)

    return named


def prompt(description: str, *arguments: str) -> Callable[[Callable[[Call], Awaitable[Told]]], Prompt]:
    """Make a prompt of a function; the function's name is the prompt's."""

    def named(run: Callable[[Call], Awaitable[Told]]) -> Prompt:
        return Prompt(name=run.__name__, description=description, arguments=arguments, run=run)

    return named


def said(text: str, *, is_error: bool = False) -> types.CallToolResult:
    """A tool result of one text."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=is_error)
