"""Sources of credentials that need Google's libraries.

Source: mcp "Duties" (a credential of the gateway's own).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from affidavit.adapters.gcp.credentials import GoogleTokens, secret
from affidavit.adapters.gcp.secrets import Secrets, open_secrets
from affidavit.errors import Misconfigured
from affidavit.gateway.credentials import Fetched
from affidavit.policy.configuration import CloudCredential, GoogleAccessToken, GoogleIdToken


def open_source(credential: CloudCredential, environment: Mapping[str, str]) -> Callable[[], Fetched]:
    """Return what gives a credential; asks nothing of the network yet.

    Raises:
        Misconfigured: A secret is named without its project, and none is known.
    """
    if isinstance(credential, GoogleIdToken):
        return GoogleTokens(environment).id_token(credential)
    if isinstance(credential, GoogleAccessToken):
        return GoogleTokens(environment).access_token(credential)
    project = environment.get("AFFIDAVIT_PROJECT", "")
    if not project and credential.secret.startswith("secret:"):
        raise Misconfigured(
            f"{credential.secret}: set AFFIDAVIT_PROJECT, or write projects/PROJECT/secrets/NAME/versions/latest"
        )
    return secret(credential, Secrets(open_secrets(environment), project))
