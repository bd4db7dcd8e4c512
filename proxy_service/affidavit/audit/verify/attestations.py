"""Attestations: a writer's key is tied to a service account by somebody else's signature.

Source: evidence-format sections 3 and 9, `attestations`; RFC 7515, RFC 7519.
"""

from __future__ import annotations

from typing import Any

from affidavit.audit.verify.registrations import Registered
from affidavit.audit.verify.report import Findings
from affidavit.audit.verify.shapes import each
from affidavit.audit.verify.shapes import text as text_of
from affidavit.audit.verify.telling import shown
from affidavit.clock import MINUTE, SECOND, Micros
from affidavit.errors import Malformed, Unauthenticated
from affidavit.evidence.registration import attestation_audience
from affidavit.identity.id_token import UnverifiedToken, check_signature
from affidavit.identity.jwks import KeySet

MOST_SAVED = 32  # key sets; an issuer changes its own about once a week
_SKEW: Micros = MINUTE


class Attestations:
    """The key sets that the log recorded, and the writers that were held against them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._sets: list[KeySet] = []
        self._texts: list[str] = []  # of the same
        self._without: list[str] = []
        self._without_count = 0

    def save(self) -> list[str]:
        """Return the newest key sets as JSON; who was admitted was held against them already."""
        return self._texts[-MOST_SAVED:]

    def restore(self, saved: Any) -> None:
        """Go on from what `save` gave; raises `Malformed`."""
        self._texts = each(saved, text_of)
        self._sets = [KeySet.parse(text.encode()) for text in self._texts]

    def learn(self, text: str, record: str, object_: str) -> None:
        """Take note of a key set."""
        try:
            self._sets.append(KeySet.parse(text.encode()))
            self._texts.append(text)
        except Malformed as error:
            self._findings.fail("attestations", object_, record, "a key set as text", str(error))

    def check(self, registered: Registered, account: Any, admitted: Micros, record: str) -> None:
        """Hold one admitted writer's attestation against the key sets known so far."""
        if registered.attestation is None:
            self._without_count += 1
            if len(self._without) < 3:  # noqa: PLR2004 enough to look one up
                self._without.append(registered.writer)
            return
        self._findings.count("attestations")
        wrong = self._wrong(registered.attestation, registered, account, admitted)
        if wrong is not None:
            self._findings.fail("attestations", registered.object, record, *wrong)

    def finish(self) -> None:
        """List the writers without one."""
        if self._without_count:
            names = ", ".join(self._without)
            self._findings.note(
                "attestations", f"{self._without_count} writers have no attestation, for instance {names}"
            )

    def _wrong(self, text: str, registered: Registered, account: Any, admitted: Micros) -> tuple[str, str] | None:
        try:
            token = UnverifiedToken.read(text)
            self._verify(token)
        except Unauthenticated as error:
            return "a token that verifies under a key set of the log", str(error)
        claims = token.claims
        audience = attestation_audience(registered.key)
        if claims.get("aud") != audience:
            return f"the audience {audience}", shown(claims.get("aud"))
        verified = claims.get("email") if claims.get("email_verified") is True else None
        if account is None or account not in (verified, claims.get("sub")):
            return f"the account of its admission, {shown(account)}", shown(verified or claims.get("sub"))
        if not _covers(claims, registered.opened, admitted):
            return "a token of the time when the writer was opened", "one of another time"
        return None

    def _verify(self, token: UnverifiedToken) -> None:
        for one in reversed(self._sets):
            key = one.find(token.kid, token.algorithm)
            if key is not None:
                check_signature(token, key, "log")
                return
        raise Unauthenticated("no key set of the log has its key", code="unknown_key")


def _covers(claims: Any, opened: Micros, admitted: Micros) -> bool:
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int:
        return False
    return issued * SECOND <= admitted + _SKEW and expires * SECOND >= opened - _SKEW
