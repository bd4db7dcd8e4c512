"""The metadata server of one service account: identity tokens and access tokens, and its keys at `/jwks`.

`python -m fakes.metadata_server --port N --account EMAIL`
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import select
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fakes.grpc_server import stay
from fakes.issuer import Issuer

LOOPBACK = "127.0.0.1"
SILENT_S = 5  # at most; callers have a deadline
GOOGLE = "https://accounts.google.com"
_ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default"


class MetadataServer:
    """One instance's metadata.

    Attributes:
        failing: A status that is answered instead of anything about the account, or None.
        instead: A status and a text that are answered instead of a token, or None.
        faults: What happens to the next requests instead of an answer: `breaks` the connection, `silent`.
        asked: Audiences that tokens were asked for.
    """

    def __init__(self, account: str) -> None:
        self.account = account
        self.issuer = Issuer(GOOGLE, algorithm="RS256")
        self.failing: int | None = None
        self.instead: tuple[int, str] | None = None
        self.faults: list[str] = []
        self.asked: list[str] = []

    @contextlib.contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """Serve while the block lasts; gives host:port."""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if outer.faults and not self._outlasted(outer.faults.pop(0)):
                    self.close_connection = True
                    return
                status, kind, body = outer.answer(self.path, self.headers.get("Metadata-Flavor"))
                self.send_response(status)
                self.send_header("Metadata-Flavor", "Google")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _outlasted(self, fault: str) -> bool:
                """Return whether the client still waits: it never does where the connection breaks."""
                return fault == "silent" and select.select([self.connection], [], [], SILENT_S)[0] == []

            def log_message(self, *_: Any) -> None:
                pass

        with http.server.ThreadingHTTPServer((LOOPBACK, port), Handler) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            yield f"{LOOPBACK}:{server.server_address[1]}"
            server.shutdown()

    def answer(self, target: str, flavor: str | None) -> tuple[int, str, bytes]:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path == "/jwks":
            return 200, "application/json", self.issuer.jwks()
        if flavor != "Google":
            return 403, "text/plain", b"Missing Metadata-Flavor:Google header."
        if self.failing is not None and path != "/":
            return self.failing, "text/plain", b"as told"
        if path == f"{_ACCOUNT}/identity" and query.get("audience"):
            self.asked.append(query["audience"][0])
            if self.instead is not None:
                return self.instead[0], "text/html", self.instead[1].encode()
            return 200, "text/html", self._identity(query["audience"][0], query.get("format") == ["full"]).encode()
        if path == f"{_ACCOUNT}/token":
            token = {"access_token": "access-token-of-a-test", "expires_in": 3599, "token_type": "Bearer"}
            return 200, "application/json", json.dumps(token).encode()
        if path == f"{_ACCOUNT}/email":
            return 200, "text/plain", self.account.encode()
        if path.rstrip("/") == _ACCOUNT:
            about = {"email": self.account, "aliases": ["default"], "scopes": []}
            return 200, "application/json", json.dumps(about).encode()
        return (200, "text/plain", b"ok") if path == "/" else (404, "text/plain", b"")

    def _identity(self, audience: str, full: bool) -> str:
        email = {"email": self.account, "email_verified": True} if full else {}
        return self.issuer.token(aud=audience, sub="112233445566778899000", azp="112233445566778899000", **email)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fakes.metadata_server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--account", required=True)
    arguments = parser.parse_args()
    with MetadataServer(arguments.account).serving(arguments.port) as address:
        print(address, flush=True)
        stay()


if __name__ == "__main__":
    main()
