"""Google's token endpoint and the Directory API's `users.list`, strictly: who may not, or asks wrongly, is refused.

It has the faults of the real ones: a status, a page that is lost midway, and answers that are none.

Source: Admin SDK Directory API v1 `users.list`; RFC 7523 section 2.1; RFC 6749 section 5.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from fakes.issuer import Issuer

SCOPE = "https://www.googleapis.com/auth/admin.directory.user.readonly"
TOKEN_URL = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_LIFE_S = 3600


class WorkspaceServer:
    """One Google Workspace.

    Attributes:
        users: As the API shows them, by id.
        admins: Who may read users.
        delegated: Accounts with domain-wide delegation of `SCOPE`.
        page: Users on one page.
        failing: By how many requests of users were served before, what is answered instead: a status, or bytes.
        lost: Bytes that every answer promises and does not have, because the connection breaks.
        asked: Queries that came for users.
    """

    def __init__(self, issuer: Issuer, *, account: str, admin: str) -> None:
        self.issuer = issuer
        self.users: dict[str, dict[str, Any]] = {}
        self.admins = {admin}
        self.delegated = {account}
        self.page = 2
        self.failing: dict[int, int | bytes] = {}
        self.lost = 0
        self.asked: list[Mapping[str, str]] = []
        self.tokens: set[str] = set()
        self.used: set[str] = set()

    def add(self, user_id: str, email: str, **more: Any) -> None:
        """Add or change a user."""
        usual = {"id": user_id, "primaryEmail": email, "suspended": False, "archived": False}
        self.users[user_id] = usual | more

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Serve while the block lasts; gives host:port."""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._say(*outer.token(self.path, {name: one[0] for name, one in parse_qs(form).items()}))

            def do_GET(self) -> None:
                self._say(*outer.list(self.path, self.headers.get("Authorization", "")))

            def _say(self, status: int, value: Any) -> None:
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body) + outer.lost))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = outer.lost > 0

            def log_message(self, *_: Any) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            yield f"127.0.0.1:{server.server_address[1]}"
            server.shutdown()

    def token(self, path: str, form: Mapping[str, str]) -> tuple[int, Any]:
        """Answer what exchanges an assertion."""
        if path != "/token" or form.get("grant_type") != GRANT:
            return 400, {"error": "unsupported_grant_type"}
        try:
            key = jwt.PyJWKSet.from_json(self.issuer.jwks().decode()).keys[-1]
            claims = jwt.decode(form["assertion"], key, [self.issuer.key.algorithm], audience=TOKEN_URL)
        except jwt.PyJWTError as error:
            return 400, {"error": "invalid_grant", "error_description": str(error)}
        if claims["exp"] - claims["iat"] > MAX_LIFE_S or claims.get("scope") != SCOPE:
            return 400, {"error": "invalid_grant"}
        if claims["iss"] not in self.delegated:
            return 401, {"error": "unauthorized_client"}
        if claims.get("sub") not in self.admins:
            return 403, {"error": "access_denied"}
        token = f"ya29.{len(self.tokens)}"
        self.tokens.add(token)
        return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def list(self, target: str, authorization: str) -> tuple[int, Any]:
        """Answer what asks for users."""
        split = urlsplit(target)
        query = {name: one[0] for name, one in parse_qs(split.query).items()}
        failing = self.failing.get(len(self.asked))
        self.asked.append(query)
        if failing is not None:
            return (200, failing) if isinstance(failing, bytes) else (failing, {"error": {"code": failing}})
        if split.path != "/admin/directory/v1/users" or authorization.removeprefix("Bearer ") not in self.tokens:
            return 401, {"error": {"code": 401}}
        if query.get("customer") != "my_customer" or not 1 <= int(query.get("maxResults", "100")) <= 500:
            return 400, {"error": {"code": 400}}
        everybody = sorted(self.users.values(), key=lambda one: one["primaryEmail"])
        start = int(query.get("pageToken", "page-0").removeprefix("page-"))
        users = everybody[start : start + self.page]
        answer: dict[str, Any] = {"kind": "admin#directory#users"}
        if users:
            answer["users"] = users
        if start + self.page < len(everybody):
            answer["nextPageToken"] = f"page-{start + self.page}"
        return 200, answer
