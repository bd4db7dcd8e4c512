"""The file `affidavit.yaml`: what may stand in it, read strictly.

Source: architecture "Configuration". What later work brings is refused with "not supported yet", never passed over.
Never reads another file: those that it names are others' to open.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, InstanceOf, ValidationError

from affidavit.clock import MINUTE, SECOND, Micros
from affidavit.policy import fields
from affidavit.policy.complaints import Vocabulary, explain
from affidavit.policy.condition import Condition
from affidavit.policy.configuration import (
    CLAIMS,
    Configuration,
    IssuerAttribution,
    IssuerEntry,
    PersonEntry,
    SponsorEntry,
    UpstreamEntry,
)
from affidavit.policy.consistency import WELL_KNOWN_KEYS, contradictions
from affidavit.policy.credentials import CredentialEntry, FileHeader, GoogleAccessToken, GoogleIdToken, SecretHeader
from affidavit.policy.networks import Networks
from affidavit.policy.problems import ConfigurationErrors, Place
from affidavit.policy.section import Class, Duration, Email, File, Name, Section, SecureUrl, text
from affidavit.policy.sections import rule
from affidavit.policy.sections.conditions import condition
from affidavit.policy.sections.directories import DirectorySection
from affidavit.policy.sections.masking import MaskingSection, entries
from affidavit.policy.sections.tests import TestSection
from affidavit.policy.yaml_lines import Unreadable, read_yaml

STANDARD = "standard"
DEFAULT_TIMEOUT: Micros = 60 * SECOND
MAX_AGE_OF_PEOPLE: Micros = 60 * MINUTE  # identity-and-approvals "Tokens"
MAX_AGE_OF_JOBS: Micros = 10 * MINUTE  # identity-and-approvals "Tokens"


def _version(value: Any) -> int:
    if type(value) is not int or value != 1:  # true equals 1, too
        raise ValueError("must be 1")
    return value


Account = Annotated[str, text(fields.service_account)]
HeaderName = Annotated[str, text(fields.header_name)]
Prefix = Annotated[str, text(fields.header_prefix)]
Days = Annotated[int, text(fields.days)]


class IssuerSection(Section):  # noqa: D101
    name: Name
    issuer: Annotated[str, text(fields.issuer)]
    audiences: list[Annotated[str, text(fields.audience)]] = []
    attribution: IssuerAttribution
    jwks_uri: SecureUrl | None = None
    jwks_file: File | None = None
    domains: list[Annotated[str, text(fields.domain)]] = []
    max_age: Duration | None = None
    ci: Literal["github", "gitlab"] | None = None

    def entry(self, folder: Path) -> IssuerEntry:  # noqa: D102
        usual = MAX_AGE_OF_PEOPLE if self.attribution in ("person", "google", "iap") else MAX_AGE_OF_JOBS
        return IssuerEntry(
            name=self.name,
            issuer=self.issuer,
            audiences=tuple(self.audiences),
            attribution=self.attribution,
            jwks_uri=self.jwks_uri or (None if self.jwks_file else WELL_KNOWN_KEYS.get(self.issuer)),
            jwks_file=folder / self.jwks_file if self.jwks_file else None,
            domains=tuple(self.domains),
            max_age=self.max_age or usual,
            ci=self.ci or ("gitlab" if "gitlab" in self.issuer else "github"),
        )


class PersonSection(Section):  # noqa: D101
    email: Email
    github_id: int | None = None
    gitlab_id: int | None = None
    groups: list[Name] = []

    def entry(self) -> PersonEntry:  # noqa: D102
        return PersonEntry(
            email=self.email, github_id=self.github_id, gitlab_id=self.gitlab_id, groups=tuple(self.groups)
        )


class SponsorSection(Section):  # noqa: D101
    match: Annotated[InstanceOf[Condition], condition(CLAIMS)]
    person: Email

    def entry(self) -> SponsorEntry:  # noqa: D102
        return SponsorEntry(match=self.match, person=self.person)


class FileHeaderSection(Section):  # noqa: D101
    name: HeaderName
    file: File
    prefix: Prefix = ""

    def entry(self, folder: Path) -> FileHeader:  # noqa: D102
        return FileHeader(name=self.name, file=folder / self.file, prefix=self.prefix)


class SecretHeaderSection(Section):  # noqa: D101
    name: HeaderName
    secret: Annotated[str, text(fields.secret)]
    prefix: Prefix = ""

    def entry(self, _: Path) -> SecretHeader:  # noqa: D102
        return SecretHeader(name=self.name, secret=self.secret, prefix=self.prefix)


class GoogleIdTokenSection(Section):  # noqa: D101
    audience: Annotated[str, text(fields.target_audience)]
    impersonate: Account | None = None

    def entry(self, _: Path) -> GoogleIdToken:  # noqa: D102
        return GoogleIdToken(audience=self.audience, impersonate=self.impersonate)


class GoogleAccessTokenSection(Section):  # noqa: D101
    scopes: list[Annotated[str, text(fields.scope)]]
    impersonate: Account | None = None

    def entry(self, _: Path) -> GoogleAccessToken:  # noqa: D102
        return GoogleAccessToken(scopes=tuple(self.scopes), impersonate=self.impersonate)


class CredentialSection(Section):
    """One of its keys; `consistency` sees to that."""

    LATER = ("token_exchange",)

    header: FileHeaderSection | None = None
    google_id_token: GoogleIdTokenSection | None = None
    google_access_token: GoogleAccessTokenSection | None = None
    secret: SecretHeaderSection | None = None

    def entry(self, folder: Path) -> CredentialEntry | None:  # noqa: D102
        given = self.header or self.google_id_token or self.google_access_token or self.secret
        return given.entry(folder) if given else None


class UpstreamSection(Section):  # noqa: D101
    LATER = ("masking", "tools", "networks")
    LATER_VALUES = {"kind": ("http", "google", "grpc", "rest")}

    name: Name
    kind: Literal["mcp"]
    url: Annotated[str, text(fields.upstream_url)]
    timeout: Duration = DEFAULT_TIMEOUT
    retention: Class = STANDARD
    credential: CredentialSection | None = None
    statements: dict[rule.Tool, rule.StatementSection] = {}

    def entry(self, folder: Path) -> UpstreamEntry:  # noqa: D102
        return UpstreamEntry(
            name=self.name,
            url=self.url,
            timeout=self.timeout,
            retention=self.retention,
            credential=self.credential.entry(folder) if self.credential else None,
            statements=rule.statement_sources(self.statements),
        )


class Document(Section):
    """The whole file."""

    LATER = ("channels", "approvals", "revocation", "witnesses")

    version: Annotated[int, BeforeValidator(_version)]
    origin: Annotated[str, text(fields.origin)]
    public_url: Annotated[str, text(fields.public_url)]
    issuers: list[IssuerSection]
    people: list[PersonSection] = []
    sponsors: list[SponsorSection] = []
    directories: list[DirectorySection] = []
    upstreams: list[UpstreamSection]
    networks: rule.Networks = {}
    rules: list[rule.RuleSection] = []
    tests: list[TestSection] = []
    masking: list[MaskingSection] | None = None
    retention: dict[Class, Days] = {STANDARD: 400}

    def configuration(self, path: Path, content: bytes) -> Configuration:
        """Return the file's meaning as plain values."""
        folder = path.parent
        return Configuration(
            path=path,
            text=content,
            origin=self.origin,
            public_url=self.public_url,
            issuers=tuple(issuer.entry(folder) for issuer in self.issuers),
            people=tuple(person.entry() for person in self.people),
            sponsors=tuple(sponsor.entry() for sponsor in self.sponsors),
            directories=tuple(directory.entry(folder) for directory in self.directories),
            upstreams=tuple(upstream.entry(folder) for upstream in self.upstreams),
            rules=tuple(one.entry() for one in self.rules),
            networks=Networks({name: tuple(held) for name, held in self.networks.items()}),
            tests=tuple(test.entry() for test in self.tests),
            masking=entries(self.masking),
            retention=dict(self.retention),
        )


def load(path: Path, text: bytes) -> Configuration:
    """Read a configuration file.

    Args:
        path: Where it lies: files that it names are meant from its folder.
        text: Its exact bytes.

    Raises:
        ConfigurationErrors: Everything that is wrong with it, each with its line.
    """
    try:
        tree = read_yaml(text)
    except Unreadable as error:
        raise ConfigurationErrors(path, [error.problem]) from error
    problems = tree.problems + contradictions(tree)
    try:
        document = Document.model_validate(tree.value)
    except ValidationError as error:
        problems += explain(error.errors(include_url=False), tree, vocabulary_at)
        raise ConfigurationErrors(path, problems) from error
    if problems:
        raise ConfigurationErrors(path, problems)
    return document.configuration(path, text)


def vocabulary_at(place: Place, section: type[Section] = Document) -> Vocabulary:
    """Return what the mapping at a place knows; `section` is the outermost."""
    for step in place:
        if isinstance(step, str) and step in section.model_fields:  # else it is a name that the file itself gives
            section = _section_in(section.model_fields[step].annotation) or section
    return Vocabulary(keys=tuple(section.model_fields), later=section.LATER, later_values=section.LATER_VALUES)


def _section_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part))), None)
