"""Identity tokens of the service account that this process runs as, from the metadata server.

Source: evidence-format section 3 (`attestation`); Compute Engine "Verifying the identity of instances".
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

import requests
import urllib3

from affidavit.errors import Misconfigured, Unavailable

ATTEMPTS, PAUSE = 3, 0.5  # seconds
TIMEOUT = 3.0  # seconds
_HOST = "metadata.google.internal"
_PATH = "/computeMetadata/v1/instance/service-accounts/default/identity"
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


def attestation(environment: Mapping[str, str], audience: str) -> str:
    """Return a token of this process's service account for an audience.

    Raises:
        Misconfigured: There is no metadata server, so this is not Google Cloud.
        Unavailable: It does not give one.
    """
    host = environment.get("GCE_METADATA_HOST", _HOST)
    session = requests.Session()
    session.trust_env = False  # no proxy of the environment comes between
    reached, failure = False, None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE)
        try:
            answer = session.get(
                f"http://{host}{_PATH}",
                params={"audience": audience, "format": "full"},
                headers={"Metadata-Flavor": "Google"},
                timeout=TIMEOUT,
            )
        except requests.RequestException as error:
            reached, failure = reached or not _could_not_connect(error), error
            continue
        reached = True
        if answer.ok and _JWT.fullmatch(answer.text.strip()):
            return answer.text.strip()
    if not reached:
        raise Misconfigured(
            f"no metadata server answers at {host}: a writer's key is attested on Google Cloud; elsewhere, serve with "
            "--data"
        ) from failure
    raise Unavailable(
        "the metadata server gives no identity token: does this service run as a service account?"
    ) from failure


def _could_not_connect(error: requests.RequestException) -> bool:
    """Return whether nothing took the connection, or the host's name means nothing; a broken one was taken."""
    return any(isinstance(cause, urllib3.exceptions.MaxRetryError) for cause in error.args)
