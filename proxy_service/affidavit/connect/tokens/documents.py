"""JSON objects that others publish or answer: read with a bound, and believed for no more than they are."""

from __future__ import annotations

import json
from typing import Any

from affidavit.connect.http import Http, Reply
from affidavit.errors import OutcomeUnknown, Unavailable

MAX_DOCUMENT = 1024 * 1024  # bytes
TIMEOUT = 10.0  # seconds
_OK = range(200, 300)


async def fetch_object(http: Http, url: str, whose: str) -> dict[str, Any] | None:
    """Return a published object; None where there is none (HTTP 4xx).

    Raises:
        Unavailable: No answer, or one that is none.
    """
    try:
        reply = await http.send("GET", url, {"Accept": "application/json"}, timeout=TIMEOUT)
    except OutcomeUnknown as error:
        raise Unavailable(f"{whose} does not answer") from error
    if 400 <= reply.status < 500:  # noqa: PLR2004 client errors
        return None
    return read_object(reply, whose)


def read_object(reply: Reply, whose: str) -> dict[str, Any]:
    """Return the object that an answer holds.

    Raises:
        Unavailable: It holds none; what it holds is not in the error, for it may be a secret.
    """
    if reply.status not in _OK:
        raise Unavailable(f"{whose} answers with status {reply.status}")
    try:
        value = json.loads(reply.body or b"") if len(reply.body or b"") <= MAX_DOCUMENT else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unavailable(f"{whose} answers with something else than a JSON object")
    return value
