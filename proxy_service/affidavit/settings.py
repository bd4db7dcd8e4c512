"""Where a process on Google Cloud runs: its environment, read once and all of it at once.

Never holds a secret, only where one lies; never reads the policy, which is a file.

Source: architecture "Configuration" (`AFFIDAVIT_*`, all validated at once).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Self

from affidavit.errors import Misconfigured

PREFIX = "AFFIDAVIT_"

_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)
_CLASS = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)  # evidence-format section 6
_TOPIC = re.compile(r"projects/[^/]+/topics/[A-Za-z][A-Za-z0-9._~+%-]{2,254}", re.ASCII)
_SUBSCRIPTION = re.compile(r"projects/[^/]+/subscriptions/[A-Za-z][A-Za-z0-9._~+%-]{2,254}", re.ASCII)
KEY_VERSION = re.compile(
    r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/[1-9][0-9]*", re.ASCII
)
_SECRET = re.compile(r"projects/[^/]+/secrets/[A-Za-z0-9_-]{1,255}/versions/(latest|[1-9][0-9]*)", re.ASCII)
_FORWARDERS = re.compile(r"[1-9]", re.ASCII)
_IMAGE = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)  # evidence-format section 3
_ROLE = re.compile(r"gateway|console|cli|function:[a-z0-9-]+", re.ASCII)  # evidence-format section 3
_ACCOUNT = re.compile(r"[!-~]+@[!-~]+", re.ASCII)
_DAYS = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_DATABASE = re.compile(r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]", re.ASCII)


def _one(pattern: re.Pattern[str], example: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"must be of the form {example}")
        return text

    return read


def _many(read: Callable[[str], str], example: str) -> Callable[[str], tuple[Any, ...]]:
    def read_all(text: str) -> tuple[Any, ...]:
        try:
            return tuple(read(part) for part in text.split(",") if part)
        except ValueError as error:
            raise ValueError(f"must be of the form {example}") from error

    return read_all


def _pairs(key: re.Pattern[str], value: re.Pattern[str], example: str) -> Callable[[str], dict[str, str]]:
    def read(text: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in text.split(","):
            name, separator, rest = part.partition("=")
            if not (separator and key.fullmatch(name) and value.fullmatch(rest)) or name in found:
                raise ValueError(f"must be of the form {example}, each name once")
            found[name] = rest
        return found

    return read


def _days(text: str) -> dict[str, int]:
    return {name: int(days) for name, days in _pairs(_CLASS, _DAYS, "standard=400,payroll=90 (days)")(text).items()}


def _line(text: str) -> str:
    if not text or "\n" in text:
        raise ValueError("must be one line")
    return text


_SUBSCRIPTIONS = "projects/P/subscriptions/S,projects/P/subscriptions/T"
_READERS: Mapping[str, Callable[[str], Any]] = {
    "project": _one(_PROJECT, "my-project-123456"),
    "origin": _line,
    "evidence_bucket": _one(_BUCKET, "acme-evidence"),
    "body_buckets": _pairs(_CLASS, _BUCKET, "standard=acme-body-standard,payroll=acme-body-payroll"),
    "quarantine_bucket": _one(_BUCKET, "acme-quarantine"),
    "log_bucket": _one(_BUCKET, "acme-log"),
    "check_bucket": _one(_BUCKET, "acme-check"),
    "evidence_topic": _one(_TOPIC, "projects/P/topics/affidavit-evidence"),
    "dead_letters": _many(_one(_SUBSCRIPTION, _SUBSCRIPTIONS), _SUBSCRIPTIONS),
    "database": _one(_DATABASE, "(default)"),
    "deployment_secret": _one(_SECRET, "projects/P/secrets/affidavit-deployment/versions/1"),
    "forwarders": lambda text: int(_one(_FORWARDERS, "1, or 2 behind a load balancer")(text)),
    "image": _one(_IMAGE, "sha256:<64 hex digits>"),
    "log_key": _one(KEY_VERSION, "projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/1"),
    "retention": _days,
    "writers": _pairs(_ROLE, _ACCOUNT, "gateway=proxy@my-project.iam.gserviceaccount.com"),
    "attestation_keys": _line,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a process is told by its environment; a field's default makes its variable optional."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables of one process: `AFFIDAVIT_` and the field's name in capitals.

        Raises:
            Misconfigured: Naming every variable that is missing, wrong or unknown.
        """
        wrong: list[str] = []
        values: dict[str, Any] = {}
        for field in fields(cls):
            variable = PREFIX + field.name.upper()
            if text := environment.get(variable, ""):
                try:
                    values[field.name] = _READERS[field.name](text)
                except ValueError as error:
                    wrong.append(f"{variable} {error}")
            elif field.default is MISSING:
                wrong.append(f"{variable} is not set")
        wrong += [f"{variable} is not known" for variable in sorted(environment) if _is_unknown(variable)]
        if wrong:
            raise Misconfigured("the environment is wrong: " + "; ".join(wrong))
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings(Settings):
    """The gateway: records go to the topic, registrations and what is too large to the buckets.

    Attributes:
        forwarders: How many addresses are appended to `X-Forwarded-For` on the way to it.
        image: Its container image's digest, for the registration.
    """

    project: str
    evidence_bucket: str
    body_buckets: Mapping[str, str]
    evidence_topic: str
    deployment_secret: str
    database: str = "(default)"
    forwarders: int = 1
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteEvidenceSettings(Settings):
    """The function that stores what was published."""

    origin: str
    evidence_bucket: str
    body_buckets: Mapping[str, str]
    quarantine_bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceLogSettings(Settings):
    """The function that gives records their places in the log.

    Attributes:
        writers: Which account may write in which role; `log:writer_admitted` states it.
        retention: Body class to days.
        attestation_keys: Where the key set lies that attestations are signed with.
    """

    origin: str
    evidence_bucket: str
    body_buckets: Mapping[str, str]
    log_bucket: str
    log_key: str
    retention: Mapping[str, int]
    writers: Mapping[str, str]
    attestation_keys: str = "https://www.googleapis.com/oauth2/v3/certs"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLogSettings(Settings):
    """The function that verifies what is new."""

    origin: str
    evidence_bucket: str
    body_buckets: Mapping[str, str]
    quarantine_bucket: str
    log_bucket: str
    check_bucket: str
    log_key: str
    dead_letters: tuple[str, ...] = ()


def _is_unknown(variable: str) -> bool:
    return variable.startswith(PREFIX) and variable.removeprefix(PREFIX).lower() not in _READERS
