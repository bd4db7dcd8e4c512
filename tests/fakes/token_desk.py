"""Hands out tokens over HTTP on loopback: as a command fetches them, and as GitHub Actions gives them to a job."""

import http.server
import json
import shlex
import sys
import threading
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

_FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"


class TokenDesk:
    """A desk.

    Attributes:
        mint: Makes the next token; given the audience that was asked for, or None.
        handed: How many tokens were handed out.
        audiences: That were asked for.
        bearer: What GitHub's path wants to see.
        status: Of the next answers.
    """

    def __init__(self, mint: Callable[[str | None], str]) -> None:
        self.mint = mint
        self.handed = 0
        self.audiences: list[str | None] = []
        self.bearer = "request-token-of-the-job"
        self.status = 200
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def command(self) -> str:
        """A command line that prints a token."""
        return shlex.join([sys.executable, "-c", _FETCH, f"{self.url}/plain"])

    @property
    def github(self) -> dict[str, str]:
        """The environment of a job that may have tokens."""
        url = f"{self.url}/github?api-version=2.0"
        return {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.bearer}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, target: str, authorization: str | None) -> tuple[int, bytes]:
        parts = urlsplit(target)
        audience = parse_qs(parts.query).get("audience", [None])[0]
        if self.status != 200:
            return self.status, b"no"
        if parts.path == "/github" and authorization != f"Bearer {self.bearer}":
            return 401, b"{}"
        self.handed += 1
        self.audiences.append(audience)
        token = self.mint(audience)
        return 200, (json.dumps({"count": 1, "value": token}) if parts.path == "/github" else token).encode()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answer(self.path, self.headers.get("Authorization"))
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Stay quiet."""

        return Handler
