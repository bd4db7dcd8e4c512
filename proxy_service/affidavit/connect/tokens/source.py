"""What every source of tokens can do.

Trust: a source's word is taken for what it is; the gateway verifies.
"""

from __future__ import annotations

from typing import Protocol

from affidavit.connect.challenge import Challenge
from affidavit.connect.tokens.token import Token


class Source(Protocol):
    """Where tokens come from.

    Attributes:
        name: For people: `the command of --token-command`.
        steps_up: Whether it can give a token with more scope, where a refusal says which.

    Laws:
        1. No error holds a token, or what a source gave in the place of one.
        2. It is asked by one caller at a time.
    """

    name: str
    steps_up: bool

    @property
    def superseded(self) -> bool:
        """Whether there is another token than the last one, although that has not grown old; asked often."""
        ...

    @property
    def needs_challenge(self) -> bool:
        """Whether its first token takes what a refusal says; then a message is first sent without one."""
        ...

    async def fetch(self, *, refused: Token | None, challenge: Challenge | None) -> Token:
        """Return a token.

        Args:
            refused: The one that the gateway has just refused, None where the last one only grew old.
            challenge: What the refusal said.

        Raises:
            Unavailable: None now; trying again may help.
            Misconfigured: None, until somebody changes something.
        """
        ...
