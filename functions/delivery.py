"""Which error means that a request comes again and which that it does not, for all functions.

Whoever called is told a stable code and an incident's id, never an exception's text: the framework would answer with
it, so nothing escapes from here.

Source: google-cloud "Cloud Run and functions"; Pub/Sub "Push subscriptions" (200 acknowledges, 4xx and 5xx do not).
"""

import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import flask

from affidavit.errors import Conflict, Malformed, Misconfigured, OutcomeUnknown, Unavailable, VerificationFailed

DONE, WRONG_METHOD, WRONG_TYPE, FAILED, COME_AGAIN = 200, 405, 415, 500, 503

# The first that fits. What comes again and again ends with the dead letters, and from there `affidavit redrive` takes
# it up: so nothing is lost by an error that was not foreseen.
REDELIVERED: tuple[tuple[type[Exception], int, str], ...] = (
    (Unavailable, COME_AGAIN, "unavailable"),
    (OutcomeUnknown, COME_AGAIN, "outcome_unknown"),
    (Conflict, COME_AGAIN, "conflict"),
    (Misconfigured, FAILED, "misconfigured"),
    (Exception, FAILED, "internal"),
)
# What is stored contradicts itself, and will for ever: calling again is no help, and somebody has to look. Only for
# functions that bring nothing: a message is acknowledged when it is stored or in quarantine, never for an error.
CONTRADICTIONS = (VerificationFailed, Malformed)
CONTRADICTION = "verification_failed"

T = TypeVar("T")

_diagnostics = logging.getLogger("affidavit.functions")


class Function(Generic[T]):
    """An entry point: opened with the first request, as its environment says, and again until that succeeds.

    Args:
        name: For diagnostics.
        open_: Gives what it runs; raises `Misconfigured`.
        media_type: What a request must be; None where its body does not matter.
        contradiction: The alarm when stored things contradict themselves; None where requests bring something.
        environment: Read by `open_`.
    """

    def __init__(
        self,
        name: str,
        open_: Callable[[Mapping[str, str]], T],
        *,
        media_type: str | None = None,
        contradiction: str | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._name = name
        self._open = open_
        self._media_type = media_type
        self._contradiction = contradiction
        self._environment = environment
        self._opened: T | None = None
        self._lock = threading.Lock()

    def answer(self, request: flask.Request, act: Callable[[T], dict[str, Any]]) -> flask.Response:
        """Answer one request with what `act` returns, or with what its error means."""
        if request.method != "POST":
            return _respond(WRONG_METHOD, {"code": "method_not_allowed"})
        if self._media_type is not None and request.mimetype != self._media_type:
            return _respond(WRONG_TYPE, {"code": "unsupported_media_type"})
        try:
            return _respond(DONE, act(self._handler()))
        except Exception as error:  # noqa: BLE001 the top of a request: nothing of it may reach whoever called
            return self._failed(error)

    def _handler(self) -> T:
        with self._lock:
            if self._opened is None:
                self._opened = self._open(self._environment)
            return self._opened

    def _failed(self, error: Exception) -> flask.Response:
        if self._contradiction is not None and isinstance(error, CONTRADICTIONS):
            return self._told(error, DONE, CONTRADICTION, alarm=self._contradiction)
        status, code = next((status, code) for kind, status, code in REDELIVERED if isinstance(error, kind))
        return self._told(error, status, code)

    def _told(self, error: Exception, status: int, code: str, **fields: str) -> flask.Response:
        incident = uuid.uuid4().hex
        unforeseen = code == "internal"  # of such an error the places are said, not its text: it may hold anything
        what = type(error).__name__ if unforeseen else str(error)
        _diagnostics.error(
            "%s: %s: %s (incident %s)",
            self._name,
            code,
            what,
            incident,
            exc_info=error if unforeseen else None,
            extra={"incident": incident, **fields},
        )
        return _respond(status, {"code": code, "incident": incident})


def _respond(status: int, body: dict[str, Any]) -> flask.Response:
    return flask.Response(json.dumps(body), status, mimetype="application/json")
