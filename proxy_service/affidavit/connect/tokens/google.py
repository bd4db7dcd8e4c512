"""A token by Google's own libraries: of a service account's key, or of an account that this one may impersonate.

The libraries are somebody else's to load (`wiring/cloud_tokens.py`); here is what they give.

Source: google-auth "User guide" (identity tokens); IAM Service Account Credentials API v1 (`generateIdToken`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from affidavit.clock import Clock, Micros
from affidavit.connect.challenge import Challenge
from affidavit.connect.tokens.resource import Audience
from affidavit.connect.tokens.token import Token, read_token

IdToken = Callable[[str], tuple[str, Micros | None]]  # audience → token, when it ends; blocks


class GoogleToken:
    """A `Source`: identity tokens with an audience.

    Args:
        id_token: Asks Google; raises as `Source.fetch` does.
        audience: Finds out whom the token shall be for.
        clock: Now.
    """

    name = "Google"
    needs_challenge = False
    steps_up = False
    superseded = False

    def __init__(self, id_token: IdToken, audience: Audience, clock: Clock) -> None:
        self._id_token = id_token
        self._audience = audience
        self._clock = clock

    async def fetch(self, *, refused: Token | None, challenge: Challenge | None) -> Token:  # noqa: ARG002 Google is not told
        """See `Source.fetch`."""
        text, expires = await asyncio.to_thread(self._id_token, await self._audience())
        return read_token(text, source=self.name, now=self._clock(), expires=expires)
