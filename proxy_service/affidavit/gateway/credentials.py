"""The gateway's own credential for an upstream: what is sent, and what a record may say of it.

What fetches is handed in; this never knows HTTP, files or Google Cloud. No text of anything here shows a token.

Source: architecture "Configuration" (`upstreams[].credential`); evidence-format section 4 (extra fields).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from affidavit.clock import DAY, MINUTE, SECOND, Clock, Micros
from affidavit.errors import AffidavitError, Misconfigured, Refused, Unavailable, Unusable
from affidavit.evidence.canonical import encode

# google.auth renews so early as well: Google's metadata server gives a new token from 5 minutes before the end only.
AHEAD: Micros = 225 * SECOND
REREAD: Micros = 5 * MINUTE  # of what has no end of its own, so that a new version of a secret is soon in use
STALE: Micros = DAY  # how long that serves while it cannot be read, as the keys of issuers do
MARGIN: Micros = 30 * SECOND  # what runs out sooner is not shown: the upstream's clock is another one
RETRY: Micros = SECOND  # after the first failure; each further one doubles it
MAX_RETRY: Micros = 30 * SECOND
LOOK: Micros = (
    30 * SECOND
)  # between looks at the clock, which goes on where a process is suspended and a sleep does not

_diagnostics = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """What goes with one request.

    Attributes:
        headers: Put on the request as they are; names are not those of headers that the client may send.
        record: What `call:requested` says of them, in canonical form; None where there is nothing to say.
    """

    headers: Mapping[str, str] = field(repr=False)
    record: orjson.Fragment | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched.

    Attributes:
        expires: None for what has no end of its own.
        record: Names and versions, never a value.
    """

    headers: Mapping[str, str] = field(repr=False)
    expires: Micros | None
    record: Mapping[str, Any]


Fetch = Callable[[], Fetched]


class UpstreamCredential(Protocol):
    """What the gateway shows one upstream.

    Trust: whoever gives it can act as the gateway at that upstream; records say which one was shown.

    Laws, run on every implementation by tests/contracts/test_upstream_credential.py:
        1. After `refresh` has returned, `shown` gives headers that are valid now, or raises `Refused`; it never waits.
        2. The headers and the record of one `Shown` belong together, whatever is renewed meanwhile.
        3. A renewal that fails changes nothing: what was shown is shown until it ends. What has no end of its own ends
           when its source says that it was taken away (`Misconfigured`); neither an outage (`Unavailable`) nor what
           comes and is `Unusable` takes anything away.
        4. No text of it, of what it shows or of what it raises has a value in it.
    """

    @property
    def shown(self) -> Shown:
        """What is to be sent now; raises `Refused` (`no_upstream_credential`) where there is none."""
        ...

    async def refresh(self) -> None:
        """Get it; to be called before the first request.

        Raises:
            Misconfigured: There is none to be had until somebody does something.
            Unavailable: There is none to be had now.
        """
        ...

    async def keep_fresh(self) -> None:
        """Renew it in time, again and again, until cancelled; returns at once where there is nothing to renew."""
        ...


