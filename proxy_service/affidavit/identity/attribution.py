"""Which human stands behind a verified token, if any.

A pure function of the token's claims, the issuer's entry, the people and the sponsors. Never believes an address that
the issuer has not verified, nor a name that its bearer could have chosen.

Source: identity-and-approvals "Which human started this job".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from affidavit.clock import Micros
from affidavit.identity import github, gitlab
from affidavit.identity.delegation import current_actor
from affidavit.identity.directory import Directory
from affidavit.identity.principal import Attribution, Credential, Principal, believed

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+", re.ASCII)
_SERVICE_ACCOUNTS = re.compile(r"@([^@]*\.)?gserviceaccount\.com$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Whose tokens are accepted.

    Attributes:
        issuer: Compared with `iss`, character by character.
        audiences: Accepted beside the audience that is an upstream's own.
        ci: For `ci-person`: whose jobs these are.
        domains: For `google`: which `hd` makes a person.
        max_age: How long ago `iat` may be.
    """

    name: str
    issuer: str
    audiences: frozenset[str]
    attribution: Literal["person", "google", "iap", "delegated", "ci-person", "sponsored"]
    domains: frozenset[str]
    max_age: Micros
    ci: Literal["github", "gitlab"] = "github"

    @property
    def of_jobs(self) -> bool:
        """Whether machines, not browsers, hold its tokens."""
        return self.attribution in ("ci-person", "sponsored")


def attribute(issuer: Issuer, credential: Credential, directory: Directory) -> Principal:
    """Return the principal of a verified token."""
    claims = believed(credential.claims)
    email = _email(credential.claims if issuer.attribution == "iap" else claims)
    attribution, person, groups = _who(issuer, claims, email, directory)
    actor = current_actor(claims, issuer.name) if attribution == "person" else None
    ci = gitlab if issuer.ci == "gitlab" else github
    return Principal(
        issuer=issuer.issuer,
        subject=claims["sub"],
        email=email,
        person=person,
        groups=groups,
        attribution=attribution if actor is None else "delegated",
        on_behalf_of=None if actor is None else person,
        actor=actor,
        run=_run(claims, ci.RUN) if issuer.of_jobs else None,
        claims=_recorded(claims, ci.RECORDED) if issuer.of_jobs else {},
        credential=credential,
    )


def _email(claims: Mapping[str, Any]) -> str | None:
    """Return the address in believed claims, in lower case.

    One that is not ASCII is none: letters that look alike, or become alike in lower case, must not name a person.
    """
    email = claims.get("email")
    if not isinstance(email, str) or not email.isascii():
        return None
    email = email.rpartition(":")[2]  # IAP names the provider before it
    return email.lower() if _ADDRESS.fullmatch(email) else None


def _who(
    issuer: Issuer, claims: Mapping[str, Any], email: str | None, directory: Directory
) -> tuple[Attribution, str | None, tuple[str, ...]]:
    if issuer.attribution in ("person", "iap", "delegated") and directory.knows(email):
        # Two issuers may both know a "root": a subject names a person only together with who said so.
        return "person", email or f"{issuer.name}:{claims['sub']}", directory.groups(email or "")
    if issuer.attribution == "google" and email and _is_of_domain(issuer, claims, email) and directory.knows(email):
        return "person", email, directory.groups(email)
    if issuer.attribution == "ci-person":
        starter = (gitlab if issuer.ci == "gitlab" else github).who_pressed(claims, directory)
        if starter is not None:
            return "ci-person", starter.email, starter.groups
    sponsor = directory.sponsor(claims)
    # A sponsor answers for a machine, but does not lend it what they may do themselves.
    return ("sponsored", sponsor.email, ()) if sponsor else ("none", None, ())


def _is_of_domain(issuer: Issuer, claims: Mapping[str, Any], email: str) -> bool:
    """Google's issuer serves service accounts and private accounts too."""
    hosted = claims.get("hd")
    return isinstance(hosted, str) and hosted in issuer.domains and not _SERVICE_ACCOUNTS.search(email)


def _run(claims: Mapping[str, Any], name: str) -> str | None:
    run = claims.get(name)
    return str(run) if isinstance(run, str | int) and not isinstance(run, bool) else None


def _recorded(claims: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    return {name: str(claims[name]) for name in names if type(claims.get(name)) in (str, int)}
