"""The users of a Google Workspace, read with domain-wide delegation and without a key.

The service account's assertion is signed by IAM Credentials (`signJwt`) and exchanged for a token of an administrator's
that can read users and nothing else. Never keeps a token. A list that is not complete is no list.

Source: Admin SDK Directory API v1 `users.list`; RFC 7523; Google "Using OAuth 2.0 for server to server applications".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests

from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.adapters.gcp.impersonation import IamCredentials, open_iam_credentials
from affidavit.clock import SECOND, Clock
from affidavit.errors import Misconfigured, Unavailable
from affidavit.identity.reading import ReadUser

SCOPE = "https://www.googleapis.com/auth/admin.directory.user.readonly"
TIMEOUT = 10.0  # seconds for one answer
PAGE = 500  # users, the most that the API gives
MAX_PAGES = 2000  # a million users
MAX_ANSWER = 16 * 1024 * 1024  # bytes of one page
LIFE = 600  # seconds of an assertion, at most 3600
_TOKEN = "https://oauth2.googleapis.com/token"  # noqa: S105 an address
_ADMIN = "https://admin.googleapis.com"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FIELDS = "kind,nextPageToken,users(id,primaryEmail,aliases,nonEditableAliases,suspended,archived)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One Google Workspace, and in whose name it is read.

    Attributes:
        account: The service account with domain-wide delegation.
        token_url, admin_url: Of Google's services.
    """

    customer: str
    admin: str
    account: str
    iam: IamCredentials
    session: requests.Session
    clock: Clock
    token_url: str = _TOKEN
    admin_url: str = _ADMIN

    def read(self) -> list[ReadUser]:
        """Return all users.

        Raises:
            Misconfigured: The account or the administrator may not.
            Unavailable: No answer, or not a complete one.
        """
        token = self._token()
        found: dict[str, ReadUser] = {}
        seen: set[str] = set()
        page: str | None = None
        for _ in range(MAX_PAGES):
            answer = self._page(token, page)
            found.update((one.id, one) for one in map(_user, _users(answer)))
            page = answer.get("nextPageToken")
            if page is None:
                break
            if not isinstance(page, str) or not page or page in seen:
                raise Unavailable("the Directory API does not say how its list goes on")
            seen.add(page)
        else:
            raise Unavailable(f"the Directory API's list has more than {MAX_PAGES} pages")
        if not any(one.active for one in found.values()):
            raise Unavailable("the Directory API names no active user, not even the administrator who asks")
        return list(found.values())

    def _token(self) -> str:
        now = self.clock() // SECOND
        claims = {
            "iss": self.account,
            "sub": self.admin,
            "scope": SCOPE,
            "aud": _TOKEN,
            "iat": now,
            "exp": now + LIFE,
        }
        assertion = self.iam.sign_jwt(self.account, claims)
        form = {"grant_type": _GRANT, "assertion": assertion}
        answer = self._answer("POST", self.token_url, data=form)
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise Unavailable("Google gives no token for the administrator")
        return token

    def _page(self, token: str, page: str | None) -> Mapping[str, Any]:
        query = {"customer": self.customer, "maxResults": str(PAGE), "orderBy": "email", "fields": _FIELDS}
        if page is not None:
            query["pageToken"] = page
        answer = self._answer(
            "GET",
            f"{self.admin_url}/admin/directory/v1/users",
            params=query,
            headers={"Authorization": f"Bearer {token}"},
        )
        if answer.get("kind") != "admin#directory#users":
            raise Unavailable("what the Directory API gives is no list of users")
        return answer

    def _answer(self, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        try:
            with self.session.request(
                method, url, timeout=TIMEOUT, allow_redirects=False, stream=True, **more
            ) as answer:
                status, body = answer.status_code, _bounded(answer)
        except requests.RequestException as error:
            raise Unavailable(f"Google gives no answer ({type(error).__name__})") from error
        if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Misconfigured(
                f"Google answers {int(status)}: allow the client id of {self.account} the scope {SCOPE} in the Admin "
                f"console (Security, API controls, Domain-wide delegation), enable admin.googleapis.com, and name an "
                f"administrator who may read users"
            )
        if status != HTTPStatus.OK:
            raise Unavailable(f"Google answers {status}")
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Unavailable("what Google gives is no JSON") from error
        if not isinstance(value, dict):
            raise Unavailable("what Google gives is no JSON object")
        return value


def open_workspace(customer: str, admin: str, account: str, environment: Mapping[str, str], clock: Clock) -> Workspace:
    """Return a Workspace, of Google's or where `WORKSPACE_EMULATOR_HOST` says; asks nothing of the network yet.

    Raises:
        Misconfigured: There are no credentials, or an emulator is named on Cloud Run.
    """
    refuse_emulators(environment)
    emulator = environment.get("WORKSPACE_EMULATOR_HOST")
    session = requests.Session()
    return Workspace(
        customer=customer,
        admin=admin,
        account=account,
        iam=open_iam_credentials(environment),
        session=session,
        clock=clock,
        token_url=f"http://{emulator}/token" if emulator else _TOKEN,
        admin_url=f"http://{emulator}" if emulator else _ADMIN,
    )


def _bounded(answer: requests.Response) -> bytes:
    body = bytearray()
    for part in answer.iter_content(64 * 1024):
        body += part
        if len(body) > MAX_ANSWER:
            raise Unavailable(f"Google's answer has more than {MAX_ANSWER} bytes")
    return bytes(body)


def _users(answer: Mapping[str, Any]) -> list[Any]:
    users = answer.get("users", [])  # left out where there are none
    if not isinstance(users, list):
        raise Unavailable("the Directory API's users are no list")
    return users


def _user(form: Any) -> ReadUser:
    """Return one user; raises `Unavailable` where it is none, since whoever cannot be read must not be forgotten."""
    given = form if isinstance(form, dict) else {}
    user_id, main = given.get("id"), given.get("primaryEmail")
    suspended, archived = given.get("suspended", False), given.get("archived", False)
    others = [*_list(given.get("aliases")), *_list(given.get("nonEditableAliases"))]
    texts = (user_id, main, *others)
    if not all(isinstance(one, str) and one for one in texts) or not {type(suspended), type(archived)} <= {bool}:
        raise Unavailable("a user of the Directory API cannot be read")
    emails = dict.fromkeys(str(one).lower() for one in (main, *others))
    return ReadUser(id=str(user_id), emails=tuple(emails), active=not suspended and not archived)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unavailable("a user of the Directory API cannot be read")
    return value
