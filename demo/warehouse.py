"""A real MCP server over the warehouse's books: `sql.query` and `customers.lookup`, on streamable HTTP.

Knows nothing of the gateway, of tokens or of people. `GET /requests` tells how many requests have reached it.

`python warehouse.py BOOKS`: serves on 127.0.0.1, prints its port, ends on SIGTERM.
"""

from __future__ import annotations

import json
import logging
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Annotated

import stock
import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field
from starlette.types import ASGIApp, Receive, Scope, Send

COUNT_PATH = "/requests"


def server(books: Path) -> MCPServer:
    """Return the MCP server over one database."""
    warehouse = MCPServer("warehouse", version="1.0")

    @warehouse.tool("sql.query", description="Run one SQL statement on the warehouse's books.", structured_output=False)
    def query(sql: Annotated[str, Field(description="SQLite's dialect")]) -> str:
        return _run(books, sql)

    @warehouse.tool("customers.lookup", description="Find customers by number or by name.", structured_output=False)
    def look_up(
        name: Annotated[str | None, Field(description="Part of the name")] = None,
        id: Annotated[int | None, Field(description="The customer's number")] = None,  # noqa: A002 the argument's name
    ) -> str:
        if id is not None:
            return _run(books, "select * from customers where id = ?", id)
        return _run(books, "select * from customers where name like '%' || ? || '%'", name or "")

    return warehouse


class Counted:
    """The server, with every request counted before it sees it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3.0)."""
        if scope["type"] != "http" or scope["path"] != COUNT_PATH:
            self._count += scope["type"] == "http"
            await self._app(scope, receive, send)
            return
        body = json.dumps({"requests": self._count}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until SIGTERM."""
    books = Path(sys.argv[1])
    stock.fill(books)
    logging.disable(logging.WARNING)  # what it has to say is said in its answers
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(Counted(server(books).streamable_http_app()), log_config=None, timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])


def _run(books: Path, sql: str, *values: object) -> str:
    try:
        return stock.run(books, sql, *values)
    except sqlite3.Error as error:
        raise ToolError(f"SQLite: {error}") from error


if __name__ == "__main__":
    main()
