"""What clients over gRPC have in common: an emulator's channel, and errors that say what to do.

Source: google-cloud; google.api_core "Retry".
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

import grpc
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.errors import Misconfigured, Unavailable

_TRANSIENT = (
    exceptions.Aborted,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ServiceUnavailable,
    exceptions.TooManyRequests,
)
# Seconds: 3 for an answer, 10 in all.
WITHIN: Final[dict[str, Any]] = {
    "retry": Retry(predicate=if_exception_type(*_TRANSIENT), initial=0.1, maximum=1.0, multiplier=2.0, timeout=10.0),
    "timeout": 3.0,
}
C = TypeVar("C")


def open_service(client: type[C], variable: str, environment: Mapping[str, str]) -> C:
    """Return a client of a service, or of what a variable of the environment names.

    Raises:
        Misconfigured: There are no credentials, or an emulator is named on Cloud Run.
    """
    refuse_emulators(environment)
    kind: Any = client
    try:
        if emulator := environment.get(variable):
            transport = kind.get_transport_class("grpc")(channel=grpc.insecure_channel(emulator))
            opened: C = kind(transport=transport)
        else:
            opened = kind()
    except DefaultCredentialsError as error:
        raise Misconfigured(
            "there are no Google credentials: run as a service account, or `gcloud auth application-default login`"
        ) from error
    return opened


@contextlib.contextmanager
def translated(what: str, mends: Mapping[type[Exception], str]) -> Iterator[None]:
    """Turn errors of a service into ours.

    Args:
        what: What is asked for, in words.
        mends: Errors that stay until somebody does something, with what that is.

    Raises:
        Misconfigured: One of those.
        Unavailable: Any other.
    """
    try:
        yield
    except tuple(mends) as error:
        mend = next(mend for kind, mend in mends.items() if isinstance(error, kind))
        raise Misconfigured(f"{what}: {mend}") from error
    except (exceptions.GoogleAPIError, GoogleAuthError) as error:
        raise Unavailable(f"{what}: no answer ({type(error).__name__})") from error
