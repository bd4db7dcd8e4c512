"""Where credentials for upstreams come from: Google's tokens, of this process's account or of one that it may act as.

Blocks; never prints a token.

Source: Cloud Run "Service-to-service authentication"; IAM Service Account Credentials API v1 (`generateIdToken`,
`generateAccessToken`); google-auth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import google.auth
import requests
from google.auth import jwt
from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import id_token

from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.adapters.gcp.secrets import Secrets
from affidavit.clock import SECOND, Micros
from affidavit.errors import Misconfigured, Unavailable
from affidavit.gateway.credentials import Fetched
from affidavit.policy.configuration import GoogleAccessToken, GoogleIdToken, SecretCredential

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
LIFETIME = "3600s"  # of an access token of another account
TIMEOUT = 10.0  # seconds
_IAM = "https://iamcredentials.googleapis.com"
_FORBIDDEN, _MISSING = 403, 404
Source = Callable[[], Fetched]


class GoogleTokens:
    """Gives tokens of one process.

    Args:
        environment: `IAM_CREDENTIALS_EMULATOR_HOST` is for tests.
        default: Google's credentials of this process for scopes; raises `GoogleAuthError`.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        default: Callable[[Sequence[str]], Credentials] = lambda scopes: google.auth.default(scopes=scopes)[0],
    ) -> None:
        refuse_emulators(environment)
        emulator = environment.get("IAM_CREDENTIALS_EMULATOR_HOST")
        self._iam = f"http://{emulator}" if emulator else _IAM
        self._default = default

    def id_token(self, entry: GoogleIdToken) -> Source:
        """Return a source of identity tokens for an audience."""
        about = {"account": entry.impersonate, "audience": entry.audience, "kind": "google_id_token"}

        def fetch() -> Fetched:
            if entry.impersonate is None:
                token, expires = self._own_id_token(entry.audience)
            else:
                body = {"audience": entry.audience, "includeEmail": True}
                token = self._as(entry.impersonate, "generateIdToken", body)["token"]
                expires = _expiry_of(token)
            return Fetched(_bearer(token), expires, about)

        return fetch

    def access_token(self, entry: GoogleAccessToken) -> Source:
        """Return a source of access tokens with scopes."""
        about = {"account": entry.impersonate, "kind": "google_access_token", "scopes": list(entry.scopes)}

        def fetch() -> Fetched:
            if entry.impersonate is None:
                token, expires = self._own_access_token(entry.scopes)
            else:
                body = {"scope": list(entry.scopes), "lifetime": LIFETIME}
                answer = self._as(entry.impersonate, "generateAccessToken", body)
                token, expires = answer["accessToken"], _moment(answer["expireTime"])
            return Fetched(_bearer(token), expires, about)

        return fetch

    def _own_id_token(self, audience: str) -> tuple[str, Micros]:
        try:
            credentials: Any = id_token.fetch_id_token_credentials(audience, Request())  # type: ignore[no-untyped-call]
            credentials.refresh(Request())
        except DefaultCredentialsError as error:
            raise Misconfigured(
                "no identity token can be had here: run as a service account (a person's own credentials give none for "
                "an audience), or name an account with `impersonate`"
            ) from error
        except (GoogleAuthError, requests.RequestException) as error:
            raise Unavailable(f"Google gives no identity token ({type(error).__name__})") from error
        return str(credentials.token), _expiry_of(str(credentials.token))

    def _own_access_token(self, scopes: Sequence[str]) -> tuple[str, Micros]:
        credentials: Any = self._credentials(scopes)
        try:
            credentials.refresh(Request())
        except (GoogleAuthError, requests.RequestException) as error:
            raise Unavailable(f"Google gives no access token ({type(error).__name__})") from error
        return str(credentials.token), _micros(credentials.expiry.replace(tzinfo=UTC))

    def _as(self, account: str, method: str, body: Mapping[str, Any]) -> Mapping[str, str]:
        """Ask for a token of another account."""
        session: Any = AuthorizedSession(self._credentials([CLOUD_PLATFORM]))  # type: ignore[no-untyped-call]
        url = f"{self._iam}/v1/projects/-/serviceAccounts/{account}:{method}"
        try:
            answer = session.post(url, json=body, timeout=TIMEOUT)
            told: Mapping[str, str] = answer.json() if answer.ok else {}
        except (GoogleAuthError, requests.RequestException, ValueError) as error:
            raise Unavailable(f"no token of {account}: no answer ({type(error).__name__})") from error
        finally:
            session.close()
        if answer.status_code in (_FORBIDDEN, _MISSING):
            raise Misconfigured(
                f"this process may not act as {account}: grant it roles/iam.serviceAccountTokenCreator on that "
                "account, and enable iamcredentials.googleapis.com"
            )
        if not answer.ok:
            raise Unavailable(f"no token of {account}: status {answer.status_code}")
        return told

    def _credentials(self, scopes: Sequence[str]) -> Credentials:
        try:
            return self._default(scopes)
        except GoogleAuthError as error:
            raise Misconfigured(
                "there are no Google credentials: run as a service account, or `gcloud auth application-default login`"
            ) from error


def secret(entry: SecretCredential, secrets: Secrets) -> Source:
    """Return a source of a secret in a header, newest version first seen at the next look."""

    def fetch() -> Fetched:
        found = secrets.read(entry.secret)
        about = {"kind": "secret", "secret": entry.secret, "version": found.version}
        return Fetched({entry.name: entry.value(found.value)}, None, about)

    return fetch


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _expiry_of(token: str) -> Micros:
    """Return when an identity token runs out; it comes from Google, so nobody has to verify it here."""
    try:
        return int(jwt.decode(token, verify=False)["exp"]) * SECOND  # type: ignore[no-untyped-call]
    except (ValueError, KeyError) as error:
        raise Unavailable("Google's identity token cannot be read") from error


def _moment(text: str) -> Micros:
    try:
        return _micros(datetime.fromisoformat(text))
    except ValueError as error:
        raise Unavailable("Google's access token has no time when it runs out") from error


def _micros(at: datetime) -> Micros:
    return int(at.timestamp()) * SECOND
