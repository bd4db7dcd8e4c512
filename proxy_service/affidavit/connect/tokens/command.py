"""A token that a command prints: `gcloud auth print-identity-token`, a vault's client, a script of one's own.

Runs without a shell. What it says on stderr goes to ours; what it prints is never repeated.
"""

from __future__ import annotations

import asyncio
import asyncio.subprocess
import contextlib
import os
import shlex
import signal
from collections.abc import Sequence

from affidavit.clock import MINUTE, Clock
from affidavit.connect.challenge import Challenge
from affidavit.connect.tokens.token import MAX_TOKEN, Token, read_token
from affidavit.errors import Misconfigured, Unavailable

TIMEOUT = 60.0  # seconds; some commands ask a person
LAST_WORDS = 2.0  # seconds for one that was killed
OPAQUE_LIFE = 5 * MINUTE  # of a token that does not say when it ends


class TokenCommand:
    """A `Source`: the standard output of a command."""

    needs_challenge = False
    steps_up = False
    superseded = False

    def __init__(self, command: Sequence[str], clock: Clock) -> None:
        self.name = f"the command {command[0]}"  # its arguments may be nobody's business
        self._command = command
        self._clock = clock

    async def fetch(self, *, refused: Token | None, challenge: Challenge | None) -> Token:  # noqa: ARG002 a command is not told
        """See `Source.fetch`."""
        printed = await self._run()
        now = self._clock()
        token = read_token(printed, source=self.name, now=now)
        if token.expires is None:
            return Token(token.text, None, now + OPAQUE_LIFE, token.unverified_claims)
        return token

    async def _run(self) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,  # ours is the client's
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no command"
            raise Misconfigured(f"{self.name} cannot be run: {why}") from error
        try:
            async with asyncio.timeout(TIMEOUT):
                printed = await self._printed(process)
                status = await process.wait()
        except TimeoutError as error:
            raise Unavailable(f"{self.name} has printed no token within {TIMEOUT:g} s") from error
        finally:
            await _end(process)
        if status != 0:
            raise Unavailable(f"{self.name} ended with status {status}")
        return printed.decode("ascii", "replace")

    async def _printed(self, process: asyncio.subprocess.Process) -> bytes:
        assert process.stdout is not None  # noqa: S101 it is a pipe
        printed = b""
        while part := await process.stdout.read(MAX_TOKEN):
            printed += part
            if len(printed) > 2 * MAX_TOKEN:
                raise Unavailable(f"what {self.name} prints is too long for a token")
        return printed


def read_command(text: str) -> list[str]:
    """Return the words of a command line; quotes as in a shell, and nothing else of one.

    Raises:
        Misconfigured: There are none, or a quote is open.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Misconfigured("the command of --token-command has an open quote") from error
    if not words:
        raise Misconfigured("the command of --token-command is empty")
    return words


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a command that still runs, with all that it started."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    assert process.stdout is not None  # noqa: S101 it is a pipe
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS):
            while await process.stdout.read(MAX_TOKEN):  # the loop takes no notice of its end before
                pass
            await process.wait()
