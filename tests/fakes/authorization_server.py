"""An authorization server on loopback that is strict: PKCE, exact redirects, codes and refresh tokens used once.

`sign_in` is the browser and the person in it: it follows the page to the end, as one who agrees.
"""

import base64
import hashlib
import http.server
import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from fakes.issuer import Issuer

LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Asked:
    """What a code or a refresh token stands for."""

    client: str
    redirect_uri: str
    challenge: str
    resource: str
    scope: str


@dataclass
class AuthorizationServer:
    """One server with one person.

    Attributes:
        email: Who signs in.
        lives: Seconds of an access token.
        clients: Client id → redirect URI, whose port may be any (RFC 8252 section 7.3).
        metadata: Changes what it publishes; a value of None leaves a member out.
        places: Paths under which it publishes.
        refuses: An error that people get instead of a code.
        opaque: Whether access tokens are no JWTs.
        down: Whether the token endpoint fails.
        answers_as: The `iss` of its answers, where it is not its own name.
        token_requests: Forms of token requests, in order.
        pages: Queries of authorization requests, in order.
    """

    email: str = "ana@example.com"
    lives: int = 3600
    clients: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    places: tuple[str, ...] = ("/.well-known/oauth-authorization-server",)
    refuses: str | None = None
    opaque: bool = False
    down: bool = False
    answers_as: str | None = None
    token_requests: list[dict[str, str]] = field(default_factory=list)
    pages: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._codes: dict[str, Asked] = {}
        self._refresh: dict[str, Asked] = {}
        self._server = http.server.ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        self.issuer = Issuer(self.url)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forget_refresh_tokens(self) -> None:
        """As after a password change."""
        self._refresh.clear()

    def published(self) -> dict[str, Any]:
        usual = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "registration_endpoint": f"{self.url}/register",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "scopes_supported": ["openid", "email", "offline_access"],
        }
        return {name: value for name, value in (usual | self.metadata).items() if value is not None}

    def get(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if path in self.places:
            return _json(200, self.published())
        if path == "/authorize":
            return self._authorize(query)
        return _json(404, {})

    def post(self, path: str, kind: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/register":
            wanted = json.loads(body)
            assert wanted["application_type"] == "native"
            client = f"client-{secrets.token_hex(4)}"
            self.clients[client] = wanted["redirect_uris"][0]
            return _json(201, {**wanted, "client_id": client})
        assert kind == "application/x-www-form-urlencoded"
        form = {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}
        self.token_requests.append(form)
        return self._token(form) if not self.down else _json(503, {})

    def _authorize(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.pages.append(query)
        registered = self.clients.get(query.get("client_id", ""))
        redirect = query.get("redirect_uri", "")
        if registered is None or not _same_but_port(registered, redirect):
            return _json(400, {"error": "invalid_client"})
        answer = {"state": query["state"], "iss": self.answers_as or self.url}
        if self.refuses is not None:
            answer["error"] = self.refuses
        elif query.get("code_challenge_method") != "S256" or query.get("response_type") != "code":
            answer["error"] = "invalid_request"
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self._codes[answer["code"]] = Asked(
                query["client_id"], redirect, query["code_challenge"], query["resource"], query["scope"]
            )
        return 302, {"location": f"{redirect}?{urlencode(answer)}"}, b""

    def _token(self, form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if form["grant_type"] == "refresh_token":
            asked = self._refresh.pop(form["refresh_token"], None)
            sound = asked is not None
        else:
            asked = self._codes.pop(form["code"], None)
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            sound = asked is not None and (made, form["redirect_uri"]) == (asked.challenge, asked.redirect_uri)
        if not sound or asked is None or (form["client_id"], form["resource"]) != (asked.client, asked.resource):
            return _json(400, {"error": "invalid_grant", "error_description": "a secret text"})
        refresh = secrets.token_urlsafe(24)
        self._refresh[refresh] = asked
        token = self._jwt(asked)
        opaque = {"access_token": secrets.token_urlsafe(24), "id_token": token}
        grant = opaque if self.opaque else {"access_token": token}
        more = {"token_type": "Bearer", "expires_in": self.lives, "refresh_token": refresh, "scope": asked.scope}
        return _json(200, {**grant, **more})

    def _jwt(self, asked: Asked) -> str:
        claims = {"sub": "ana", "email": self.email, "email_verified": True, "aud": asked.resource}
        return self.issuer.token(**claims, exp=int(time.time()) + self.lives, jti=secrets.token_hex(8))

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self._send(*outer.get(parts.path, query))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._send(*outer.post(urlsplit(self.path).path, self.headers["Content-Type"], body))

            def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Stay quiet."""

        return Handler


def sign_in(page: str) -> str:
    """Open a page and agree to all of it; return what the browser shows in the end."""
    try:
        with urllib.request.urlopen(page, timeout=10) as shown:
            return shown.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def _same_but_port(registered: str, redirect: str) -> bool:
    one, other = urlsplit(registered), urlsplit(redirect)
    return (one.scheme, one.hostname, one.path) == (other.scheme, other.hostname, other.path)


def _json(status: int, value: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return status, {"content-type": "application/json", "cache-control": "no-store"}, json.dumps(value).encode()
