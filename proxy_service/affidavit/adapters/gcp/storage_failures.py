"""What an answer of Cloud Storage means: whether to try again, whether anything was written, and how to mend it.

Source: Cloud Storage JSON API, "HTTP status and error codes"; google-cloud "Cloud Storage".
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests
import urllib3
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud.storage.exceptions import DataCorruption

from affidavit.errors import AffidavitError, Misconfigured, OutcomeUnknown, Unavailable

# What goes wrong with a request of Google's client. Of a download it lets urllib3's own errors through, and builtin
# ones where a length is wrong.
ERRORS = (
    GoogleAPICallError,
    GoogleAuthError,
    DataCorruption,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
)
CREATE, REPLACE, READ, DELETE = "create objects", "replace objects", "read objects", "delete objects"

_ROLES = {
    CREATE: "roles/storage.objectCreator",
    READ: "roles/storage.objectViewer",
    REPLACE: "roles/storage.objectUser",
    DELETE: "roles/storage.objectUser",
}
_REFUSED_FOR_NOW = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_RATE_LIMITS = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})  # also as 403
CREDENTIALS = "run as a service account, or `gcloud auth application-default login`"


class Corrupted(Exception):
    """What came is not what was sent, or nothing says that it is."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed.

    Attributes:
        status: Of the answer; 0 where there was none.
        transient: Whether the same may succeed in a moment.
        perhaps_done: Whether it may have been done all the same.
    """

    status: int
    transient: bool
    perhaps_done: bool
    _reason: str = ""
    _text: str = ""

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """Return what an exception of the client means."""
        if isinstance(error, GoogleAPICallError):
            return cls._answered(error)
        if isinstance(error, GoogleAuthError):
            return cls(0, transient=isinstance(error, TransportError) or error.retryable, perhaps_done=False)
        sent = not isinstance(error, Corrupted) and not _never_connected(error)
        return cls(0, transient=True, perhaps_done=sent, _text=type(error).__name__)

    @classmethod
    def _answered(cls, error: GoogleAPICallError) -> Failure:
        status, reason = int(error.code or 0), _reason(error)
        text = str(error.message)
        theirs = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        refused = status in _REFUSED_FOR_NOW or reason in _RATE_LIMITS or _is_mismatch(status, text)
        return cls(status, refused or theirs, theirs, reason, text)

    @property
    def has_other_generation(self) -> bool:
        """Whether the precondition on the generation did not hold."""
        return self.status == HTTPStatus.PRECONDITION_FAILED

    @property
    def may_not_delete(self) -> bool:
        """Whether it is about what stands there: who creates a free name is never asked for the right to delete."""
        return self.status == HTTPStatus.FORBIDDEN and "storage.objects.delete" in self._text

    @property
    def not_found(self) -> bool:
        """Whether there is no such object; a bucket that is not there is another matter."""
        return self.status == HTTPStatus.NOT_FOUND and "bucket does not exist" not in self._text

    def as_error(self, bucket: str, what: str, *, perhaps_done: bool) -> AffidavitError:
        """Return what to raise when this was the last attempt to do `what`."""
        if self.transient:
            sentence = f"Cloud Storage could not {what} in {bucket} in time ({self.status or self._text})"
            return OutcomeUnknown(f"{sentence}, and may have done it") if perhaps_done else Unavailable(sentence)
        if self.status in {0, HTTPStatus.UNAUTHORIZED}:
            return Misconfigured(f"the Google credentials are not accepted: {CREDENTIALS}")
        if self.status == HTTPStatus.NOT_FOUND:
            return Misconfigured(f"there is no bucket {bucket}: apply terraform/audit, or correct its name")
        if self.status != HTTPStatus.FORBIDDEN:
            return Misconfigured(f"Cloud Storage refuses to {what} in {bucket}: {self.status} {self._reason}")
        if self._reason == "retentionPolicyNotMet" or "retention policy" in self._text:
            return Misconfigured(f"a retention policy forbids to {what} in {bucket}: only evidence may have one")
        return Misconfigured(f"this account may not {what} in {bucket}: grant it {_ROLES[what]} on that bucket")


def _is_mismatch(status: int, text: str) -> bool:
    """Tell whether the checksum that was sent along does not fit what arrived."""
    return status == HTTPStatus.BAD_REQUEST and (
        "match" in text and ("CRC32C" in text.upper() or "MD5" in text.upper())
    )


def _reason(error: GoogleAPICallError) -> str:
    """Return the machine-readable reason, "" where there is none; the client keeps it only in the raw answer."""
    with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError):
        answer: Any = error.response
        return str(answer.json()["error"]["errors"][0]["reason"])
    return ""


def _never_connected(error: Exception) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)
