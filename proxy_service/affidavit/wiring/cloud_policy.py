"""The configuration out of Secret Manager.

Source: architecture "Configuration"; "Failures" (policy file invalid).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.adapters.gcp.secrets import Secrets, open_secrets
from affidavit.wiring.reloading import LOOK_AT_SECRET, Source


def secret_source(reference: str, environment: Mapping[str, str]) -> Source:
    """Return the source that a secret is: of `…/versions/latest`, a new version is a new configuration.

    Raises:
        Misconfigured: There are no credentials, or the project is not known.
    """
    refuse_emulators(environment)
    secrets = Secrets(open_secrets(environment), environment.get("AFFIDAVIT_PROJECT", ""))
    # A version is created whole. Files that the configuration names are meant from where the process runs.
    return Source(Path(reference), lambda: secrets.read(reference).value, whole=True, look=LOOK_AT_SECRET)
