"""What directories need of Google Cloud: their secrets out of Secret Manager.

Source: architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from affidavit.adapters.gcp.secrets import Secrets, open_secrets
from affidavit.errors import Misconfigured


def open_secret(reference: str, environment: Mapping[str, str]) -> Callable[[], bytes]:
    """Return how a secret is read; asks nothing of the network yet.

    Raises:
        Misconfigured: There are no Google credentials, or no project.
    """
    project = environment.get("AFFIDAVIT_PROJECT", "")
    if not project and reference.startswith("secret:"):
        raise Misconfigured(f"which project {reference} is in is not known: set AFFIDAVIT_PROJECT")
    secrets = Secrets(open_secrets(environment), project)
    return lambda: secrets.read(reference).value
