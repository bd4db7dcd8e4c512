"""The token in use: replaced ahead of its end, by one caller at a time, and at once when the gateway refuses it.

Source: RFC 6750 section 3.1 (`invalid_token`).
"""

from __future__ import annotations

import asyncio

from affidavit.clock import SECOND, Clock, Micros
from affidavit.connect.challenge import Challenge
from affidavit.connect.telling import Tell
from affidavit.connect.tokens.source import Source
from affidavit.connect.tokens.token import Token
from affidavit.errors import AffidavitError

PAUSE: Micros = 5 * SECOND  # after a failed renewal, while the old token still holds


class FreshToken:
    """Keeps the token of one source.

    Args:
        source: Where it comes from.
        clock: Now.
        tell: Hears when a renewal fails.
    """

    def __init__(self, source: Source, clock: Clock, tell: Tell) -> None:
        self.source = source
        self._clock = clock
        self._tell = tell
        self._token: Token | None = None
        self._asking = asyncio.Lock()
        self._not_before: Micros = 0

    @property
    def last(self) -> Token | None:
        """The token as it is, fresh or not."""
        return self._token

    async def current(self) -> Token | None:
        """Return a token that holds for a while; None where the source has to hear a refusal first.

        Raises:
            Unavailable, Misconfigured: As `Source.fetch` says, and the old one is over.
        """
        if self._is_fresh():
            return self._token
        async with self._asking:
            if self._is_fresh():
                return self._token
            if self._token is None and self.source.needs_challenge:
                return None
            return await self._renew()

    async def replace(self, refused: Token | None, challenge: Challenge | None) -> Token:
        """Return another token than the one that the gateway has just refused; asked for once, by whoever comes first.

        Raises:
            Unavailable, Misconfigured: As `Source.fetch` says.
        """
        async with self._asking:
            if self._token is None or self._token is refused:
                self._token = await self.source.fetch(refused=refused, challenge=challenge)
            return self._token

    def _is_fresh(self) -> bool:
        now = self._clock()
        if self._token is None or self.source.superseded:
            return False
        return self._token.renew is None or now < self._token.renew or (now < self._not_before and not self._is_over())

    def _is_over(self) -> bool:
        return self._token is None or (self._token.expires is not None and self._clock() >= self._token.expires)

    async def _renew(self) -> Token:
        try:
            self._token = await self.source.fetch(refused=None, challenge=None)
        except AffidavitError as error:
            if self._token is None or self._is_over():
                raise
            self._not_before = self._clock() + PAUSE
            self._tell(f"the token could not be renewed yet: {error}")
        return self._token
