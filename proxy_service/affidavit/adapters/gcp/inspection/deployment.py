"""What has to be there for each process, and what its account may and may not do.

Plain values out of settings; asks nobody.

Source: architecture "The way of one call" (who may what); google-cloud "Cloud Storage", "Pub/Sub", "KMS".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from affidavit.policy.configuration import Configuration
from affidavit.settings import CheckLogSettings, ProxySettings, SequenceLogSettings, WriteEvidenceSettings

Role = Literal["gateway", "write-evidence", "sequence-log", "check-log"]
AnySettings = ProxySettings | WriteEvidenceSettings | SequenceLogSettings | CheckLogSettings

_CREATE = "storage.objects.create"
_GET = "storage.objects.get"
_LIST = "storage.objects.list"
_DELETE = "storage.objects.delete"
_UPDATE = "storage.objects.update"
_READ = frozenset({_GET, _LIST})
_SPOIL = frozenset(
    {_DELETE, _UPDATE, "storage.buckets.update", "storage.buckets.delete", "storage.buckets.setIamPolicy"}
)
_SIGN, _SEE_KEY = "cloudkms.cryptoKeyVersions.useToSign", "cloudkms.cryptoKeyVersions.viewPublicKey"
_SPOIL_KEY = frozenset({"cloudkms.cryptoKeyVersions.destroy", "cloudkms.cryptoKeys.setIamPolicy"})

WRITTEN = ("writer/", "segment/")  # where in the evidence bucket records come from; all else is the sequencer's


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket and one account's part in it.

    Attributes:
        locked: Whether its retention must be locked.
        days: For how long at least; None where nobody has said.
        outlives: Whether everything rests on it, so that no key that can be destroyed may encrypt it.
        needs, never: Permissions.
        creates: Prefixes that the account creates objects under; None for anywhere.
    """

    name: str
    locked: bool = False
    days: int | None = None
    outlives: bool = False
    needs: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    creates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The log's key and one account's part in it."""

    version: str
    needs: frozenset[str]
    never: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Everything that one process rests on.

    Attributes:
        project: The gateway's; None where the process does not know it.
        contradictions: What is wrong before anybody is asked.
    """

    role: Role
    project: str | None = None
    buckets: tuple[Bucket, ...] = ()
    topic: str | None = None
    subscriptions: tuple[str, ...] = ()
    secret: str | None = None
    database: str | None = None
    key: Key | None = None
    contradictions: tuple[str, ...] = ()


def deployment(settings: AnySettings, configuration: Configuration | None) -> Deployment:
    """Return what a process rests on; with its configuration, how long for, too."""
    if isinstance(settings, ProxySettings):
        return _gateway(settings, configuration)
    if isinstance(settings, WriteEvidenceSettings):
        return _write_evidence(settings, configuration)
    if isinstance(settings, SequenceLogSettings):
        return _sequence_log(settings, configuration)
    return _check_log(settings, configuration)


def _gateway(settings: ProxySettings, configuration: Configuration | None) -> Deployment:
    days = {} if configuration is None else configuration.retention
    wrong = [*_unserved(settings.body_buckets, days)]
    for named, what in ((settings.evidence_topic, "EVIDENCE_TOPIC"), (settings.deployment_secret, "DEPLOYMENT_SECRET")):
        project = named.split("/")[1]
        if project != settings.project and not project.isdecimal():
            wrong.append(f"AFFIDAVIT_PROJECT is {settings.project}, and AFFIDAVIT_{what} is in {project}")
    never = _READ | _SPOIL
    evidence = _evidence(settings.evidence_bucket, days, never=never, creates=WRITTEN)
    return Deployment(
        role="gateway",
        project=settings.project,
        buckets=(evidence, *_bodies(settings.body_buckets, days, never=never, creates=("",))),
        topic=settings.evidence_topic,
        secret=settings.deployment_secret,
        database=settings.database,
        contradictions=tuple(wrong),
    )


