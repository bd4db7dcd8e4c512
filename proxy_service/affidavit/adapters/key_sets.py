"""Where issuers publish their keys: a mounted file, or an address.

Source: RFC 7517 section 5; OpenID Connect Discovery 1.0 section 3 (`jwks_uri`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from affidavit.errors import Unavailable
from affidavit.policy.fields import secure_url

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


def from_discovery(issuer: str) -> Fetch:
    """Return a way to fetch the key set that an issuer's discovery document names, anew each time.

    Source: OpenID Connect Discovery 1.0 sections 4.1 and 4.3: the document's `issuer` is the issuer, to the character.
    """

    async def fetch() -> bytes:
        document = await from_uri(f"{issuer.removesuffix('/')}/.well-known/openid-configuration")()
        try:
            found = json.loads(document)
            uri = found["jwks_uri"] if found["issuer"] == issuer else None
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Unavailable(f"{issuer}: its discovery document is none") from error
        if uri is None:
            raise Unavailable(f"{issuer}: its discovery document is of another issuer")
        try:
            uri = secure_url(uri)
        except (ValueError, TypeError) as error:
            raise Unavailable(
                f"{issuer}: its discovery document names no address of keys that can be believed"
            ) from error
        return await from_uri(uri)()

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
