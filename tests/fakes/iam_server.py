"""IAM Credentials, as far as the gateway asks it: tokens of accounts that may be impersonated.

Source: IAM Service Account Credentials API v1.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fakes.issuer import Issuer

GOOGLE = "https://accounts.google.com"
_METHOD = re.compile(r"/v1/projects/-/serviceAccounts/([^/:]+):(\w+)")
LIFETIME_S = 3600


class IamServer:
    """One project's accounts.

    Attributes:
        accounts: Those that are there.
        failing: A status that is answered instead, or None.
        asked: What came: account, method and content.
        bearers: Who asked, as they said it.
        instead: What is answered under 200 instead, or None.
    """

    def __init__(self, *accounts: str) -> None:
        self.accounts = set(accounts)
        self.issuer = Issuer(GOOGLE, algorithm="RS256")
        self.failing: int | None = None
        self.instead: Any = None
        self.bearers: list[str | None] = []
        self.asked: list[tuple[str, str, Mapping[str, Any]]] = []

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Serve while the block lasts; gives host:port."""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bearers.append(self.headers.get("Authorization"))
                status, value = outer.answer(self.path, content)
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            yield f"127.0.0.1:{server.server_address[1]}"
            server.shutdown()

    def answer(self, path: str, content: Mapping[str, Any]) -> tuple[int, Any]:
        found = _METHOD.fullmatch(path)
        if found is None:
            return 404, _error(404, "NOT_FOUND")
        account, method = found.groups()
        self.asked.append((account, method, content))
        if self.failing is not None:
            return self.failing, _error(self.failing, "AS_TOLD")
        if account not in self.accounts:
            return 404, _error(404, "NOT_FOUND")
        if self.instead is not None:
            return 200, self.instead
        if method == "generateIdToken" and content.get("audience"):
            email = {"email": account, "email_verified": True} if content.get("includeEmail") else {}
            return 200, {"token": self.issuer.token(aud=content["audience"], sub="1234567890", **email)}
        if method == "generateAccessToken" and content.get("scope"):
            until = datetime.fromtimestamp(int(time.time()) + LIFETIME_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return 200, {"accessToken": f"ya29.of-{account.partition('@')[0]}", "expireTime": until}
        if method == "signJwt" and isinstance(content.get("payload"), str):
            json.loads(content["payload"])  # IAM refuses what is no JSON
            return 200, {"keyId": self.issuer.key.kid, "signedJwt": self.issuer.sign(content["payload"])}
        return 400, _error(400, "INVALID_ARGUMENT")


def _error(code: int, status: str) -> dict[str, Any]:
    return {"error": {"code": code, "status": status, "message": "as told"}}
