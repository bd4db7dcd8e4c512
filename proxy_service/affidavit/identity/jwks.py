"""Issuers' public keys: read from a key set, kept fresh, believed only once they are on record.

What fetches is handed in; this never knows HTTP or files. No symmetric key and no private key is ever read.

Source: RFC 7517, RFC 7518 section 6, RFC 8037; identity-and-approvals "Tokens".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from affidavit.clock import DAY, MINUTE, SECOND, Clock, Micros
from affidavit.errors import Malformed, OutcomeUnknown, Unavailable

MAX_KEY_SET = 1024 * 1024  # bytes; the largest known public ones have some tens of kilobytes
MAX_KEYS = 100
MIN_RSA_BITS = 2048  # RFC 7518 section 3.3
REFRESH: Micros = 10 * MINUTE  # how long a key that its issuer withdrew may still be believed
RETRY: Micros = 30 * SECOND
FORCED: Micros = 30 * SECOND  # identity-and-approvals: at most one forced refresh in this time
STALE: Micros = DAY  # identity-and-approvals: how long old keys serve while the issuer is down
FETCH_DEADLINE = 5.0  # seconds

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
ALGORITHMS = _RSA | frozenset(_CURVES.values())

_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 sections 6.2.2, 6.3.2, 6.4.1
_READERS = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk}

Fetch = Callable[[], Awaitable[bytes]]

_diagnostics = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKey:
    """One public key and what it may verify.

    Attributes:
        kid: As the set names it; None if it does not.
        algorithms: What this key's kind, and its own `alg` if it has one, allow.
    """

    kid: str | None
    algorithms: frozenset[str]
    public_key: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """One issuer's keys at one time.

    Attributes:
        text: The set as it was fetched, for `issuer:keys`.
    """

    text: str
    keys: tuple[IssuerKey, ...]

    @classmethod
    def parse(cls, body: bytes) -> KeySet:
        """Read a key set, passing over keys of unknown kinds and for other uses (RFC 7517 section 5).

        Raises:
            Malformed: It is no key set, holds a secret (the set becomes evidence), or no key that verifies anything.
        """
        members = _members(body)
        keys = tuple(key for member in members if (key := _read_key(member)) is not None)
        if not keys:
            raise Malformed("the key set has no usable public key", code="no_usable_key")
        return cls(text=body.decode(), keys=keys)

    def knows(self, kid: str | None) -> bool:
        """Tell whether a token may mean one of these keys; one that names none means the only one."""
        return any(key.kid == kid for key in self.keys) if kid is not None else len(self.keys) == 1

    def find(self, kid: str | None, algorithm: str) -> IssuerKey | None:
        """Return the first key of that id which may verify by that algorithm."""
        for key in self.keys:
            if algorithm in key.algorithms and (key.kid == kid or (kid is None and self.knows(None))):
                return key
        return None


Adopt = Callable[[str, KeySet], Awaitable[None]]


class IssuerKeys:
    """The keys of one issuer, kept fresh.

    Args:
        name: The configured issuer's name.
        fetch: Gives the set's bytes; raises `Unavailable`.
        adopt: Told of each set that differs from the last, before any key of it is believed; what it raises
            (`Unavailable`, `OutcomeUnknown`) leaves the old set in force.
        clock: Now.
    """

    def __init__(self, name: str, *, fetch: Fetch, adopt: Adopt, clock: Clock) -> None:
        self.name = name
        self._fetch = fetch
        self._adopt = adopt
        self._clock = clock
        self._set: KeySet | None = None
        self._fetched: Micros = 0
        self._forced: Micros | None = None
        self._under_way: asyncio.Task[bool] | None = None

    @property
    def current(self) -> KeySet | None:
        """The keys to believe; None when there were none for too long."""
        return self._set if self._clock() - self._fetched <= STALE else None

    @property
    def age(self) -> Micros | None:
        """How long ago the set was last fetched; None before the first time."""
        return None if self._set is None else self._clock() - self._fetched

    async def refresh(self) -> bool:
        """Fetch the set and return whether that went well; whoever asks meanwhile waits for the same answer."""
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._refresh())
            self._under_way.add_done_callback(self._landed)
        # A caller who gives up must not take the fetch from the others.
        return await asyncio.shield(self._under_way)

    async def refresh_now(self) -> None:
        """Fetch the set for a token that means no known key, unless that was tried a moment ago."""
        now = self._clock()
        if self._under_way is None:
            if self._forced is not None and now - self._forced < FORCED:
                return
            self._forced = now
            _diagnostics.info("issuer %s: fetching the keys for an unknown key id", self.name)
        await self.refresh()

    async def keep_fresh(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Fetch the set again and again, until cancelled."""
        while True:
            pause = REFRESH if await self.refresh() else RETRY
            await sleep(pause / SECOND)

    def _landed(self, _: asyncio.Task[bool]) -> None:
        self._under_way = None

    async def _refresh(self) -> bool:
        try:
            async with asyncio.timeout(FETCH_DEADLINE):
                body = await self._fetch()
            fresh = KeySet.parse(body)
            if self._set is None or fresh.text != self._set.text:
                await self._adopt(self.name, fresh)
        except (Unavailable, OutcomeUnknown, Malformed, TimeoutError) as error:
            _diagnostics.warning("issuer %s: its keys cannot be fetched: %s", self.name, error or type(error).__name__)
            return False
        self._set = fresh
        self._fetched = self._clock()
        return True


def _members(body: bytes) -> list[Mapping[str, Any]]:
    if len(body) > MAX_KEY_SET:
        raise Malformed(f"a key set has at most {MAX_KEY_SET} bytes", code="key_set_too_large")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("the key set is not JSON", code="not_json") from error
    members = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise Malformed("a key set is an object with a list `keys` of objects", code="not_a_key_set")
    if len(members) > MAX_KEYS:
        raise Malformed(f"a key set has at most {MAX_KEYS} keys", code="key_set_too_large")
    if any(not _SECRET_MEMBERS.isdisjoint(member) for member in members):
        raise Malformed("the key set holds a private or symmetric key", code="secret_in_key_set")
    return members


def _read_key(member: Mapping[str, Any]) -> IssuerKey | None:
    kid = member.get("kid")
    allowed = _algorithms(member)
    if not allowed or not _verifies(member) or not (kid is None or isinstance(kid, str)):
        return None
    try:
        public_key = _READERS[member["kty"]](dict(member))
    except (jwt.InvalidKeyError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if isinstance(public_key, RSAPublicKey) and public_key.key_size < MIN_RSA_BITS:
        return None
    return IssuerKey(kid=kid, algorithms=allowed, public_key=public_key)


def _algorithms(member: Mapping[str, Any]) -> frozenset[str]:
    kind, curve = member.get("kty"), member.get("crv")
    if kind == "RSA":
        possible = _RSA
    elif kind in ("EC", "OKP") and isinstance(curve, str) and curve in _CURVES:
        possible = frozenset({_CURVES[curve]})
    else:
        return frozenset()
    return possible if "alg" not in member else frozenset(one for one in possible if one == member["alg"])


def _verifies(member: Mapping[str, Any]) -> bool:
    operations = member.get("key_ops", ["verify"])
    return member.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
