"""What the gateway shows upstreams in its own name: Google's tokens of its account, and values of secrets.

Each function fetches once and keeps nothing. Never prints a token, and never says more of an error than its kind,
because google-auth puts answers into its texts.

Source: google-auth "User guide" (identity tokens); Cloud Run "Authenticating service-to-service".
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import google.auth
import google.auth.transport.requests
import google.oauth2.id_token
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

from affidavit.adapters.gcp.secrets import Secrets
from affidavit.clock import SECOND, Micros
from affidavit.errors import Misconfigured, Unavailable
from affidavit.gateway.credentials import Fetched
from affidavit.policy.credentials import SecretHeader

TIMEOUT = 5.0  # seconds for one answer
NO_CREDENTIALS = "there are no Google credentials: run as a service account, or `gcloud auth application-default login`"
# google-auth does not tell a metadata server that fails from none.
_NO_ID_TOKENS = (
    "only a service account has ID tokens for an audience, and this is not run as one (or the metadata server fails): "
    "say `impersonate`, name a service account's key with GOOGLE_APPLICATION_CREDENTIALS, or run on Google Cloud"
)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750 section 2.1


def own_id_token(audience: str) -> Fetched:
    """Return an ID token of the service account that this process runs as.

    Raises:
        Misconfigured: It runs as none.
        Unavailable: No answer.
    """
    request = Patience()
    with _translated(_NO_ID_TOKENS):
        credentials = google.oauth2.id_token.fetch_id_token_credentials(audience, request)  # type: ignore[no-untyped-call]
        credentials.refresh(request)
    account = _account(credentials)
    record = {"account": account, "audience": audience, "kind": "google_id_token"}
    return Fetched(bearer(credentials.token), _expires(credentials), record)


def own_access_token(scopes: Sequence[str]) -> Fetched:
    """Return an access token of this process's own account; raises as `own_id_token` does."""
    request = Patience()
    with _translated(NO_CREDENTIALS):
        credentials, _ = google.auth.default(scopes=list(scopes), request=request)
        credentials.refresh(request)  # type: ignore[no-untyped-call]
    record = {"account": _account(credentials), "kind": "google_access_token", "scopes": list(scopes)}
    return Fetched(bearer(credentials.token), _expires(credentials), record)


def secret_header(entry: SecretHeader, secrets: Secrets) -> Fetched:
    """Return a header with a secret's value; raises as `Secrets.read` does, and where no header can hold it."""
    secret = secrets.read(entry.secret)
    record = {"kind": "secret", "secret": secret.name, "version": secret.version}
    return Fetched({entry.name: entry.value(secret.value)}, None, record)


def bearer(token: Any) -> Mapping[str, str]:
    """Return the header that a token goes in; raises `Unavailable` where it is none."""
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Unavailable("what Google gave is no token")
    return {"Authorization": f"Bearer {token}"}


class Patience(google.auth.transport.requests.Request):
    """A transport that waits for an answer as long as is bearable here, and not for google-auth's two minutes."""

    def __call__(
        self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = TIMEOUT, **more: Any
    ) -> Any:
        """Send a request."""
        return super().__call__(url, method, body, headers, timeout, **more)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _translated(mend: str) -> Iterator[None]:
    try:
        yield
    except DefaultCredentialsError as error:
        raise Misconfigured(mend) from error
    except (GoogleAuthError, ValueError) as error:
        raise Unavailable(f"Google gives no token ({type(error).__name__})") from error


def _account(credentials: Any) -> str | None:
    return getattr(credentials, "service_account_email", None) or getattr(credentials, "account", None) or None


def _expires(credentials: Any) -> Micros | None:
    expiry: datetime | None = credentials.expiry  # in UTC, and does not say so
    return None if expiry is None else int(expiry.replace(tzinfo=UTC).timestamp()) * SECOND
