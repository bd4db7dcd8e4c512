"""Tokens of another service account than this process's own, from IAM Credentials.

Never asks for more than one account in a row: an account that may impersonate is granted that on the other directly.

Source: IAM Service Account Credentials API v1 (`generateIdToken`, `generateAccessToken`, `signJwt`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import google.auth
import google.auth.jwt
import google.auth.transport.requests
import requests
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

from affidavit.adapters.gcp.credentials import NO_CREDENTIALS, TIMEOUT, Patience, bearer
from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.clock import SECOND
from affidavit.errors import Misconfigured, Unavailable
from affidavit.gateway.credentials import Fetched

LIFETIME = "3600s"  # the longest that needs no policy of the organisation
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_ADDRESS = "https://iamcredentials.googleapis.com"
_MENDS: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "IAM takes no such audience or scope",
    HTTPStatus.FORBIDDEN: "the gateway may not make tokens of it: grant roles/iam.serviceAccountTokenCreator on that "
    "account to the gateway's, and `gcloud services enable iamcredentials.googleapis.com`",
    HTTPStatus.NOT_FOUND: "there is no such service account",
}


class IamCredentials:
    """Makes tokens.

    Args:
        session: Sends requests as this process's own account.
        address: Of the service, without a slash at the end.
    """

    def __init__(self, session: requests.Session, address: str) -> None:
        self._session = session
        self._address = address

    def id_token(self, account: str, audience: str) -> Fetched:
        """Return an ID token of an account.

        Raises:
            Misconfigured: There is no such account, or this one may not.
            Unavailable: No answer.
        """
        answer = self._post(account, "generateIdToken", {"audience": audience, "includeEmail": True})
        headers = bearer(answer.get("token"))
        try:
            expires = int(google.auth.jwt.decode(answer["token"], verify=False)["exp"])  # type: ignore[no-untyped-call]
        except (GoogleAuthError, ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{account}: what IAM gave is no ID token") from error
        record = {"account": account, "audience": audience, "kind": "google_id_token"}
        return Fetched(headers, expires * SECOND, record)

    def access_token(self, account: str, scopes: Sequence[str]) -> Fetched:
        """Return an access token of an account; raises as `id_token` does."""
        answer = self._post(account, "generateAccessToken", {"lifetime": LIFETIME, "scope": list(scopes)})
        headers = bearer(answer.get("accessToken"))
        try:
            expires = int(datetime.fromisoformat(answer["expireTime"]).timestamp())
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{account}: IAM does not say how long its token lives") from error
        record = {"account": account, "kind": "google_access_token", "scopes": list(scopes)}
        return Fetched(headers, expires * SECOND, record)

    def sign_jwt(self, account: str, claims: Mapping[str, Any]) -> str:
        """Return claims signed as a JWT by an account's key that Google keeps; raises as `id_token` does."""
        signed = self._post(account, "signJwt", {"payload": json.dumps(claims)}).get("signedJwt")
        if not isinstance(signed, str) or not signed:
            raise Unavailable(f"{account}: what IAM gave is no signed JWT")
        return signed

    def _post(self, account: str, method: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        url = f"{self._address}/v1/projects/-/serviceAccounts/{account}:{method}"
        try:
            answer = self._session.post(url, json=content, timeout=TIMEOUT)
            if answer.status_code in _MENDS:
                raise Misconfigured(f"{account}: {_MENDS[answer.status_code]}")
            if answer.status_code != HTTPStatus.OK:
                raise Unavailable(f"{account}: IAM answers {answer.status_code}")
            value = answer.json()
        except (requests.RequestException, GoogleAuthError) as error:
            raise Unavailable(f"{account}: IAM gives no answer ({type(error).__name__})") from error
        return value if isinstance(value, dict) else {}


def open_iam_credentials(environment: Mapping[str, str]) -> IamCredentials:
    """Return IAM Credentials, or what `IAM_CREDENTIALS_EMULATOR_HOST` names.

    Raises:
        Misconfigured: There are no credentials, or an emulator is named on Cloud Run.
    """
    refuse_emulators(environment)
    if emulator := environment.get("IAM_CREDENTIALS_EMULATOR_HOST"):
        return IamCredentials(requests.Session(), f"http://{emulator}")
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError as error:
        raise Misconfigured(NO_CREDENTIALS) from error
    session: requests.Session = google.auth.transport.requests.AuthorizedSession(  # type: ignore[no-untyped-call]
        credentials, auth_request=Patience()
    )
    return IamCredentials(session, _ADDRESS)
