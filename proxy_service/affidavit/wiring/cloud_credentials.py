"""Where a credential of Google's comes from, by what the configuration says of it.

Source: architecture "Configuration" (`upstreams[].credential`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from affidavit.adapters.gcp.credentials import own_access_token, own_id_token, secret_header
from affidavit.adapters.gcp.impersonation import IamCredentials, open_iam_credentials
from affidavit.adapters.gcp.secrets import Secrets, open_secrets
from affidavit.errors import Misconfigured
from affidavit.gateway.credentials import Fetch
from affidavit.policy.credentials import GoogleAccessToken, GoogleIdToken, SecretHeader

GoogleEntry = GoogleIdToken | GoogleAccessToken | SecretHeader


def open_fetch(entry: GoogleEntry, environment: Mapping[str, str]) -> Fetch:
    """Return what fetches a credential; asks nothing of the network yet.

    Raises:
        Misconfigured: There are no Google credentials, no project, or an emulator is named on Cloud Run.
    """
    if isinstance(entry, SecretHeader):
        return partial(secret_header, entry, _secrets(entry, environment))
    iam = open_iam_credentials(environment) if entry.impersonate else None
    if isinstance(entry, GoogleIdToken):
        return _id_token(entry, iam)
    return _access_token(entry, iam)


def _id_token(entry: GoogleIdToken, iam: IamCredentials | None) -> Fetch:
    if iam is not None and entry.impersonate is not None:
        return partial(iam.id_token, entry.impersonate, entry.audience)
    return partial(own_id_token, entry.audience)


def _access_token(entry: GoogleAccessToken, iam: IamCredentials | None) -> Fetch:
    if iam is not None and entry.impersonate is not None:
        return partial(iam.access_token, entry.impersonate, entry.scopes)
    return partial(own_access_token, entry.scopes)


def _secrets(entry: SecretHeader, environment: Mapping[str, str]) -> Secrets:
    project = environment.get("AFFIDAVIT_PROJECT", "")
    if not project and entry.secret.startswith("secret:"):
        raise Misconfigured(
            f"which project {entry.secret} is in is not known: set AFFIDAVIT_PROJECT, or write "
            f"projects/PROJECT/secrets/{entry.secret.removeprefix('secret:').partition('@')[0]}/versions/latest"
        )
    return Secrets(open_secrets(environment), project)
