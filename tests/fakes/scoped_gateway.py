"""A gateway that wants scopes, which none of ours does yet: reading is one, a tool's call another.

Believes what a token says of itself; it stands for the challenge alone (RFC 6750 section 3.1).
"""

import http.server
import json
import threading
from typing import Any

from fakes.authorization_server import AuthorizationServer

METADATA = "/.well-known/oauth-protected-resource/mcp/warehouse"


class ScopedGateway:
    """Gives its address while it runs.

    Args:
        server: Whose tokens it takes; their scope is what the last page asked for.
    """

    def __init__(self, server: AuthorizationServer) -> None:
        self._authorization = server
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return f"{self._origin}/mcp/warehouse"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, message: dict[str, Any], authorization: str | None) -> tuple[int, dict[str, str], Any]:
        granted = self._authorization.pages[-1]["scope"].split() if self._authorization.pages else []
        named = f'Bearer resource_metadata="{self._origin}{METADATA}"'
        if authorization is None:
            return 401, {"WWW-Authenticate": f'{named}, scope="mcp:read"'}, {}
        if message.get("method") == "tools/call" and "mcp:write" not in granted:
            return 403, {"WWW-Authenticate": f'{named}, error="insufficient_scope", scope="mcp:write"'}, {}
        result = {"protocolVersion": "2025-11-25"} if message.get("method") == "initialize" else {"ran": True}
        return 200, {}, {"jsonrpc": "2.0", "id": message.get("id"), "result": result}

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                servers = [outer._authorization.url]
                document = {"resource": f"{outer._origin}/mcp/warehouse", "authorization_servers": servers}
                self._send(200 if self.path == METADATA else 404, {}, document)

            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._send(*outer.answer(message, self.headers.get("Authorization")))

            def _send(self, status: int, headers: dict[str, str], value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                for name, text in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, text)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Stay quiet."""

        return Handler
