"""Secrets out of Secret Manager, each with the number of the version that it was.

Never prints a value.

Source: architecture "Configuration" (Secret Manager references); Secret Manager "Data integrity assurance".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import google_crc32c
from google.api_core import exceptions
from google.cloud.secretmanager_v1 import SecretManagerServiceClient

from affidavit.adapters.gcp.grpc import WITHIN, open_service, translated
from affidavit.errors import Misconfigured, Unavailable

_NAME = re.compile(r"projects/[^/]+/secrets/[A-Za-z0-9_-]{1,255}/versions/(latest|[1-9][0-9]*)", re.ASCII)
_SHORT = re.compile(r"secret:([A-Za-z0-9_-]{1,255})(?:@([1-9][0-9]*))?", re.ASCII)
_MENDS: Mapping[type[Exception], str] = {
    exceptions.NotFound: "there is no such secret or version: `gcloud secrets versions add`",
    exceptions.Forbidden: "this account may not read it: grant it roles/secretmanager.secretAccessor on that secret",
    exceptions.FailedPrecondition: "this version is disabled or destroyed: `gcloud secrets versions enable`",
}


@dataclass(frozen=True, slots=True)
class Secret:
    """One value, and which version of the secret it was; its text never shows the value.

    Attributes:
        name: The secret's resource name, as it was asked for.
        version: Its number.
    """

    value: bytes = field(repr=False)
    name: str
    version: str


class Secrets:
    """Reads secrets.

    Args:
        client: From `open_secrets`.
        project: Where secrets are that a reference gives no project of.
    """

    def __init__(self, client: SecretManagerServiceClient, project: str) -> None:
        self._client = client
        self._project = project

    def read(self, reference: str) -> Secret:
        """Return a secret's value: `secret:NAME`, `secret:NAME@VERSION` or a version's resource name.

        Raises:
            Misconfigured: It is not there, not for this account, or the reference is none.
            Unavailable: No answer, or a damaged one.
        """
        name = self._resource(reference)
        with translated(name, _MENDS):
            answer = self._client.access_secret_version(request={"name": name}, **WITHIN)
        value = bytes(answer.payload.data)
        if google_crc32c.value(value) != answer.payload.data_crc32c:
            raise Unavailable(f"{name}: the secret was damaged on its way")
        return Secret(value, name.partition("/versions/")[0], answer.name.rpartition("/")[2])

    def _resource(self, reference: str) -> str:
        if _NAME.fullmatch(reference):
            return reference
        short = _SHORT.fullmatch(reference)
        if short is None:
            raise Misconfigured(f"{reference!r} is no reference to a secret: write secret:NAME or secret:NAME@VERSION")
        return f"projects/{self._project}/secrets/{short[1]}/versions/{short[2] or 'latest'}"


def open_secrets(environment: Mapping[str, str]) -> SecretManagerServiceClient:
    """Return a client of Secret Manager, or of what `SECRET_MANAGER_EMULATOR_HOST` names; raises `Misconfigured`."""
    return open_service(SecretManagerServiceClient, "SECRET_MANAGER_EMULATOR_HOST", environment)
