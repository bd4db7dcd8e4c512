"""Whether a writer may speak in the log: somebody else vouches for whose key it is, and that account may have its role.

What is admitted here also passes the check `attestations` of every verifier, which knows nothing but the log: the key
set that vouches is stated in the log before the admission. So it is stricter than that check, never looser.

Source: evidence-format sections 3, 5 (`issuer:keys`) and 9 (`attestations`); Google Cloud, "Verify the identity of
instances" (form and issuer of the tokens).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from affidavit.audit.chains import Vouching
from affidavit.audit.known import Admission
from affidavit.clock import MINUTE, SECOND, Clock, Micros
from affidavit.errors import Malformed, Unauthenticated, Unavailable
from affidavit.evidence.registration import Registration, attestation_audience
from affidavit.identity.id_token import UnverifiedToken, check_signature
from affidavit.identity.jwks import IssuerKey, KeySet

ISSUER = "https://accounts.google.com"
ALGORITHM = "RS256"
SKEW: Micros = MINUTE  # the verifier's, between the clocks of a writer, of its issuer and of the sequencer
MAX_KEY_SET = 32 * 1024  # bytes; a set is stated as one record, which has at most 65,535
REFRESH: Micros = 60 * MINUTE  # how long a key that was withdrawn may still vouch
RETRY: Micros = MINUTE  # between two fetches, whatever is asked for

Fetch = Callable[[], bytes]

_diagnostics = logging.getLogger("affidavit.admission")


class AttestationKeys:
    """The keys that vouch, fetched when they are asked for; any number of threads may ask.

    Args:
        fetch: Gives the set's bytes; raises `Unavailable`.
        clock: Now.
    """

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._set: KeySet | None = None
        self._fetched: Micros | None = None
        self._tried: Micros | None = None
        self._lock = threading.Lock()

    def find(self, kid: str) -> tuple[IssuerKey, str]:
        """Return the key of that id, and the text of the set that it is in.

        Raises:
            Unavailable: It is not known now; it may be later.
        """
        with self._lock:
            if self._is_old() or (self._set is not None and not self._set.knows(kid)):
                self._refresh()
            key = self._set.find(kid, ALGORITHM) if self._set is not None and not self._is_old() else None
            if key is None or self._set is None:
                raise Unavailable("the key that an attestation names is in no set that could be fetched")
            return key, self._set.text

    def _is_old(self) -> bool:
        return not _within(self._fetched, self._clock(), REFRESH)

    def _refresh(self) -> None:
        now = self._clock()
        if _within(self._tried, now, RETRY):
            return
        self._tried = now
        try:
            self._set = _parse(self._fetch())
            self._fetched = now
        except (Unavailable, Malformed) as error:
            _diagnostics.warning("the keys of attestations cannot be fetched, and new writers wait: %s", error)


class AttestedAdmission:
    """Admits what an attestation vouches for.

    Args:
        writers: Role to the one account that may have it.
        keys: Whose signatures count.
        clock: Now.
    """

    def __init__(self, writers: Mapping[str, str], keys: AttestationKeys, clock: Clock) -> None:
        self._writers = writers
        self._keys = keys
        self._clock = clock

    def __call__(self, registration: Registration) -> Admission | None:
        """See `Admit`."""
        account = self._writers.get(registration.role)
        if account is None or registration.attestation is None:
            return None
        try:
            token = UnverifiedToken.read(registration.attestation)
            if token.algorithm != ALGORITHM or token.kid is None:
                return None
            # Before its key is looked for, so that nothing but a fitting token can ever wait, or have keys fetched.
            if not _fits(token.claims, registration, account):
                return None
            if token.claims["iat"] * SECOND > self._clock():
                raise Unavailable("an attestation is from the future, by this clock")
            key, text = self._keys.find(token.kid)
            check_signature(token, key, ISSUER)
        except Unauthenticated:
            return None
        return Admission(account, Vouching(issuer=ISSUER, keys=text))


def _fits(unverified_claims: Mapping[str, Any], registration: Registration, account: str) -> bool:
    claims = unverified_claims
    audience = attestation_audience(registration.key.public_bytes_raw())
    return (
        claims.get("iss") == ISSUER
        and claims.get("aud") == audience
        and claims.get("email") == account
        and claims.get("email_verified") is True
        and _covers(claims, registration.opened)
    )


def _covers(claims: Mapping[str, Any], opened: Micros) -> bool:
    """Tell whether a token was valid when the writer was opened."""
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int:
        return False
    return issued * SECOND <= opened + SKEW and opened - SKEW <= expires * SECOND


def _parse(body: bytes) -> KeySet:
    if len(body) > MAX_KEY_SET:
        raise Malformed(f"the set has more than {MAX_KEY_SET} bytes, and does not fit in the log")
    return KeySet.parse(body)


def _within(since: Micros | None, now: Micros, period: Micros) -> bool:
    return since is not None and 0 <= now - since < period
