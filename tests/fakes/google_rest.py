"""Google's REST interfaces as one server, with as much behind them as a doctor can see.

It answers in the shapes of the services' discovery documents, and enforces what a look from outside rests on: what is
not there is 404, what the account may not see is 403, and `testIamPermissions` of a topic, secret or key that is not
there is an empty answer, not a 404. Every service is under a path of its own: `<url>/<service>`.

Source: discovery documents of storage v1, pubsub v1, cloudkms v1, secretmanager v1, firestore v1,
cloudresourcemanager v3, run v1 and v2, iam v1; AIP-193.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import requests

from affidavit.adapters.gcp.inspection.rest import Account, Rest

SERVICES = ("storage", "pubsub", "cloudkms", "secretmanager", "firestore", "cloudresourcemanager", "run", "iam")


@dataclass
class GoogleRest:
    """What is there, and what whoever asks may do.

    Attributes:
        things: By service and path, as its GET answers.
        held: Permissions of whoever asks, by resource (a bucket's is its name).
        uploads: Prefixes under which objects may be created, by bucket; what a condition on names allows.
        policies: By resource.
        hidden: Paths whose GET is 403.
        disabled: Services that are not switched on.
        created: Objects that were really created; nothing that only looks may make one.
        given_up: Uploads that were begun and cancelled.
    """

    things: dict[tuple[str, str], Any] = field(default_factory=dict)
    held: dict[str, set[str]] = field(default_factory=dict)
    uploads: dict[str, tuple[str, ...]] = field(default_factory=dict)
    policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    disabled: set[str] = field(default_factory=set)
    created: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def rest(self) -> Rest:
        return Rest(requests.Session(), {service: f"{self.url}/{service}" for service in SERVICES})  # type: ignore[arg-type]

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any, dict[str, str]]:
        split = urlsplit(target)
        service, _, path = unquote(split.path).removeprefix("/").partition("/")
        query = parse_qs(split.query)
        self.asked.append(f"{method} {service}/{path}")
        if service in self.disabled:
            return 403, _disabled(service), {}
        if service == "storage":
            return self._storage(method, path, query)
        resource, _, verb = path.partition("/")[2].partition(":")
        if verb == "testIamPermissions":
            return 200, _granted(self.held.get(resource, set()), body["permissions"]), {}
        if verb == "getIamPolicy":
            assert method == ("GET" if service == "run" else "POST")
            return self._policy(service, resource, query if service == "run" else body)
        return self._get(service, path, query)

    def _get(self, service: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        if path in self.hidden:
            return 403, _error(403, "PERMISSION_DENIED"), {}
        thing = self.things.get((service, path))
        if thing is None:
            return 404, _error(404, "NOT_FOUND"), {}
        if isinstance(thing, list):  # pages
            at = int(query.get("pageToken", query.get("continue", ["0"]))[0])
            return 200, thing[at], {}
        return (thing["status"], thing["error"], {}) if "error" in thing else (200, thing, {})

    def _policy(self, service: str, resource: str, asked: Any) -> tuple[int, Any, dict[str, str]]:
        version = (
            asked["options.requestedPolicyVersion"][0]
            if service == "run"
            else asked["options"]["requestedPolicyVersion"]
        )
        assert int(version) == 3, "an older one hides conditions"
        if resource in self.hidden:
            return 403, _error(403, "PERMISSION_DENIED"), {}
        if resource not in self.policies:
            return 404, _error(404, "NOT_FOUND"), {}
        bindings = self.policies[resource]
        return 200, {"version": 3, "etag": "BwX", **({"bindings": bindings} if bindings else {})}, {}

    def _storage(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        if method == "DELETE" and path.startswith("session/"):
            self.given_up.append(path.removeprefix("session/"))
            return 499, None, {}
        assert path.startswith(("storage/v1/b/", "upload/storage/v1/b/"))
        bucket, _, rest = path.partition("/b/")[2].partition("/")
        if ("storage", f"storage/v1/b/{bucket}") not in self.things:
            return 404, _error(404, "NOT_FOUND"), {}
        if rest == "iam/testPermissions":
            return 200, _granted(self.held.get(bucket, set()), query["permissions"]), {}
        if path.startswith("upload/"):
            return self._upload(bucket, query)
        return self._get("storage", path, query)

    def _upload(self, bucket: str, query: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        (name,) = query["name"]
        assert query["ifGenerationMatch"] == ["0"]
        if query["uploadType"] != ["resumable"]:
            self.created.append(name)
            return 200, {"name": name}, {}
        allowed = name.startswith(self.uploads.get(bucket, ("\0",)))
        if not allowed and "storage.objects.create" not in self.held.get(bucket, set()):
            return 403, _error(403, "PERMISSION_DENIED"), {}
        return 200, None, {"location": f"{self.url}/storage/session/{name}"}


def _granted(held: set[str], asked: list[str]) -> dict[str, list[str]]:
    found = [permission for permission in asked if permission in held]
    return {"permissions": found} if found else {}


def _error(code: int, status: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": "…", "status": status, **more}}


def precondition() -> dict[str, Any]:
    """What KMS says of a key version that is not enabled."""
    return {"status": 400, "error": _error(400, "FAILED_PRECONDITION")}


def _disabled(service: str) -> dict[str, Any]:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
        "metadata": {"service": f"{service}.googleapis.com", "consumer": "projects/123"},
    }
    return _error(403, "PERMISSION_DENIED", details=[info])


@contextmanager
def google_rest() -> Iterator[GoogleRest]:
    """Serve while the block lasts."""
    google = GoogleRest()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet; otherwise each answer waits for an acknowledgement

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, answer, headers = google.answer(self.command, self.path, json.loads(body) if body else None)
            said = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 as the standard library calls them

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    google.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield google
    finally:
        server.shutdown()
        server.server_close()


def service_account(email: str, project: str | None = None) -> Account:
    return Account(email, is_service=True, project=project, at_home=project is not None)


def person(email: str | None = None) -> Account:
    return Account(email, is_service=False, project=None, at_home=False)
