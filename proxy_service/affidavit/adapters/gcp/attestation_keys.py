"""Google's public keys, for attestations: fetched over HTTPS, a bounded answer in bounded time.

Source: Google Cloud, "Verify the identity of instances"; RFC 7517 section 5.
"""

from __future__ import annotations

from collections.abc import Callable

import requests

from affidavit.errors import Unavailable

MAX_ANSWER = 64 * 1024  # bytes; Google's set has about three thousand
TIMEOUT = 5.0  # seconds, for the connection and for each piece of the answer

_OK = 200


def from_address(address: str) -> Callable[[], bytes]:
    """Return a way to fetch a key set; a redirect is not followed."""

    def fetch() -> bytes:
        try:
            with requests.get(address, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
                body = answer.raw.read(MAX_ANSWER + 1, decode_content=True)
                status = answer.status_code
        except (requests.RequestException, OSError) as error:
            raise Unavailable(f"{address} does not answer") from error
        if status != _OK or len(body) > MAX_ANSWER:
            raise Unavailable(f"{address} answers with status {status} and {len(body)} bytes")
        return bytes(body)

    return fetch
