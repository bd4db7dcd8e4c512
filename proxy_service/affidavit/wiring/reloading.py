"""The configuration file, read again while the gateway runs: a sound change is in force for the calls that follow.

A file that is wrong, or that changes what a running gateway cannot change, leaves the old one in force, loudly.

Source: architecture "Failures" (policy file invalid), "Configuration".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affidavit.errors import Misconfigured, OutcomeUnknown, Unavailable
from affidavit.policy.configuration import Configuration
from affidavit.policy.document import load
from affidavit.policy.problems import ConfigurationErrors

LOOK = 2.0  # seconds between looks at a file; two looks must agree before it is believed
LOOK_AT_SECRET = 30.0  # seconds between looks at a secret's newest version: each is billed, and a version comes whole
# Sections that are opened at the start, beside upstreams.
FIXED = ("origin", "public_url", "issuers", "directories", "retention")

Read = Callable[[], bytes]
Adopt = Callable[[Configuration], Awaitable[None]]

_diagnostics = logging.getLogger("affidavit.policy")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the configuration comes from.

    Attributes:
        path: Its name in diagnostics; files that it names are meant from its folder.
        read: Returns its bytes now; blocks. Raises `Misconfigured` or `Unavailable`.
        whole: Whether what is read is never half of what somebody is writing.
        look: Seconds between two looks.
    """

    path: Path
    read: Read
    whole: bool
    look: float


def read_source(source: Source) -> Configuration:
    """Return the configuration that is there at the start.

    Raises:
        ConfigurationErrors: Everything that is wrong with it.
        Misconfigured, Unavailable: It cannot be read.
    """
    return load(source.path, source.read())


class Reloading:
    """Looks at the source again and again.

    Args:
        source: Where the configuration is.
        current: What is in force.
        adopt: Puts another one in force; raises `Unavailable` or `OutcomeUnknown` where that cannot be recorded.

    Attributes:
        error: What is wrong with what lies there now, as one sentence; None while it is what is in force.
    """

    def __init__(self, source: Source, current: Configuration, adopt: Adopt) -> None:
        self.current = current
        self.error: str | None = None
        self._source = source
        self._adopt = adopt
        self._seen = current.text
        self._judged = current.text

    async def keep_current(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look again and again, until cancelled."""
        while True:
            await sleep(self._source.look)
            await self.look()

    async def look(self) -> None:
        """Look once, and take what has changed."""
        try:
            text = await asyncio.to_thread(self._source.read)
        except (Misconfigured, Unavailable) as error:
            self._complain(str(error))
            return
        stable = self._source.whole or text == self._seen
        self._seen = text
        if text == self.current.text:
            self.error, self._judged = None, text
        elif stable and text != self._judged:
            await self._take(text)

    async def _take(self, text: bytes) -> None:
        try:
            fresh = await asyncio.to_thread(load, self._source.path, text)
            _check_changeable(self.current, fresh)
            await self._adopt(fresh)
        except (Unavailable, OutcomeUnknown) as error:  # nothing was judged: the next look tries again
            self._complain(f"that it is loaded cannot be recorded now: {error}")
            return
        except (ConfigurationErrors, Misconfigured) as error:
            self._judged = text
            self._complain(_sentence(error))
            return
        self.current, self.error, self._judged = fresh, None, text
        _diagnostics.warning("%s: the policy %s is in force", self._source.path, fresh.digest[:16])

    def read(self) -> dict[str, Any]:
        """Return what `/readyz` shows."""
        return {"digest": self.current.digest, "error": self.error and "what lies there now is not in force"}

    def _complain(self, why: str) -> None:
        if why != self.error:
            _diagnostics.error("%s: the old policy stays in force: %s", self._source.path, why)
        self.error = why


def file_source(path: Path) -> Source:
    """Return the source that a file is."""

    def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise Misconfigured(f"{path} cannot be read: {error.strerror}") from error

    return Source(path, read, whole=False, look=LOOK)


def _check_changeable(old: Configuration, new: Configuration) -> None:
    """Refuse a change of what is opened at the start; raises `Misconfigured`."""
    changed = [name for name in FIXED if getattr(old, name) != getattr(new, name)]
    if _wires(old) != _wires(new):
        changed.append("upstreams")
    if changed:
        raise Misconfigured(
            f"it changes {' and '.join(changed)}, which a running gateway cannot: start it again for that"
        )


def _wires(configuration: Configuration) -> list[tuple[object, ...]]:
    """Return what of the upstreams is opened at the start; how their statements are read is a matter of the policy."""
    return [(one.name, one.url, one.timeout, one.retention, one.credential) for one in configuration.upstreams]


def _sentence(error: Exception) -> str:
    if isinstance(error, ConfigurationErrors):
        return "; ".join(f"line {problem}" for problem in error.errors[:5])
    return str(error)
