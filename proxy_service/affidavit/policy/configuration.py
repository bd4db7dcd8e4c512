"""The configuration in force: what `affidavit.yaml` says, checked, as plain values.

Holds paths of secrets, never secrets.

Source: architecture "Configuration".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from affidavit.clock import Micros
from affidavit.masking.rule import MaskingRule
from affidavit.policy.cases import Case
from affidavit.policy.condition import OBJECT, Condition, Language
from affidavit.policy.credentials import CredentialEntry
from affidavit.policy.decide import Policy, Rule, Surroundings
from affidavit.policy.directories import DirectoryEntry
from affidavit.policy.facts import StatementSource
from affidavit.policy.networks import Networks

IssuerAttribution = Literal["person", "google", "iap", "delegated", "ci-person", "sponsored"]

CLAIMS = Language({"claims": OBJECT})  # what `sponsors[].match` can look at


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerEntry:
    """One `issuers` entry.

    Attributes:
        issuer: Compared with a token's `iss`, character by character.
        audiences: Accepted beside an upstream's own `<public_url>/mcp/<name>`.
        jwks_uri, jwks_file: Where the keys are, one of the two; none where the issuer says so itself (discovery).
        ci: For `ci-person`: whose jobs these are.
        domains: For `google`: which `hd` makes a person.
        max_age: How old a token's `iat` may be.
    """

    name: str
    issuer: str
    audiences: tuple[str, ...]
    attribution: IssuerAttribution
    jwks_uri: str | None
    jwks_file: Path | None
    domains: tuple[str, ...]
    max_age: Micros
    ci: Literal["github", "gitlab"] = "github"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEntry:
    """One `people` entry; `email` is in lower case and names the person everywhere."""

    email: str
    github_id: int | None
    gitlab_id: int | None
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SponsorEntry:
    """One `sponsors` entry: who answers for tokens whose claims match."""

    match: Condition
    person: str

    def matches(self, claims: Mapping[str, Any]) -> bool:
        """Tell whether verified claims are of this entry; a condition that fails does not match."""
        return self.match.evaluate(CLAIMS.bind({"claims": dict(claims)})) is True


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamEntry:
    """One `upstreams` entry, served at `/mcp/<name>`.

    Attributes:
        retention: The class of its bodies.
        statements: Where calls of its tools hold a statement, by tool.
    """

    name: str
    url: str
    timeout: Micros
    retention: str
    credential: CredentialEntry | None
    statements: Mapping[str, StatementSource] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A whole file.

    Attributes:
        text: The file's exact bytes: what `policy:loaded` keeps.
        digest: Their SHA-256, hex.
        origin: The log's name.
        public_url: Scheme and host, no slash at the end.
        masking: Empty where masking is switched off on purpose.
        retention: Body classes and how many days they are kept.
        tests: Cases for `affidavit policy test`; the gateway does not look at them.
    """

    path: Path
    text: bytes
    origin: str
    public_url: str
    issuers: tuple[IssuerEntry, ...]
    people: tuple[PersonEntry, ...]
    sponsors: tuple[SponsorEntry, ...]
    directories: tuple[DirectoryEntry, ...]
    upstreams: tuple[UpstreamEntry, ...]
    rules: tuple[Rule, ...]
    masking: tuple[MaskingRule, ...]
    retention: Mapping[str, int]
    networks: Networks = field(default_factory=Networks)
    tests: tuple[Case, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the exact bytes, hex."""
        return hashlib.sha256(self.text).hexdigest()

    @property
    def masks(self) -> bool:
        """Whether anything is masked at all."""
        return bool(self.masking)

    def policy(self) -> Policy:
        """Return the rules, ready to decide."""
        statements = {
            (upstream.name, tool): source for upstream in self.upstreams for tool, source in upstream.statements.items()
        }
        return Policy(self.rules, self.digest, Surroundings(networks=self.networks, statements=statements))

    def audience(self, upstream: str) -> str:
        """Return the audience that is an upstream's own (RFC 8707, RFC 9728)."""
        return f"{self.public_url}/mcp/{upstream}"
