"""A token in a file that somebody else keeps fresh: read again when the file changes, and when the token grows old.

Kubernetes' projected tokens and sidecars write such files.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from affidavit.clock import Clock
from affidavit.connect.challenge import Challenge
from affidavit.connect.tokens.token import MAX_TOKEN, Token, read_token
from affidavit.errors import Unavailable


class TokenFile:
    """A `Source`: the file's whole content, without blanks around it."""

    needs_challenge = False
    steps_up = False

    def __init__(self, path: Path, clock: Clock) -> None:
        self.name = f"the file {path}"
        self._path = path
        self._clock = clock
        self._read_as: object = None

    @property
    def superseded(self) -> bool:
        """See `Source.superseded`: the file is another one now."""
        return self._state() not in (None, self._read_as)  # one that is gone may come again

    async def fetch(self, *, refused: Token | None, challenge: Challenge | None) -> Token:  # noqa: ARG002 a file asks nobody
        """See `Source.fetch`."""
        return await asyncio.to_thread(self._read)

    def _state(self) -> object:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> Token:
        self._read_as = self._state()
        try:
            with self._path.open("rb") as opened:
                content = opened.read(MAX_TOKEN + 64)  # and blanks around it
        except OSError as error:
            raise Unavailable(f"{self.name} cannot be read: {error.strerror}") from error
        return read_token(content.decode("ascii", "replace"), source=self.name, now=self._clock())
