"""An authenticator with one issuer, a source of keys that can fail, and a clock that moves only when told."""

from dataclasses import dataclass, field

import pytest

from affidavit.clock import SECOND
from affidavit.errors import Unauthenticated, Unavailable
from affidavit.identity import attribution, directory
from affidavit.identity.authenticator import Authenticator
from affidavit.identity.jwks import IssuerKeys, KeySet
from fakes.issuer import Issuer

AUDIENCE = "https://gateway.test/mcp/warehouse"
SHARED = "https://gateway.test"
START = 1_795_000_000  # seconds, in November 2026


@dataclass
class StillClock:
    """A clock that moves only when told, in seconds."""

    seconds: float = START

    def __call__(self) -> int:
        return int(self.seconds * SECOND)


@dataclass
class Source:
    """Where keys come from: it counts, fails and waits as it is told."""

    issuer: Issuer
    failing: Exception | None = None
    garbled: bytes | None = None
    fetched: int = 0
    recorded: list[KeySet] = field(default_factory=list)
    unrecordable: Exception | None = None

    async def fetch(self) -> bytes:
        self.fetched += 1
        if self.failing:
            raise self.failing
        return self.garbled if self.garbled is not None else self.issuer.jwks()

    async def adopt(self, name: str, keys: KeySet) -> None:
        if self.unrecordable:
            raise self.unrecordable
        self.recorded.append(keys)

    def goes_down(self) -> None:
        self.failing = Unavailable("connection refused")


@dataclass
class House:
    """All of it together, with the one issuer `laptop`."""

    clock: StillClock
    issuer: Issuer
    source: Source
    keys: IssuerKeys
    authenticator: Authenticator

    async def who(self, token, audience=AUDIENCE):
        return await self.authenticator.authenticate(token, audience)

    async def refused(self, token, audience=AUDIENCE) -> Unauthenticated:
        with pytest.raises(Unauthenticated) as caught:
            await self.who(token, audience)
        return caught.value

    def token(self, **claims) -> str:
        return self.issuer.token(**{"aud": AUDIENCE} | claims)


def make_house(*, algorithm="ES256", people=(), sponsors=(), clock=None, **entry) -> House:
    clock = clock or StillClock()
    issuer = Issuer(algorithm=algorithm, now=lambda: clock.seconds)
    usual = {
        "name": "laptop",
        "issuer": issuer.url,
        "audiences": frozenset([SHARED]),
        "attribution": "person",
        "domains": frozenset(),
        "max_age": 3600 * SECOND,
    }
    source = Source(issuer)
    keys = IssuerKeys("laptop", fetch=source.fetch, adopt=source.adopt, clock=clock)
    authenticator = Authenticator(
        [attribution.Issuer(**usual | entry)],
        keys={"laptop": keys},
        directory=directory.Directory(people, sponsors),
        clock=clock,
    )
    return House(clock, issuer, source, keys, authenticator)
