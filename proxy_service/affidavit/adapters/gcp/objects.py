"""Objects of one bucket: one request each, with our own deadlines, and errors that say what to do.

Never lists what it only writes: whoever creates needs `storage.objects.create` and nothing else.

Source: google-cloud "Cloud Storage"; the JSON API's `Objects`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.storage import Bucket, Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter

from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.errors import Misconfigured, Unavailable

CONNECTIONS = 32  # kept open; as many requests go side by side, at most
ATTEMPT = (3.05, 20.0)  # seconds to connect, and between two bytes of an answer
DEADLINE = 30.0  # seconds for one request with all its attempts
BINARY = "application/octet-stream"
CHECKSUM = "crc32c"

_RETRY = DEFAULT_RETRY.with_timeout(DEADLINE).with_delay(initial=0.1, maximum=2.0, multiplier=2.0)
_FAILURES = (exceptions.GoogleAPIError, GoogleAuthError, requests.RequestException, DataCorruption, InvalidResponse)


def open_client(project: str | None, environment: Mapping[str, str]) -> Client:
    """Return a client of Cloud Storage, or of what `STORAGE_EMULATOR_HOST` names; asks nothing of the network yet.

    Raises:
        Misconfigured: There are no credentials, or an emulator is named on Cloud Run.
    """
    refuse_emulators(environment)
    emulator = environment.get("STORAGE_EMULATOR_HOST")
    try:
        client = (
            Client(
                project=project or "emulated",
                credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
                client_options={"api_endpoint": emulator},
            )
            if emulator
            else Client(project=project)
        )
    except (DefaultCredentialsError, OSError) as error:  # the client raises the latter where it finds no project
        raise Misconfigured(
            "there are no Google credentials: run as a service account, or `gcloud auth application-default login`"
        ) from error
    for scheme in ("https://", "http://"):
        client._http.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=CONNECTIONS))  # noqa: SLF001 no other way
    return client


class Objects:
    """The objects of one bucket.

    Args:
        client: From `open_client`.
        bucket: Its name.
    """

    def __init__(self, client: Client, bucket: str) -> None:
        self.bucket = bucket
        self._client = client
        self._bucket = Bucket(client, bucket)

    def insert(self, name: str, data: bytes, *, generation: int) -> bool:
        """Write an object in place of a generation, 0 for none; return False where another is there.

        An upload whose answer was lost is sent again and then finds itself: False may mean one's own bytes.

        Raises:
            Unavailable: It may have been written, whole.
        """
        try:
            with self._translated(f"write {name}"):
                self._bucket.blob(name).upload_from_string(
                    data,
                    content_type=BINARY,
                    if_generation_match=generation,
                    checksum=CHECKSUM,
                    timeout=ATTEMPT,
                    retry=_RETRY,
                )
        except _Taken:
            return False
        return True

    def read(self, name: str) -> tuple[bytes, int] | None:
        """Return an object's bytes, checked, with its generation, or None where there is none; raises `Unavailable`."""
        blob = self._bucket.blob(name)
        try:
            with self._translated(f"read {name}"):
                data = blob.download_as_bytes(raw_download=True, checksum=CHECKSUM, timeout=ATTEMPT, retry=_RETRY)
        except _Absent:
            return None
        return bytes(data), int(blob.generation)

    def holds(self, name: str) -> bool:
        """Tell whether there is such an object; raises `Unavailable`."""
        with self._translated(f"look for {name}"):
            return bool(self._bucket.blob(name).exists(timeout=ATTEMPT, retry=_RETRY))

    def names(self, prefix: str, start: str) -> Iterator[str]:
        """Yield the names under a prefix in byte order, from `start` on; raises `Unavailable`."""
        with self._translated(f"list {prefix}"):
            listed = self._client.list_blobs(
                self._bucket,
                prefix=prefix or None,
                start_offset=start or None,
                fields="items(name),nextPageToken",
                timeout=ATTEMPT,
                retry=_RETRY,
            )
            for blob in listed:
                yield blob.name

    def remove(self, name: str) -> None:
        """Remove an object that may be gone already; raises `Unavailable`."""
        with contextlib.suppress(_Absent), self._translated(f"remove {name}"):
            self._bucket.blob(name).delete(timeout=ATTEMPT, retry=_RETRY)

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except exceptions.PreconditionFailed as error:
            raise _Taken from error
        except exceptions.NotFound as error:
            if _is_about_the_bucket(error):
                raise Unavailable(f"there is no bucket {self.bucket}: terraform/audit makes it") from error
            raise _Absent from error
        except (exceptions.Forbidden, exceptions.Unauthorized) as error:
            raise Unavailable(f"gs://{self.bucket}: may not {what}: {_permission(error)}") from error
        except _FAILURES as error:
            raise Unavailable(f"gs://{self.bucket}: could not {what}: {type(error).__name__}") from error


class _Taken(Exception):
    """Another generation is there."""


class _Absent(Exception):
    """There is no such object."""


def _is_about_the_bucket(error: Any) -> bool:
    return "bucket does not exist" in str(error).lower()


def _permission(error: Any) -> str:
    """Return what an answer 403 says of why, without whom it says it of."""
    text = str(error)
    if "retentionPolicyNotMet" in text or "retention policy" in text:
        return "its retention period is not over"
    for word in text.replace("'", " ").split():
        if word.startswith("storage.") and word.count(".") == 2:  # noqa: PLR2004 storage.objects.create
            return f"this account lacks {word} there"
    return "this account lacks the permission"
