"""Who and what is no longer let in, as this process knows it now.

Every call is held against it, whatever else is remembered of its token.

Source: identity-and-approvals "Revocation". Never does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from affidavit.clock import SECOND, Clock, Micros
from affidavit.errors import Refused
from affidavit.identity.principal import Principal
from affidavit.identity.revocation import Revocation

STALE: Micros = 15 * SECOND  # identity-and-approvals: when the list is older, calls are refused

_REVOKED = "This credential, or whoever it stands for, was locked out: {what}. Ask whoever keeps the gateway."
_UNKNOWN = "Whether this credential was revoked is not known now, so nothing was done. Try again in a few seconds."


class Standing:
    """Holds principals against what was revoked.

    Args:
        clock: Now.

    Attributes:
        entries: How many revocations are known.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read: Micros | None = None
        self._revoked: set[tuple[str, str]] = set()
        self._inactive: Mapping[str, str] = {}
        self.entries = 0

    @property
    def age(self) -> Micros | None:
        """How old the list is as it is known here; None before it was read for the first time."""
        return None if self._read is None else self._clock() - self._read

    @property
    def known(self) -> bool:
        """Whether the list is young enough to go by."""
        age = self.age
        return age is not None and age <= STALE

    def take(self, revocations: Iterable[Revocation], read: Micros) -> None:
        """Take what is new in the list.

        Args:
            revocations: Those that were not taken yet.
            read: When the reading began that found them, and nothing else.
        """
        for one in revocations:
            self._revoked.add((one.what, _spelled(one.what, one.value)))
            self.entries += 1
        self._read = read

    def directory(self, inactive: Mapping[str, str]) -> dict[str, str]:
        """Take the people whom directories have locked out, by address, all of them; return who is newly so."""
        new = {email: name for email, name in inactive.items() if email not in self._inactive}
        self._inactive = dict(inactive)
        return new

    def check(self, principal: Principal, session: str | None) -> None:
        """Refuse a principal that is no longer let in.

        Raises:
            Refused: With the code `revoked`; or `revocation_unknown` where the list is too old to go by.
        """
        if not self.known:
            raise Refused(_UNKNOWN, code="revocation_unknown")
        what = self.against(principal, session)
        if what is not None:
            raise Refused(_REVOKED.format(what=what), code="revoked")

    def against(self, principal: Principal, session: str | None) -> str | None:
        """Return what of a principal was revoked, in words; None where nothing was."""
        people = {one for one in (principal.person, principal.email, principal.on_behalf_of) if one is not None}
        if not self._inactive.keys().isdisjoint(people):
            return "their account at the directory is not active"
        if not self._revoked:
            return None
        if any(("person", one) in self._revoked for one in people):
            return "the person"
        if principal.attribution == "sponsored" and ("sponsor", principal.person) in self._revoked:
            return "the sponsor"
        if ("subject", f"{principal.issuer} {principal.subject}") in self._revoked:
            return "the subject"
        if ("token", principal.token_sha256) in self._revoked:
            return "the token"
        return "the session" if ("session", session or "") in self._revoked else None


def _spelled(what: str, value: str) -> str:
    return value.lower() if what in ("person", "sponsor", "token") else value
