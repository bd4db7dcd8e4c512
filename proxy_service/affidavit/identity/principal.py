"""Who is acting, as far as a verified token says.

Source: evidence-format section 5, call field `principal`; identity-and-approvals "Which human started this job".
Never holds a token, only its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from affidavit.clock import Micros, format_time

Attribution = Literal["person", "ci-person", "delegated", "sponsored", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A verified token without its signature.

    Attributes:
        header: As the token has it.
        claims: As the token has them.
        token_sha256: Of the whole token's text, hex.
        expires: The token's `exp`.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    token_sha256: str
    expires: Micros

    def body(self) -> dict[str, Any]:
        """Return what `identity:verified` keeps as its body `claims`."""
        return {"header": dict(self.header), "claims": dict(self.claims)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One verified identity.

    Attributes:
        issuer: The token's `iss`.
        email: Verified by the issuer, in lower case; else None.
        person: The canonical human behind it, or None.
        groups: Of the person, when the person themselves acts or has started the job; a sponsor lends none.
        on_behalf_of, actor: Of a delegated token; None otherwise.
        run: The CI run's id.
        claims: The recorded CI claims, by their own names.
        record: The canonical-JSON form of all this, prepared once.
        key: Names all that is known of it, prepared once: whoever remembers something of a principal remembers it under
            this, since one token's bearer may lose a sponsor or a group.
        variables: What rules see of it (`principal.…` and `claims`), prepared once; what is absent is the empty text.
    """

    issuer: str
    subject: str
    email: str | None
    person: str | None
    groups: tuple[str, ...]
    attribution: Attribution
    on_behalf_of: str | None = None
    actor: str | None = None
    run: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    credential: Credential
    record: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    variables: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "record", self._record())
        object.__setattr__(self, "variables", self._variables())
        object.__setattr__(self, "key", hashlib.sha256(repr(self.record).encode("utf-8", "surrogatepass")).hexdigest())

    @property
    def token_sha256(self) -> str:
        """SHA-256 of the token's text, hex."""
        return self.credential.token_sha256

    @property
    def expires(self) -> Micros:
        """When the token ends."""
        return self.credential.expires

    def _record(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "subject": self.subject,
            "email": self.email,
            "person": self.person,
            "groups": list(self.groups),
            "attribution": self.attribution,
            "on_behalf_of": self.on_behalf_of,
            "actor": self.actor,
            "run": self.run,
            "claims": dict(self.claims),
            "token_sha256": self.token_sha256,
            "expires": format_time(self.expires),
        }

    def _variables(self) -> dict[str, Any]:
        return {
            "principal.attribution": self.attribution,
            "principal.issuer": self.issuer,
            "principal.subject": self.subject,
            "principal.email": self.email or "",
            "principal.person": self.person or "",
            "principal.groups": list(self.groups),
            "principal.actor": self.actor or "",
            "principal.on_behalf_of": self.on_behalf_of or "",
            "principal.run": self.run or "",
            "principal.claims": dict(self.claims),
            "claims": believed(self.credential.claims),
        }


def believed(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims that a condition may rely on: an address that the issuer did not verify is not one."""
    if claims.get("email_verified") is True:
        return dict(claims)
    return {name: value for name, value in claims.items() if name != "email"}
