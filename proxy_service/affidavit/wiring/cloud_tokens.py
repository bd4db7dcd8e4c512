"""Identity tokens of Google for a client of the gateway, by Google's libraries.

Source: identity-and-approvals "Tokens"; google-auth "User guide" (identity tokens).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from affidavit.adapters.gcp.credentials import own_id_token
from affidavit.adapters.gcp.impersonation import open_iam_credentials
from affidavit.clock import Micros
from affidavit.gateway.credentials import Fetched

_BEARER = "Bearer "


def open_id_tokens(
    impersonate: str | None, environment: Mapping[str, str]
) -> Callable[[str], tuple[str, Micros | None]]:
    """Return what fetches an ID token for an audience: of this process's own service account, or of another one.

    Raises:
        Misconfigured: There are no Google credentials.
    """
    if impersonate is None:
        return lambda audience: _plain(own_id_token(audience))
    iam = open_iam_credentials(environment)
    return lambda audience: _plain(iam.id_token(impersonate, audience))


def _plain(fetched: Fetched) -> tuple[str, Micros | None]:
    return fetched.headers["Authorization"].removeprefix(_BEARER), fetched.expires
