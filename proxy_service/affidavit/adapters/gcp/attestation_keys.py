"""Google's public keys, for attestations: fetched over HTTPS, a bounded answer in bounded time.

Source: Google Cloud, "Verify the identity of instances"; RFC 7517 section 5.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import requests

from affidavit.errors import Unavailable

MAX_ANSWER = 64 * 1024  # bytes; Google's set has about three thousand
TIMEOUT = 3.0  # seconds, for the connection and between two pieces of the answer
DEADLINE = 6.0  # seconds, for all of it

_OK = 200
_PIECE = 16 * 1024


def from_address(address: str, *, ticks: Callable[[], float] = time.monotonic) -> Callable[[], bytes]:
    """Return a way to fetch a key set; a redirect is not followed. Raises `Unavailable` when it is called."""

    def fetch() -> bytes:
        try:
            with requests.get(address, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
                body = _read(answer, ends=ticks() + DEADLINE, ticks=ticks)
        except requests.RequestException as error:
            raise Unavailable(f"{address} does not answer ({type(error).__name__})") from error
        if answer.status_code != _OK or len(body) > MAX_ANSWER:
            raise Unavailable(f"{address} answers with status {answer.status_code} and {len(body)} bytes or more")
        return body

    return fetch


def _read(answer: requests.Response, *, ends: float, ticks: Callable[[], float]) -> bytes:
    body = b""
    for piece in answer.iter_content(_PIECE):
        body += piece
        if len(body) > MAX_ANSWER:
            break
        if ticks() > ends:
            raise requests.Timeout
    return body
