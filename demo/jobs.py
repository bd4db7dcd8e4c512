"""Whoever calls the warehouse through the gateway: the official MCP client, with a token in its header."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
from house import Broken, House
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, Implementation, TextContent

RUN = {  # the claims of a GitHub Actions job that a timer has started: nobody pressed a button
    "sub": "repo:example/stock-keeper:ref:refs/heads/main",
    "repository": "example/stock-keeper",
    "repository_id": "74",
    "job_workflow_ref": "example/stock-keeper/.github/workflows/nightly.yml@refs/heads/main",
    "event_name": "schedule",
    "run_id": "9000000001",
    "run_attempt": "1",
    "ref": "refs/heads/main",
    "sha": "8f14e45fceea167a5a36dedd4bea2543f14e45fc",
}
SERVICE_ACCOUNT = {
    "sub": "104857600000000000001",
    "email": "etl@legacy-project.iam.gserviceaccount.com",
    "email_verified": True,
}
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a caller got.

    Attributes:
        code: The gateway's, where it refused; None where the warehouse answered.
        record: The id of the record that vouches for it, if the gateway named one.
    """

    text: str
    code: str | None
    record: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """One connected caller."""

    client: Client

    async def call(self, tool: str, **arguments: Any) -> Outcome:
        """Call a tool."""
        try:
            result = await self.client.call_tool(tool, arguments)
        except MCPError as error:
            data = error.data if isinstance(error.data, dict) else {}
            return Outcome(text=error.message, code=data.get("code", "error"), record=data.get("record"))
        if not isinstance(result, CallToolResult):
            raise Broken(f"{tool} answers with something else than a result")
        meta: dict[str, Any] = dict(result.meta or {})
        text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
        return Outcome(text=text, code=meta.get("affidavit/code"), record=meta.get("affidavit/record", {}).get("id"))


@contextlib.asynccontextmanager
async def connected(house: House, name: str, token: str) -> AsyncIterator[Job]:
    """Connect a client to the gateway while the block lasts."""
    headers = {"authorization": f"Bearer {token}"}
    try:
        async with httpx2.AsyncClient(headers=headers, timeout=TIMEOUT_S) as http:
            transport = streamable_http_client(house.url, http_client=http)
            async with Client(transport, client_info=Implementation(name=name, version="2.4")) as client:
                yield Job(client)
    except BaseExceptionGroup as group:  # the client's task groups wrap whatever ends them
        raise _first(group) from None


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