class FixedCredential:
    """An `UpstreamCredential` that stays as it is, or none at all; records say nothing of it."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._shown = Shown(headers, None)

    @property
    def shown(self) -> Shown:
        """See `UpstreamCredential.shown`."""
        return self._shown

    async def refresh(self) -> None:
        """See `UpstreamCredential.refresh`."""

    async def keep_fresh(self) -> None:
        """See `UpstreamCredential.keep_fresh`."""


class FetchedCredential:
    """An `UpstreamCredential` that is fetched, and fetched anew ahead of its end.

    Args:
        name: The upstream's, for diagnostics.
        fetch: Gets it, in a thread of its own and one at a time; raises `Misconfigured` or `Unavailable`.
        clock: Now.
    """

    def __init__(self, name: str, fetch: Fetch, clock: Clock) -> None:
        self._name = name
        self._fetch = fetch
        self._clock = clock
        self._shown: Shown | None = None
        self._said = b""  # its record
        self._ends: Micros = 0  # from then on it is not shown
        self._endless = False  # it does not say so itself
        self._due: Micros = 0  # from then on it is to be fetched
        self._failures = 0
        self._under_way: asyncio.Task[None] | None = None

    @property
    def shown(self) -> Shown:
        """See `UpstreamCredential.shown`."""
        if self._shown is None or self._clock() >= self._ends:
            raise Refused(
                "The gateway's own credential for this upstream has run out and could not be renewed, so nothing was "
                "sent. Try again in a minute.",
                code="no_upstream_credential",
            )
        return self._shown

    async def refresh(self) -> None:
        """See `UpstreamCredential.refresh`; whoever asks meanwhile waits for the same answer."""
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._refresh())
            self._under_way.add_done_callback(self._landed)
        # A caller who gives up must not take the fetch from the others.
        await asyncio.shield(self._under_way)

    async def keep_fresh(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """See `UpstreamCredential.keep_fresh`."""
        while True:
            await sleep(max(0, min(LOOK, self._due - self._clock())) / SECOND)
            if self._clock() >= self._due:
                await self._try()

    async def _try(self) -> None:
        try:
            await self.refresh()
        except AffidavitError as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001 whatever it was: without another try the credential would run out
            self._failed(f"upstream {self._name}: {type(error).__name__}")  # its text may hold anything

    def _failed(self, why: str) -> None:
        now = self._clock()
        self._due = now + min(MAX_RETRY, RETRY << min(self._failures, 10))
        self._failures += 1
        if now < self._ends:
            left = (self._ends - now) // SECOND
            _diagnostics.warning("%s; the one that is there serves for another %d s", why, left)
        else:
            _diagnostics.error("%s; there is no other, so its calls are refused", why)

    def _landed(self, landed: asyncio.Task[None]) -> None:
        self._under_way = None
        if not landed.cancelled():
            landed.exception()  # whoever asked has given up, perhaps; then nobody else looks at it

    async def _refresh(self) -> None:
        try:
            fetched = await _beside(self._fetch)
        except (Misconfigured, Unavailable) as error:
            if self._endless and isinstance(error, Misconfigured) and not isinstance(error, Unusable):
                self._ends = 0  # a secret's version that somebody disabled is not for use
            raise type(error)(f"upstream {self._name}: its credential cannot be had: {error}") from error
        self._take(fetched, self._clock())

    def _take(self, fetched: Fetched, now: Micros) -> None:
        if fetched.expires is None:
            ends, due = now + STALE, now + REREAD
        else:
            ends = fetched.expires - MARGIN
            due = fetched.expires - min(AHEAD, (fetched.expires - now) // 2)  # of a short life, half
        if ends <= now:
            raise Unavailable(f"upstream {self._name}: the credential that came has run out: is the clock right?")
        said = encode(fetched.record)
        if self._shown is not None and said != self._said:
            _diagnostics.info("upstream %s: its credential is now %s", self._name, said.decode())
        self._shown, self._said = Shown(fetched.headers, orjson.Fragment(said)), said
        self._ends, self._due, self._failures = ends, due, 0
        self._endless = fetched.expires is None


async def _beside(fetch: Fetch) -> Fetched:
    """Run what blocks in a thread that the process does not wait for when it ends."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Fetched] = loop.create_future()

    def land(fetched: Fetched | None, error: BaseException | None) -> None:
        if done.done():
            return
        if fetched is not None:
            done.set_result(fetched)
        else:
            done.set_exception(error or RuntimeError("nothing was fetched"))

    def run() -> None:
        fetched, failed = None, None
        try:
            fetched = fetch()
        except Exception as error:  # noqa: BLE001 it is raised where it is awaited
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(land, fetched, failed)

    threading.Thread(target=run, daemon=True, name="credential").start()
    return await done
