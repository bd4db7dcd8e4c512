"""Google's REST interfaces, as far as looking needs them.

One shape for every service: JSON, 404 for what is not there, 403 for what may not be seen. Never changes anything.

Source: Google API Improvement Proposals 193 (errors) and 127 (HTTP); the services' discovery documents.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import google.auth
import google.auth.exceptions
import google.auth.transport.requests
import requests

from affidavit.errors import AffidavitError, Misconfigured, Unavailable

Service = Literal["storage", "pubsub", "cloudkms", "secretmanager", "firestore", "cloudresourcemanager", "run", "iam"]

TIMEOUT = 10  # seconds for one answer
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_EMULATORS: Mapping[str, Service] = {"STORAGE_EMULATOR_HOST": "storage", "PUBSUB_EMULATOR_HOST": "pubsub"}


class Missing(AffidavitError):
    """There is no such thing."""


class Denied(AffidavitError):
    """This account may not ask, or the thing is not there: Google does not always say which.

    Attributes:
        mend: The command where it is only that the service is not switched on.
    """

    def __init__(self, message: str, mend: str | None = None) -> None:
        super().__init__(message)
        self.mend = mend


class Unusable(AffidavitError):
    """It is there, and not in a state to be used."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whoever is asking.

    Attributes:
        email: None where the credentials do not say.
        is_service: Whether it is a service account, not a person.
        project: The project that the credentials come with.
        at_home: Whether they are those of the machine that this runs on.
    """

    email: str | None
    is_service: bool
    project: str | None
    at_home: bool

    @property
    def member(self) -> str:
        """How IAM policies write it."""
        kind = "serviceAccount" if self.is_service else "user"
        return f"{kind}:{self.email or 'ACCOUNT'}"


class Rest:
    """Asks; answers are JSON objects.

    Args:
        session: Sends requests with this account's credentials.
        endpoints: Where services are, other than at `<service>.googleapis.com`; those are asked without credentials.
    """

    def __init__(self, session: requests.Session, endpoints: Mapping[Service, str]) -> None:
        self._session = session
        self._plain = requests.Session()
        self._endpoints = endpoints

    def get(self, service: Service, path: str, **query: str | list[str]) -> dict[str, Any]:
        """Return what is at a path.

        Raises:
            Missing, Denied, Unusable: As they say.
            Unavailable: No answer, or none that can be understood.
        """
        return self._ask("GET", service, path, params=query)

    def post(self, service: Service, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a question that has a body; raises as `get` does."""
        return self._ask("POST", service, path, json=body)

    def pages(self, service: Service, path: str, field: str, **query: str) -> Iterator[Any]:
        """Yield the members of a list, page by page; raises as `get` does."""
        token = ""
        while True:
            page = self.get(service, path, **query, **({"pageToken": token} if token else {}))
            yield from page.get(field, ())
            token = page.get("nextPageToken", "")
            if not token:
                return

    def held(self, service: Service, resource: str, permissions: frozenset[str]) -> frozenset[str]:
        """Return which of some permissions this account holds; raises as `get` does."""
        asked = sorted(permissions)
        if service == "storage":
            answer = self.get(
                "storage", f"storage/v1/b/{quote(resource, safe='')}/iam/testPermissions", permissions=asked
            )
        else:
            version = "v3" if service == "cloudresourcemanager" else "v1"
            answer = self.post(service, f"{version}/{resource}:testIamPermissions", {"permissions": asked})
        return frozenset(answer.get("permissions", ()))

    def may_create(self, bucket: str, name: str) -> bool:
        """Tell whether an object may be created under a name: an upload is begun, and given up with nothing stored.

        What is allowed on condition of a name cannot be asked of the bucket. Raises as `get` does.
        """
        begun = self._send(
            "POST",
            "storage",
            f"upload/storage/v1/b/{quote(bucket, safe='')}/o",
            params={"uploadType": "resumable", "name": name, "ifGenerationMatch": "0"},
            json={},
        )
        if begun.status_code == HTTPStatus.FORBIDDEN:
            return False
        _read(begun)
        if location := begun.headers.get("location"):
            with contextlib.suppress(requests.RequestException):  # it ends by itself after a week
                self._session_for("storage").delete(location, timeout=TIMEOUT)
        return True

    def _ask(self, method: str, service: Service, path: str, **more: Any) -> dict[str, Any]:
        return _read(self._send(method, service, path, **more))

    def _send(self, method: str, service: Service, path: str, **more: Any) -> requests.Response:
        base = self._endpoints.get(service, f"https://{service}.googleapis.com")
        try:
            return self._session_for(service).request(
                method, f"{base}/{path}", timeout=TIMEOUT, allow_redirects=False, **more
            )
        except (requests.RequestException, google.auth.exceptions.GoogleAuthError) as error:
            raise Unavailable(f"{service} cannot be asked: {type(error).__name__}") from error

    def _session_for(self, service: Service) -> requests.Session:
        return self._plain if service in self._endpoints else self._session


def open_rest(environment: Mapping[str, str]) -> tuple[Rest, Account]:
    """Return the way to Google's services with the credentials that are here, and whose they are.

    Raises:
        Misconfigured: There are none, or they are of no use.
    """
    endpoints = {service: _url(environment[name]) for name, service in _EMULATORS.items() if environment.get(name)}
    try:
        credentials, project = google.auth.default(scopes=[_SCOPE])
        # One of the machine's learns its name by it.
        credentials.refresh(google.auth.transport.requests.Request())  # type: ignore[no-untyped-call]
    except google.auth.exceptions.GoogleAuthError as error:
        if endpoints:
            return Rest(requests.Session(), endpoints), Account(None, is_service=False, project=None, at_home=False)
        raise Misconfigured(
            "there are no credentials to look with: gcloud auth application-default login, or, as a service account, "
            "gcloud auth application-default login --impersonate-service-account=ACCOUNT"
        ) from error
    session = google.auth.transport.requests.AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    email = getattr(credentials, "service_account_email", None)
    account = Account(
        email or getattr(credentials, "account", None) or None,
        is_service=email is not None,
        project=project,
        at_home=type(credentials).__module__.startswith("google.auth.compute_engine"),
    )
    return Rest(session, endpoints), account


def _url(host: str) -> str:
    return host.rstrip("/") if "://" in host else f"http://{host}"


def _read(response: requests.Response) -> dict[str, Any]:
    status = response.status_code
    if status == HTTPStatus.OK:
        return _object(response)
    error = _object(response).get("error", {})
    error = error if isinstance(error, dict) else {}
    if status == HTTPStatus.NOT_FOUND:
        raise Missing("there is no such thing")
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED):
        raise _denied(error)
    if error.get("status") == "FAILED_PRECONDITION":
        raise Unusable("it is not in a state to be used")
    raise Unavailable(f"{response.url.partition('?')[0]} answered {status}")


def _object(response: requests.Response) -> dict[str, Any]:
    try:
        value = response.json() if response.content else {}
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def _denied(error: Mapping[str, Any]) -> Denied:
    for detail in error.get("details", ()):
        if isinstance(detail, dict) and detail.get("reason") == "SERVICE_DISABLED":
            about = detail.get("metadata", {})
            service, consumer = about.get("service", "SERVICE"), about.get("consumer", "projects/PROJECT")
            project = str(consumer).removeprefix("projects/")
            return Denied(f"{service} is not switched on", f"gcloud services enable {service} --project={project}")
    return Denied("this account may not look")
