"""A directory that pushes: speaks SCIM to a gateway with a secret of its own."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

SECRET = "okta-says-who-is-who-0123456789"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer; `body` is None where there is none."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(slots=True)
class ScimClient:
    """One directory.

    Attributes:
        url: Of the gateway.
        host: What it calls the gateway.
    """

    url: str
    secret: str | None = SECRET
    host: str | None = None

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        """Send one request; `if_match` becomes If-Match."""
        request = urllib.request.Request(f"{self.url}/scim/v2/{path}", method=method)
        if body is not None:
            request.data = body if isinstance(body, bytes) else json.dumps(body).encode()
            request.add_header("Content-Type", "application/scim+json")
        if self.secret is not None:
            request.add_header("Authorization", f"Bearer {self.secret}")
        if self.host is not None:
            request.add_header("Host", self.host)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return _read(answer)
        except urllib.error.HTTPError as error:
            return _read(error)

    def create(self, email: str, **attributes: Any) -> Any:
        """Create a user, as Okta does."""
        usual = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": email,
            "name": {"givenName": "Ana", "familyName": "Example"},
            "emails": [{"primary": True, "value": email, "type": "work"}],
            "displayName": "Ana Example",
            "locale": "en-US",
            "externalId": f"00u-{email}",
            "groups": [],
            "password": "1mz050nq",
            "active": True,
        }
        answer = self.ask("POST", "Users", {**usual, **attributes})
        assert answer.status == 201, answer
        return answer.body

    def patch(self, path: str, *operations: Mapping[str, Any], **headers: str) -> Answered:
        return self.ask("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)

    def deactivate(self, user: str) -> Answered:
        """Lock a user out, as Okta does."""
        return self.patch(f"Users/{user}", {"op": "replace", "value": {"active": False}})

    def search(self, endpoint: str, condition: str, **parameters: str) -> Answered:
        more = "".join(f"&{name}={quote(value)}" for name, value in parameters.items())
        return self.ask("GET", f"{endpoint}?filter={quote(condition)}{more}")


def _read(answer: Any) -> Answered:
    body = answer.read()
    return Answered(answer.status, json.loads(body) if body else None, dict(answer.headers))
