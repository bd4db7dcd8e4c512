"""Google's credentials for an exporter of telemetry.

Source: Google Cloud "Telemetry API" (authentication).
"""

from __future__ import annotations

import google.auth
import google.auth.exceptions
import google.auth.transport.requests
import requests

from affidavit.errors import Misconfigured

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def authorized_session() -> requests.Session:
    """Return what sends requests as this process's account.

    Raises:
        Misconfigured: There are no credentials.
    """
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise Misconfigured("there are no credentials to send telemetry to Google Cloud with") from error
    session: requests.Session = google.auth.transport.requests.AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return session
