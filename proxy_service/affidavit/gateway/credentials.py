"""What the gateway shows an upstream of its own: known before a call needs it, and never after it has run out.

Never asks anybody while a call waits, never prints what it holds.

Source: mcp "Duties" (no token passthrough, a credential of the gateway's own); evidence-format section 4.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from affidavit.clock import MINUTE, SECOND, Clock, Micros
from affidavit.errors import AffidavitError, Refused
from affidavit.evidence.canonical import encode

AHEAD: Micros = 5 * MINUTE  # a token is replaced so long before it runs out, or after three quarters of a shorter life
MARGIN: Micros = 30 * SECOND  # what runs out sooner is not shown: the upstream's clock is another one
LOOK_AGAIN: Micros = 5 * MINUTE  # between looks at what does not run out: a secret may have a new version
RETRY: Micros = 10 * SECOND  # after a failure

_diagnostics = logging.getLogger("affidavit.credentials")


@dataclass(frozen=True, slots=True)
class Shown:
    """One upstream's credential as calls carry it.

    Attributes:
        headers: They replace whatever the client sent under their names.
        record: What `call:requested` says of it, canonical; None where there is nothing to say.
    """

    headers: Mapping[str, str] = field(repr=False)
    record: orjson.Fragment | None = None


NOTHING = Shown({})


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source gave.

    Attributes:
        headers: As `Shown` has them.
        expires: When it runs out; None where it does not.
        about: What the record says: which account, which audience, which version; never the credential.
    """

    headers: Mapping[str, str] = field(repr=False)
    expires: Micros | None
    about: Mapping[str, Any]


class UpstreamCredential(Protocol):
    """What the gateway shows one upstream.

    Laws, run on every implementation by tests/contracts/test_upstream_credential.py:
        1. `shown` asks nobody and costs next to nothing; what it gives is valid now, or it raises `Refused`.
        2. After `refresh` returns, `shown` is what the source gave.
        3. No text, diagnostic or record ever holds the credential itself.
    """

    @property
    def shown(self) -> Shown:
        """What calls carry now; raises `Refused` where there is nothing valid."""
        ...

    async def refresh(self) -> None:
        """Get it; raises `Misconfigured` or `Unavailable`."""
        ...

    async def keep_fresh(self) -> None:
        """Get it again ahead of time, for as long as this is not cancelled."""
        ...


class FixedCredential:
    """An `UpstreamCredential` that stays as it is: a mounted file's, or none."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.shown = Shown(headers)

    async def refresh(self) -> None:
        """See `UpstreamCredential.refresh`."""

    async def keep_fresh(self) -> None:
        """See `UpstreamCredential.keep_fresh`."""


class FetchedCredential:
    """An `UpstreamCredential` that a source gives, again and again.

    Args:
        upstream: Its name, for diagnostics.
        fetch: Gives it; blocks, so it runs in a thread, one at a time.
        clock: Tells when it runs out.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        upstream: str,
        fetch: Callable[[], Fetched],
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._upstream = upstream
        self._fetch = fetch
        self._clock = clock
        self._sleep = sleep
        self._shown = NOTHING
        self._valid_until: Micros = 0
        self._next: Micros = 0

    @property
    def shown(self) -> Shown:
        """See `UpstreamCredential.shown`."""
        if self._clock() >= self._valid_until:
            raise Refused(
                f"The gateway has no valid credential of its own for {self._upstream}, and goes on trying to get one; "
                "its diagnostics say why.",
                code="no_upstream_credential",
            )
        return self._shown

    async def refresh(self) -> None:
        """See `UpstreamCredential.refresh`."""
        fetched = await asyncio.to_thread(self._fetch)
        now = self._clock()
        if fetched.expires is None:
            self._valid_until, self._next = 2**62, now + LOOK_AGAIN
        else:
            life = fetched.expires - now
            self._valid_until = fetched.expires - MARGIN
            self._next = now + max(RETRY, life - AHEAD if life > 4 * AHEAD else life * 3 // 4)
        self._shown = Shown(fetched.headers, orjson.Fragment(encode(dict(fetched.about))))

    async def keep_fresh(self) -> None:
        """See `UpstreamCredential.keep_fresh`."""
        while True:
            await self._sleep(max(0, self._next - self._clock()) / SECOND)
            try:
                await self.refresh()
            except AffidavitError as error:
                self._next = self._clock() + RETRY
                _diagnostics.error("upstream %s: its credential could not be renewed: %s", self._upstream, error)
