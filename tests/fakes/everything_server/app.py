"""Puts the server together: what it offers, behind streamable HTTP, behind the counter.

Serves 2025-03-26 to 2026-07-28 on one endpoint, `/mcp`, with the protection against DNS rebinding on.
"""

from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.server import Server
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.exceptions import MCPError
from starlette.types import ASGIApp

from fakes.everything_server import asking, content, input_required, prompts, resources, streaming
from fakes.everything_server.counter import CountedRequests
from fakes.everything_server.events import RememberedEvents
from fakes.everything_server.registry import Call, Outcome, Prompt, Told, Tool

NAME = "everything"
RETRY_MS = 100  # how soon a client comes back after a stream was closed on it
TOOLS = {tool.name: tool for tool in content.TOOLS + streaming.TOOLS + asking.TOOLS + input_required.TOOLS}
PROMPTS = {prompt.name: prompt for prompt in prompts.PROMPTS}
FRESH = CacheHint(ttl_ms=1000, scope="public")

Context = ServerRequestContext[Any, Any]


def application() -> ASGIApp:
    """The server as an ASGI application, with its own counter, its own sessions and its own events."""
    bus = InMemorySubscriptionBus()
    offered = Offered(bus)
    server: Server[Any] = Server(
        NAME,
        version="1",
        cache_hints={
            "tools/list": FRESH,
            "prompts/list": FRESH,
            "resources/list": FRESH,
            "resources/templates/list": FRESH,
            "resources/read": FRESH,
        },
        get_tool_input_schema=input_schema,
        on_list_tools=list_tools,
        on_call_tool=offered.call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=offered.get_prompt,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_subscribe_resource=accept,
        on_unsubscribe_resource=accept,
        on_subscriptions_listen=ListenHandler(bus),
        on_completion=complete,
    )
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, accept)
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=NAME))
    return CountedRequests(server.streamable_http_app(event_store=RememberedEvents(), retry_interval=RETRY_MS))


class Offered:
    """The calls that need the bus of change notices."""

    def __init__(self, bus: InMemorySubscriptionBus) -> None:
        self._bus = bus

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> Outcome:
        tool: Tool = _known(TOOLS, params.name, "tool")
        return await tool.run(Call(context=context, params=params, bus=self._bus))

    async def get_prompt(self, context: Context, params: types.GetPromptRequestParams) -> Told:
        prompt: Prompt = _known(PROMPTS, params.name, "prompt")
        missing = set(prompt.arguments) - set(params.arguments or {})
        if missing:
            raise MCPError(code=types.INVALID_PARAMS, message=f"Missing arguments: {sorted(missing)}")
        return await prompt.run(Call(context=context, params=params, bus=self._bus))


def _known(offered: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in offered:
        raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown {what}: {name}")
    return offered[name]


def input_schema(name: str) -> dict[str, Any] | None:
    return TOOLS[name].input_schema if name in TOOLS else None


async def list_tools(context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[tool.listed() for tool in TOOLS.values()])


async def list_prompts(context: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    return types.ListPromptsResult(prompts=[prompt.listed() for prompt in PROMPTS.values()])


async def list_resources(context: Context, params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    return types.ListResourcesResult(resources=list(resources.LISTED))


async def list_templates(
    context: Context, params: types.PaginatedRequestParams | None
) -> types.ListResourceTemplatesResult:
    return types.ListResourceTemplatesResult(resource_templates=list(resources.TEMPLATES))


async def read_resource(context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    return resources.read(str(params.uri))


async def complete(context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    values = [value for value in ("paris", "park", "party") if value.startswith(params.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=values, total=len(values), has_more=False))


async def accept(context: Context, params: Any) -> types.EmptyResult:
    return types.EmptyResult()
