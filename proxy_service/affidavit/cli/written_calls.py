"""Calls that somebody has written down, as the rules see them.

What is not said is what it would be in the gateway where that follows from the file, and empty where it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affidavit.clock import Micros
from affidavit.errors import Misconfigured
from affidavit.identity.attribution import Issuer, attribute
from affidavit.identity.directory import Directory, Person, Sponsor
from affidavit.identity.principal import Credential, believed
from affidavit.mcp.calls import needs_target
from affidavit.policy.cases import WrittenCall, WrittenPrincipal
from affidavit.policy.configuration import Configuration
from affidavit.policy.decide import Facts

_WITH_GROUPS = frozenset({"person", "ci-person"})  # whose own groups count; a sponsor lends none


def facts_of(call: WrittenCall, configuration: Configuration, now: Micros) -> Facts:
    """Return what the rules of a file see of a call.

    Args:
        call: As written.
        configuration: Its people, sponsors and issuers say who the bearer of claims is.
        now: Where the call does not say when it is.

    Raises:
        Misconfigured: It cannot be a call of this configuration.
    """
    if call.upstream not in {upstream.name for upstream in configuration.upstreams}:
        known = ", ".join(upstream.name for upstream in configuration.upstreams)
        raise Misconfigured(f"no upstream {call.upstream!r} is in {configuration.path}; known are {known}")
    return Facts(
        principal=principal_of(call, configuration),
        ip=call.ip,
        upstream=call.upstream,
        method=call.method,
        target=call.target,
        arguments=call.arguments if needs_target(call.method) else {},
        session=call.session,
        now=now if call.now is None else call.now,
    )


def principal_of(call: WrittenCall, configuration: Configuration) -> dict[str, Any]:
    """Return the values of all variables that are about the principal."""
    if call.principal is None:
        return attributed(call.claims or {}, configuration)
    return recorded_variables(call.principal, configuration) | {"claims": believed(call.claims or {})}


def recorded_variables(one: WrittenPrincipal, configuration: Configuration) -> dict[str, Any]:
    """Return the values of all `principal.` variables."""
    person = one.person or (one.email if one.attribution == "person" else None)
    groups = one.groups
    if groups is None:
        known = {entry.email: entry.groups for entry in configuration.people}
        groups = known.get(person or "", ()) if one.attribution in _WITH_GROUPS else ()
    return {
        "principal.attribution": one.attribution,
        "principal.issuer": one.issuer,
        "principal.subject": one.subject,
        "principal.email": one.email or "",
        "principal.person": person or "",
        "principal.groups": list(groups),
        "principal.actor": one.actor or "",
        "principal.on_behalf_of": one.on_behalf_of or "",
        "principal.run": one.run or "",
        "principal.claims": dict(one.claims),
    }


def attributed(claims: Mapping[str, Any], configuration: Configuration) -> dict[str, Any]:
    """Return the values of all variables about the bearer of a token's claims, by a file's issuers and people.

    Raises:
        Misconfigured: The file does not know the issuer.
    """
    entry = next((one for one in configuration.issuers if one.issuer == claims.get("iss")), None)
    if entry is None:
        known = ", ".join(one.issuer for one in configuration.issuers)
        raise Misconfigured(f"no issuer {claims.get('iss')!r} is in {configuration.path}; known are {known}")
    issuer = Issuer(
        name=entry.name,
        issuer=entry.issuer,
        audiences=frozenset(entry.audiences),
        attribution=entry.attribution,
        domains=frozenset(entry.domains),
        max_age=entry.max_age,
        ci=entry.ci,
    )
    directory = Directory(
        [
            Person(email=one.email, github_id=one.github_id, gitlab_id=one.gitlab_id, groups=one.groups)
            for one in configuration.people
        ],
        [Sponsor(matches=one.matches, person=one.person) for one in configuration.sponsors],
    )
    credential = Credential(header={}, claims=dict(claims), token_sha256="", expires=0)
    return dict(attribute(issuer, credential, directory).variables)
