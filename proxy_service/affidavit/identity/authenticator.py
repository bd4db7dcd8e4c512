"""From an unverified token to a principal: issuer, key, signature, claims, attribution.

Every refusal has a stable code and names the issuer as it is configured, never by a word of the token.

Source: identity-and-approvals "Tokens"; mcp "Authorization".
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from affidavit.clock import SECOND, Clock, Micros
from affidavit.errors import Unauthenticated
from affidavit.identity.attribution import Issuer, attribute
from affidavit.identity.directory import Directory
from affidavit.identity.id_token import LEEWAY, Checked, UnverifiedToken, check_claims, check_signature
from affidavit.identity.jwks import IssuerKey, IssuerKeys
from affidavit.identity.principal import Credential, Principal

REMEMBERED: Micros = 60 * SECOND  # identity-and-approvals: for the earlier of `exp` and this
MAX_REMEMBERED = 1024  # tokens, the longest of which take some 50 KiB when taken apart


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    principal: Principal
    audiences: frozenset[str]
    until: Micros


class Authenticator:
    """Tells who bears a token.

    Args:
        issuers: Whose tokens are accepted; no two with the same `issuer`.
        keys: Of each issuer, by its name.
        directory: The people and the sponsors.
        clock: Now.
    """

    def __init__(
        self, issuers: Iterable[Issuer], *, keys: Mapping[str, IssuerKeys], directory: Directory, clock: Clock
    ) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._keys = dict(keys)
        self._directory = directory
        self._clock = clock
        self._remembered: OrderedDict[bytes, _Verified] = OrderedDict()

    @property
    def behind_iap(self) -> bool:
        """Whether IAP stands before this gateway, so that its header is its word and nobody else's."""
        return any(issuer.attribution == "iap" for issuer in self._issuers.values())

    @property
    def directory(self) -> Directory:
        """Who is known."""
        return self._directory

    @directory.setter
    def directory(self, directory: Directory) -> None:
        """Know other people from now on; whoever was told apart by the old ones is so no longer."""
        self._directory = directory
        self._remembered.clear()

    def cached(self, unverified_token: str, audience: str) -> Principal | None:
        """Return the principal of a token that was verified a moment ago; None says nothing against it."""
        known = self._remembered.get(_hash(unverified_token))
        if known is None or self._clock() >= known.until or not self._is_for(known, audience):
            return None
        return known.principal

    async def authenticate(self, unverified_token: str | None, audience: str, *, asserted: bool = False) -> Principal:
        """Verify a token.

        Args:
            unverified_token: What follows `Bearer `; None when there was none.
            asserted: Whether it is IAP's assertion, which came in a header of its own.
            audience: The audience that is the upstream's own; those that the issuer's entry declares will do as well.

        Raises:
            Unauthenticated: With the code that is recorded and answered.
        """
        if not unverified_token:
            raise Unauthenticated("a token is required", code="missing_token")
        known = self.cached(unverified_token, audience)
        if known is not None and (self._issuers[known.issuer].attribution == "iap") == asserted:
            return known
        token = UnverifiedToken.read(unverified_token)
        issuer = self._issuer(token)
        if (issuer.attribution == "iap") != asserted or (asserted and token.algorithm != "ES256"):
            raise Unauthenticated("the token came in the wrong header", code="wrong_header", issuer=issuer.name)
        check_signature(token, await self._key(issuer, token), issuer.name)
        verified = self._verify(issuer, token)
        if not self._is_for(verified, audience):
            raise Unauthenticated("the token is for somebody else", code="wrong_audience", issuer=issuer.name)
        self._remember(unverified_token, verified)
        return verified.principal

    def _issuer(self, token: UnverifiedToken) -> Issuer:
        if "iss" not in token.claims:
            raise Unauthenticated("the token has no claim 'iss'", code="missing_claim")
        name = token.claims["iss"]
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise Unauthenticated("nobody here knows the token's issuer", code="unknown_issuer")
        return issuer

    async def _key(self, issuer: Issuer, token: UnverifiedToken) -> IssuerKey:
        keys = self._keys[issuer.name]
        if keys.current is None or not keys.current.knows(token.kid):
            await keys.refresh_now()
        if keys.current is None:
            raise Unauthenticated("the issuer's keys are not available", code="keys_unavailable", issuer=issuer.name)
        if not keys.current.knows(token.kid):
            raise Unauthenticated("the token's key is not the issuer's", code="unknown_key", issuer=issuer.name)
        key = keys.current.find(token.kid, token.algorithm)
        if key is None:
            raise Unauthenticated(
                "the token's algorithm is not its key's", code="algorithm_not_allowed", issuer=issuer.name
            )
        return key

    def _verify(self, issuer: Issuer, token: UnverifiedToken) -> _Verified:
        now = self._clock()
        checked = check_claims(token.claims, issuer=issuer.name, max_age=issuer.max_age, now=now)
        credential = Credential(
            header=token.header, claims=token.claims, token_sha256=token.token_sha256, expires=checked.expires
        )
        return _Verified(
            principal=attribute(issuer, credential, self._directory),
            audiences=checked.audiences,
            until=_until(checked, issuer, now, self._directory.lapses),
        )

    def _is_for(self, verified: _Verified, audience: str) -> bool:
        issuer = self._issuers[verified.principal.issuer]
        accepted = issuer.audiences
        if issuer.attribution == "iap":  # the assertion is for the service behind it, whatever is asked of that
            return not accepted.isdisjoint(verified.audiences)
        return audience in verified.audiences or not accepted.isdisjoint(verified.audiences)

    def _remember(self, token: str, verified: _Verified) -> None:
        self._remembered[_hash(token)] = verified
        self._remembered.move_to_end(_hash(token))
        while len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)


def _until(checked: Checked, issuer: Issuer, now: Micros, lapses: Micros | None) -> Micros:
    ends = (checked.expires, checked.issued + issuer.max_age + LEEWAY, now + REMEMBERED)
    return min(ends) if lapses is None else min(*ends, lapses)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
