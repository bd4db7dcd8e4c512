"""Buckets and their laws: generations, preconditions, checksums, retention and its lock, one update a second of a name.

No I/O: calls in, values or `Denied` out. Error words are the real service's.

Source: Cloud Storage JSON API v1 (`Objects`, `Buckets`, "HTTP status and error codes"); "Bucket Lock"; "Object
generations and preconditions"; "Quotas & limits" (one write a second to one name).
"""

from __future__ import annotations

import base64
import hashlib
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import google_crc32c

UPDATE_EVERY_S = 1.0  # one mutation of one name
MAX_RETENTION_S = 3_155_760_000  # 100 years
PAGE = 1000

Preconditions = Mapping[str, int]  # ifGenerationMatch and its like


class Denied(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    def form(self) -> dict[str, Any]:
        told = {"domain": "global", "reason": self.reason, "message": str(self)}
        return {"error": {"code": self.status, "message": str(self), "errors": [told]}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One generation of an object; times are seconds since 1970."""

    data: bytes
    generation: int
    content_type: str
    created: float
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def crc32c(self) -> str:
        return base64.b64encode(google_crc32c.value(self.data).to_bytes(4, "big")).decode()

    @property
    def md5(self) -> str:
        return base64.b64encode(hashlib.md5(self.data, usedforsecurity=False).digest()).decode()


@dataclass(slots=True)
class BucketState:
    """One bucket; `denied` are permissions that whoever asks does not have."""

    name: str
    created: float
    retention_s: int = 0
    locked: bool = False
    metageneration: int = 1
    objects: dict[str, Stored] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)  # in byte order
    denied: set[str] = field(default_factory=set)
    changed: dict[str, float] = field(default_factory=dict)  # name to when it was last written or removed
    given: dict[str, Any] = field(default_factory=dict)  # whatever else the bucket's resource was made with


class Buckets:
    """All buckets.

    Args:
        now: Seconds since 1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._buckets: dict[str, BucketState] = {}
        self._generation = 0

    def __getitem__(self, name: str) -> BucketState:
        if name not in self._buckets:
            raise Denied(404, "notFound", "The specified bucket does not exist.")
        return self._buckets[name]

    # Buckets.

    def make(self, resource: Mapping[str, Any]) -> BucketState:
        name = str(resource.get("name", ""))
        if name in self._buckets:
            raise Denied(409, "conflict", "Your previous request to create the named bucket succeeded.")
        bucket = self._buckets[name] = BucketState(name, self._now())
        bucket.given = {key: value for key, value in resource.items() if key not in ("name", "retentionPolicy")}
        bucket.retention_s = _retention(resource)
        return bucket

    def look(self, name: str) -> BucketState:
        return self._allowed(name, "storage.buckets.get")

    def patch(self, name: str, resource: Mapping[str, Any]) -> BucketState:
        bucket = self._allowed(name, "storage.buckets.update")
        if "retentionPolicy" in resource:
            period = _retention(resource)
            if bucket.locked and period < bucket.retention_s:
                raise Denied(
                    403, "forbidden", f"Cannot reduce retention duration of a locked Retention Policy for {name}."
                )
            bucket.retention_s = period
        bucket.given.update({key: value for key, value in resource.items() if key != "retentionPolicy"})
        bucket.metageneration += 1
        return bucket

    def lock(self, name: str, metageneration: int | None) -> BucketState:
        bucket = self._allowed(name, "storage.buckets.update")
        if metageneration is None:
            raise Denied(400, "required", "Required parameter: ifMetagenerationMatch")
        if metageneration != bucket.metageneration:
            raise Denied(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
        if not bucket.retention_s:
            raise Denied(400, "invalid", "Cannot lock a retention policy that is not there.")
        bucket.locked = True
        bucket.metageneration += 1
        return bucket

    def permissions(self, name: str, asked: list[str]) -> list[str]:
        bucket = self[name]
        return [one for one in asked if one not in bucket.denied]

    # Objects.

    def insert(
        self,
        bucket_name: str,
        name: str,
        data: bytes,
        *,
        content_type: str,
        preconditions: Preconditions,
        checksums: Mapping[str, str],
        metadata: Mapping[str, str] | None = None,
    ) -> Stored:
        bucket = self._allowed(bucket_name, "storage.objects.create")
        before = bucket.objects.get(name)
        _hold(preconditions, before)
        if before is not None:
            if "storage.objects.delete" in bucket.denied:
                raise _forbidden("storage.objects.delete", f"object {bucket_name}/{name}")
            self._retained(bucket, name, before)
        self._paced(bucket, name)
        self._generation = max(self._generation + 1, int(self._now() * 1_000_000))
        stored = Stored(
            data=data,
            generation=self._generation,
            content_type=content_type,
            created=self._now(),
            metadata=metadata or {},
        )
        for kind, given in checksums.items():
            if given != getattr(stored, kind):
                raise Denied(
                    400, "invalid", f"Provided {kind} '{given}' doesn't match calculated '{getattr(stored, kind)}'."
                )
        if before is None:
            insort(bucket.names, name)
        bucket.objects[name] = stored
        bucket.changed[name] = self._now()
        return stored

    def get(self, bucket_name: str, name: str, preconditions: Preconditions) -> Stored:
        bucket = self._allowed(bucket_name, "storage.objects.get", name)
        stored = bucket.objects.get(name)
        if stored is None:
            raise _absent(bucket_name, name)
        _hold(preconditions, stored)
        return stored

    def delete(self, bucket_name: str, name: str, preconditions: Preconditions) -> None:
        bucket = self._allowed(bucket_name, "storage.objects.delete", name)
        stored = bucket.objects.get(name)
        if stored is None:
            raise _absent(bucket_name, name)
        _hold(preconditions, stored)
        self._retained(bucket, name, stored)
        self._paced(bucket, name)
        del bucket.objects[name]
        del bucket.names[bisect_left(bucket.names, name)]
        bucket.changed[name] = self._now()

    def list(
        self, bucket_name: str, *, prefix: str, start: str, delimiter: str, token: str, count: int
    ) -> tuple[list[tuple[str, Stored]], list[str], str | None]:
        """Return objects, common prefixes, and where the next page begins."""
        bucket = self._allowed(bucket_name, "storage.objects.list")
        found: list[tuple[str, Stored]] = []
        prefixes: dict[str, None] = {}
        first = max(prefix, start, token)
        for name in bucket.names[bisect_left(bucket.names, first) :]:
            if not name.startswith(prefix):
                if name > prefix:
                    break
                continue
            if len(found) + len(prefixes) == min(count, PAGE):
                return found, list(prefixes), name
            inner, separator, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            if separator:
                prefixes[f"{prefix}{inner}{delimiter}"] = None
            else:
                found.append((name, bucket.objects[name]))
        return found, list(prefixes), None

    def _allowed(self, bucket_name: str, permission: str, name: str = "") -> BucketState:
        bucket = self[bucket_name]
        if permission in bucket.denied:
            raise _forbidden(permission, f"object {bucket_name}/{name}" if name else f"bucket {bucket_name}")
        return bucket

    def _retained(self, bucket: BucketState, name: str, stored: Stored) -> None:
        until = stored.created + bucket.retention_s
        if bucket.retention_s and self._now() < until:
            raise Denied(
                403,
                "retentionPolicyNotMet",
                f"Object '{bucket.name}/{name}' is subject to bucket's retention policy or object retention and "
                "cannot be "
                f"deleted or overwritten until {datetime.fromtimestamp(until, UTC).isoformat()}",
            )

    def _paced(self, bucket: BucketState, name: str) -> None:
        if self._now() - bucket.changed.get(name, float("-inf")) < UPDATE_EVERY_S:
            raise Denied(
                429,
                "rateLimitExceeded",
                f"The object {bucket.name}/{name} exceeded the rate limit for object mutation operations (create, "
                "update, and delete). Please reduce your request rate.",
            )


def _retention(resource: Mapping[str, Any]) -> int:
    policy = resource.get("retentionPolicy") or {}
    period = int(policy.get("retentionPeriod", 0))
    if not 0 <= period <= MAX_RETENTION_S:
        raise Denied(400, "invalid", "The retention period is out of range.")
    return period


def _hold(preconditions: Preconditions, stored: Stored | None) -> None:
    generation = stored.generation if stored else 0
    holds = {
        "ifGenerationMatch": lambda value: generation == value,
        "ifGenerationNotMatch": lambda value: generation != value,
        "ifMetagenerationMatch": lambda value: stored is not None and value == 1,
        "ifMetagenerationNotMatch": lambda value: stored is None or value != 1,
    }
    if not all(holds[name](value) for name, value in preconditions.items()):
        raise Denied(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


def _absent(bucket: str, name: str) -> Denied:
    return Denied(404, "notFound", f"No such object: {bucket}/{name}")


def _forbidden(permission: str, what: str) -> Denied:
    return Denied(
        403,
        "forbidden",
        f"tester@example.iam.gserviceaccount.com does not have {permission} access to the Google Cloud Storage {what}. "
        f"Permission '{permission}' denied on resource (or it may not exist).",
    )