def _write_evidence(settings: WriteEvidenceSettings, configuration: Configuration | None) -> Deployment:
    days = {} if configuration is None else configuration.retention
    evidence = _evidence(
        settings.evidence_bucket, days, needs=_READ, never=_SPOIL, creates=WRITTEN
    )  # it reads registrations, to check what they signed; who may not list is told 403 of one that is not there
    bodies = _bodies(settings.body_buckets, days, never=_READ | _SPOIL, creates=("",))
    quarantine = Bucket(name=settings.quarantine_bucket, creates=("",))
    return Deployment(
        role="write-evidence",
        buckets=(evidence, *bodies, quarantine),
        contradictions=(*_unserved(settings.body_buckets, days), *_other_origin(settings.origin, configuration)),
    )


def _sequence_log(settings: SequenceLogSettings, configuration: Configuration | None) -> Deployment:
    days = settings.retention
    wrong = [*_unserved(settings.body_buckets, days), *_other_origin(settings.origin, configuration)]
    if configuration is not None and dict(configuration.retention) != dict(days):
        wrong.append("AFFIDAVIT_RETENTION and the configuration's retention differ, so that the log states another one")
    evidence = _evidence(settings.evidence_bucket, days, needs=_READ, never=_SPOIL, creates=("commit/", "checkpoint/"))
    bodies = _bodies(settings.body_buckets, days, needs=frozenset({_LIST}), never=_SPOIL | {_CREATE})
    log = Bucket(name=settings.log_bucket, needs=_READ | {_DELETE}, creates=("",))
    return Deployment(
        role="sequence-log",
        buckets=(evidence, *bodies, log),
        key=Key(version=settings.log_key, needs=frozenset({_SIGN, _SEE_KEY}), never=_SPOIL_KEY),
        contradictions=tuple(wrong),
    )


def _check_log(settings: CheckLogSettings, configuration: Configuration | None) -> Deployment:
    days = {} if configuration is None else configuration.retention
    never = _SPOIL | {_CREATE}
    evidence = _evidence(settings.evidence_bucket, days, needs=_READ, never=never)
    reads = [Bucket(name=name, needs=_READ, never=never) for name in (settings.log_bucket, settings.quarantine_bucket)]
    check = Bucket(name=settings.check_bucket, needs=_READ | {_DELETE}, creates=("",))
    return Deployment(
        role="check-log",
        buckets=(evidence, *_bodies(settings.body_buckets, days, needs=_READ, never=never), *reads, check),
        subscriptions=settings.dead_letters,
        key=Key(version=settings.log_key, needs=frozenset({_SEE_KEY}), never=_SPOIL_KEY | {_SIGN}),
        contradictions=(*_unserved(settings.body_buckets, days), *_other_origin(settings.origin, configuration)),
    )


def _evidence(
    name: str,
    days: Mapping[str, int],
    *,
    never: frozenset[str],
    needs: frozenset[str] = frozenset(),
    creates: tuple[str, ...] = (),
) -> Bucket:
    longest = max(days.values(), default=None)  # records outlive bodies (evidence-format section 2)
    return Bucket(name=name, locked=True, days=longest, outlives=True, needs=needs, never=never, creates=creates)


def _bodies(
    buckets: Mapping[str, str],
    days: Mapping[str, int],
    *,
    never: frozenset[str],
    needs: frozenset[str] = frozenset(),
    creates: tuple[str, ...] = (),
) -> list[Bucket]:
    return [
        Bucket(name=bucket, locked=True, days=days.get(name), needs=needs, never=never, creates=creates)
        for name, bucket in buckets.items()
    ]


def _unserved(buckets: Mapping[str, str], days: Mapping[str, int]) -> list[str]:
    return [
        f"AFFIDAVIT_BODY_BUCKETS names no bucket for the retention class {name}" for name in days if name not in buckets
    ]


def _other_origin(origin: str, configuration: Configuration | None) -> list[str]:
    if configuration is None or configuration.origin == origin:
        return []
    return [f"AFFIDAVIT_ORIGIN is {origin}, and the configuration's origin is {configuration.origin}"]
