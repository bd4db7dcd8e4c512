"""Where issuers publish their keys: a mounted file, or an address.

Source: RFC 7517 section 5; OpenID Connect Discovery 1.0 section 3 (`jwks_uri`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from affidavit.errors import Unavailable

MAX_KEY_SET = 1024 * 1024  # bytes
TIMEOUT = 5.0  # seconds

Fetch = Callable[[], Awaitable[bytes]]


def from_file(path: Path) -> Fetch:
    """Return a way to read a mounted key set."""

    async def fetch() -> bytes:
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from error

    return fetch


def from_uri(uri: str) -> Fetch:
    """Return a way to fetch a published key set; a redirect is not followed."""

    async def fetch() -> bytes:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(uri, allow_redirects=False) as response,
            ):
                body = await response.content.read(MAX_KEY_SET + 1)
                while len(body) <= MAX_KEY_SET and (more := await response.content.read(MAX_KEY_SET)):
                    body += more
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"{uri} does not answer") from error
        if response.status != 200 or len(body) > MAX_KEY_SET:  # noqa: PLR2004
            raise Unavailable(f"{uri} answers with status {response.status} and {len(body)} bytes")
        return body

    return fetch
