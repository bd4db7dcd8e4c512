"""IAM Service Account Credentials for tests: tokens of accounts that whoever asks may act as.

Source: IAM Service Account Credentials API v1 (`generateIdToken`, `generateAccessToken`).
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from fakes.issuer import Issuer

LOOPBACK = "127.0.0.1"
GOOGLE = "https://accounts.google.com"


class IamCredentialsServer:
    """Gives tokens.

    Attributes:
        may_act_as: Accounts.
        asked: What was asked for: account, method, body, and the bearer who asked.
    """

    def __init__(self, *accounts: str) -> None:
        self.may_act_as = set(accounts)
        self.issuer = Issuer(GOOGLE, algorithm="RS256")
        self.asked: list[tuple[str, str, dict[str, Any], str]] = []
        self.failing: int | None = None

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = outer.answer(self.path, body, self.headers.get("Authorization", ""))
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        with http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()
            yield f"{LOOPBACK}:{server.server_address[1]}"
            server.shutdown()

    def answer(self, path: str, body: dict[str, Any], bearer: str) -> tuple[int, dict[str, Any]]:
        account, _, method = unquote(path).rpartition("/")[2].partition(":")
        self.asked.append((account, method, body, bearer))
        if self.failing is not None:
            return self.failing, {"error": {"code": self.failing}}
        if account not in self.may_act_as:
            return 403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}}
        if method == "generateIdToken":
            email = {"email": account, "email_verified": True} if body.get("includeEmail") else {}
            return 200, {"token": self.issuer.token(aud=body["audience"], sub="42", **email)}
        expires = datetime.now(UTC) + timedelta(seconds=int(body["lifetime"].rstrip("s")))
        return 200, {"accessToken": f"access-token-of-{account}", "expireTime": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
