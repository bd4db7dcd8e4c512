"""A server that answers MCP's `initialize`, `tools/list` and `tools/call` as fast as Python can.

HTTP/1.1 straight over asyncio, so that in front of it the proxies are what is measured. Legacy era, without sessions.
`python -m performance.upstream [PORT]` prints its port, one that is free unless said; `GET /count` tells how many
messages of each path and method it has answered.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections import Counter
from typing import Any

import httptools
import orjson
import uvloop

from performance.traffic import answer, large_answer

LOOPBACK = "127.0.0.1"
_SQL_QUERY = {
    "name": "sql.query",
    "description": "Run one statement in the warehouse.",
    "inputSchema": {
        "type": "object",
        "properties": {"sql": {"type": "string"}, "database": {"type": "string"}},
        "required": ["sql"],
    },
}
_INITIALIZED = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "bench", "version": "1"},
}
_RESULTS = {"initialize": _INITIALIZED, "tools/list": {"tools": [_SQL_QUERY]}, "ping": {}}


def _http(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


class _Connection(asyncio.Protocol):
    """One client; answers in the order of the requests."""

    def __init__(self, answered: Counter[str]) -> None:
        self._answered = answered
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._url = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._body, self._url = b"", b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._transport.write(self._reply())

    def _reply(self) -> bytes:
        if self._parser.get_method() != b"POST":
            counted = self._url == b"/count"
            return _http(b"200 OK", orjson.dumps(self._answered)) if counted else _http(b"405 Method Not Allowed", b"")
        message = orjson.loads(self._body)
        method = message.get("method", "")
        self._answered[f"{self._url.decode()} {method}"] += 1
        if method == "tools/call":
            said = large_answer if self._url.endswith(b"/large") else answer
            return _http(b"200 OK", said(message["id"]))
        if "id" not in message:
            return _http(b"202 Accepted", b"")
        return _http(b"200 OK", orjson.dumps({"jsonrpc": "2.0", "id": message["id"], **_outcome(method)}))


def _outcome(method: str) -> dict[str, Any]:
    if method in _RESULTS:
        return {"result": _RESULTS[method]}
    return {"error": {"code": -32601, "message": f"no such method: {method}"}}


async def serve(port: int) -> None:
    """Listen on a loopback port, print it, and serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    answered: Counter[str] = Counter()
    server = await loop.create_server(lambda: _Connection(answered), LOOPBACK, port, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
