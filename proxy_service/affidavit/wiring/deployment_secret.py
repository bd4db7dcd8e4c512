"""The deployment's secret in Secret Manager, for an auditor who may read it.

Source: evidence-format section 1 (HMAC keys); google-cloud "Secret Manager".
"""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.adapters.gcp.secrets import Secrets, open_secrets


def read_deployment_secret(reference: str, environment: Mapping[str, str]) -> bytes:
    """Return the secret.

    Args:
        reference: `projects/P/secrets/S/versions/V`.
        environment: Where credentials are found.

    Raises:
        Misconfigured: It is not there, or not for this account.
        Unavailable: Secret Manager does not answer.
    """
    return Secrets(open_secrets(environment), project=reference.split("/")[1]).read(reference).value
