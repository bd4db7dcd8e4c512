"""An MCP server on loopback that keeps every request it gets and answers as a test says, step by step if need be.

Written on sockets, so that it can also say what no HTTP library would. One thread a connection. A request is answered
by the first that applies: a script given by `next_call`, the script of the called tool, what an honest server says.
"""

import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any, Self

from fakes.exchange import Exchange, Gone, Received, read_request

Script = Callable[[Exchange], None]

WAIT_S = 10  # until a test that waits for a request fails
LEGACY, MODERN = "2025-11-25", "2026-07-28"
SESSION = "upstream-session-1"


class ScriptedUpstream:
    """A warehouse.

    Attributes:
        tools: What `tools/list` lists.
        requests: Every request since the last `forget`, in order of arrival.
        witness: Called when a request has arrived and before it is answered; what it returns is kept on the request.
        speaks: The eras it serves; a request of another is refused as a server of that era would.
        streams: Whether it has legacy GET streams, which the test then holds.
        drops: An HTTP method; it reads such a request and closes the connection.
        holds: A method whose requests the test answers itself.
    """

    def __init__(self, *tools: str) -> None:
        self.tools: list[dict[str, Any]] = [tool(name) for name in tools]
        self.requests: list[Received] = []
        self.witness: Callable[[Received], Any] | None = None
        self.speaks = {"legacy", "modern"}
        self.streams = False
        self.drops: str | None = None
        self.holds: str | None = None
        self._scripts: queue.SimpleQueue[Script] = queue.SimpleQueue()
        self._held: queue.SimpleQueue[Exchange] = queue.SimpleQueue()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._connections: set[socket.socket] = set()
        self._stopped = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/mcp"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.hang_up()

    def next_call(self, script: Script) -> None:
        """Let a script answer the next `tools/call`."""
        self._scripts.put(script)

    def held(self) -> Exchange:
        """Wait for a request that the test answers itself: of `held`, a legacy GET stream, or what `holds` names."""
        return self._held.get(timeout=WAIT_S)

    def calls(self, method: str = "tools/call") -> list[Received]:
        """Return the requests of one method."""
        return [request for request in self.requests if request.method == method]

    def forget(self) -> None:
        """Start a new list of requests."""
        self.requests = []

    def hang_up(self) -> None:
        """Close every connection, as a server does with idle ones."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._stopped:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, Gone), connection, connection.makefile("rb") as incoming:
            while (received := read_request(incoming)) is not None:
                received.witnessed = self.witness(received) if self.witness is not None else None
                self.requests.append(received)
                exchange = Exchange(received, connection)
                self._answer(exchange)
                if not exchange.wait_until_answered():
                    break
        self._connections.discard(connection)

    def _answer(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.http_method == self.drops:
            exchange.drop()
        elif request.method == "tools/call" and not self._scripts.empty():
            self._scripts.get()(exchange)
        elif request.tool == "held" or request.method == self.holds or (request.http_method == "GET" and self.streams):
            self._held.put(exchange)
        else:
            self._be_honest(exchange)

    def _be_honest(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.era not in self.speaks:
            exchange.error(-32022 if request.era == "modern" else -32601, "Not here.", status=400)
        elif request.http_method == "DELETE":
            exchange.answer(b"", status=204)
        elif request.http_method == "GET":
            exchange.answer(b"", status=405)
        elif request.message is None or "id" not in request.message or "method" not in request.message:
            exchange.answer(b"", status=202)
        else:
            self._respond(exchange, request)

    def _respond(self, exchange: Exchange, request: Received) -> None:
        if request.method == "initialize":
            hello = {"protocolVersion": LEGACY, "capabilities": {"tools": {}}, "serverInfo": INFO}
            exchange.result(hello, headers={"Mcp-Session-Id": SESSION})
        elif request.method == "server/discover":
            exchange.result({"supportedVersions": [MODERN], "capabilities": {"tools": {}}, "serverInfo": INFO, **FRESH})
        elif request.method == "tools/list":
            exchange.result({"tools": self.tools} | (FRESH if request.era == "modern" else {}))
        elif request.method == "tools/call":
            exchange.says(f"{request.tool} ran")
        elif request.method == "ping":
            exchange.result({})
        else:
            exchange.error(-32601, "No such method.")


INFO = {"name": "warehouse", "version": "1"}
FRESH = {"resultType": "complete", "ttlMs": 60_000, "cacheScope": "public"}


def tool(name: str, description: str = "A tool.") -> dict[str, Any]:
    """Return a definition that takes any arguments."""
    return {"name": name, "description": description, "inputSchema": {"type": "object"}}


def print_json(value: Any) -> bytes:
    """Return the compact text."""
    return json.dumps(value, separators=(",", ":")).encode()
