"""Buckets and their objects, and the laws that they keep; knows no HTTP.

Source: Cloud Storage JSON API v1 (Objects, Buckets), "Bucket Lock", "Request preconditions", "Object immutability".
"""

from __future__ import annotations

import base64
import hashlib
import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import google_crc32c

from fakes.storage_server import refusals
from fakes.storage_server.refusals import Refusal

UPDATE_S = 1.0  # one change a second of one object name
GET, CREATE, DELETE, LIST, UPDATE = (
    f"storage.objects.{verb}" for verb in ("get", "create", "delete", "list", "update")
)
MUTABLE = ("contentType", "contentEncoding", "cacheControl", "contentDisposition", "contentLanguage", "metadata")

Query = Mapping[str, str]


@dataclass(slots=True)
class Object:
    """One object, whole."""

    name: str
    data: bytes
    generation: int
    created: float
    resource: dict[str, Any]
    crc32c: str
    md5: str
    metageneration: int = 1

    def form(self, bucket: str) -> dict[str, Any]:
        made = time_text(self.created)
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{self.name}/{self.generation}",
            "name": self.name,
            "bucket": bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "size": str(len(self.data)),
            "crc32c": self.crc32c,
            "md5Hash": self.md5,
            "storageClass": "STANDARD",
            "timeCreated": made,
            "updated": made,
            "etag": f"{self.generation}/{self.metageneration}",
            **self.resource,
        }


@dataclass(slots=True)
class Bucket:
    """One bucket.

    Attributes:
        allowed: Permissions that callers have; None: all.
        asks_for_delete_first: Whether who may only create is told, of a taken name, that they may not delete.
    """

    name: str
    resource: dict[str, Any]
    created: float
    metageneration: int = 1
    allowed: frozenset[str] | None = None
    asks_for_delete_first: bool = False
    objects: dict[str, Object] = field(default_factory=dict)
    ordered: list[bytes] = field(default_factory=list)
    changed: dict[str, float] = field(default_factory=dict)

    @property
    def retention_s(self) -> int:
        return int(self.resource.get("retentionPolicy", {}).get("retentionPeriod", 0))

    @property
    def is_locked(self) -> bool:
        return bool(self.resource.get("retentionPolicy", {}).get("isLocked"))

    def demand(self, permission: str) -> None:
        if self.allowed is not None and permission not in self.allowed:
            raise refusals.not_allowed(permission)

    def form(self) -> dict[str, Any]:
        made = time_text(self.created)
        return {
            "kind": "storage#bucket",
            "id": self.name,
            "location": "EUROPE-WEST1",
            "locationType": "region",
            "storageClass": "STANDARD",
            "projectNumber": "1",
            "timeCreated": made,
            "updated": made,
            **self.resource,
            "name": self.name,
            "metageneration": str(self.metageneration),
        }


class Buckets:
    """All buckets; one thread at a time.

    Args:
        now: Seconds since 1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.all: dict[str, Bucket] = {}
        self._now = now
        self._lock = threading.RLock()
        self._generation = 0

    # Objects

    def insert(self, bucket_name: str, resource: Mapping[str, Any], data: bytes, query: Query) -> Object:
        """Create or replace an object."""
        with self._lock:
            bucket = self.bucket(bucket_name)
            name = str(resource["name"])
            self.check_insert(bucket_name, name, query)
            hashes = crc32c(data), md5(data)
            for stated, called, found in zip(("crc32c", "md5Hash"), ("CRC32C", "MD5 hash"), hashes, strict=True):
                if resource.get(stated, found) != found:
                    text = f'Provided {called} "{resource[stated]}" doesn\'t match calculated {called} "{found}".'
                    raise refusals.invalid(text)
            self._mutate(bucket, name)
            kept = {key: resource[key] for key in MUTABLE if key in resource}
            if name not in bucket.objects:
                insort(bucket.ordered, name.encode())
            made = Object(name, data, self._next_generation(), self._now(), kept, *hashes)
            bucket.objects[name] = made
            return made

    def check_insert(self, bucket_name: str, name: str, query: Query) -> None:
        """Raise what forbids to create or replace an object."""
        with self._lock:
            bucket = self.bucket(bucket_name)
            bucket.demand(CREATE)
            present = bucket.objects.get(name)
            if present is not None and bucket.asks_for_delete_first:
                bucket.demand(DELETE)
            check_preconditions(present, query)
            if present is not None:
                bucket.demand(DELETE)
                self._check_retention(bucket, present)

    def get(self, bucket_name: str, name: str, query: Query) -> Object:
        with self._lock:
            bucket = self.bucket(bucket_name)
            bucket.demand(GET)
            present = bucket.objects.get(name)
            if present is None:
                bucket.demand(LIST)  # who may not list is not told that something is missing
            return self._present(bucket, name, query)

    def patch(self, bucket_name: str, name: str, changes: Mapping[str, Any], query: Query) -> Object:
        with self._lock:
            bucket = self.bucket(bucket_name)
            bucket.demand(UPDATE)
            present = self._present(bucket, name, query)
            self._mutate(bucket, name)
            present.resource.update({key: changes[key] for key in MUTABLE if key in changes})
            present.metageneration += 1
            return present

    def delete(self, bucket_name: str, name: str, query: Query) -> None:
        with self._lock:
            bucket = self.bucket(bucket_name)
            bucket.demand(DELETE)
            self._check_retention(bucket, self._present(bucket, name, query))
            self._mutate(bucket, name)
            del bucket.objects[name]
            del bucket.ordered[bisect_left(bucket.ordered, name.encode())]

    def listing(self, bucket_name: str, query: Query) -> dict[str, Any]:
        """Return one page, in byte order."""
        with self._lock:
            bucket = self.bucket(bucket_name)
            bucket.demand(LIST)
            prefix, delimiter = query.get("prefix", "").encode(), query.get("delimiter", "").encode()
            after = base64.urlsafe_b64decode(query.get("pageToken", ""))
            most = min(int(query.get("maxResults", 1000)), 1000)
            end = query.get("endOffset", "").encode()
            number = bisect_left(bucket.ordered, max(prefix, query.get("startOffset", "").encode(), after))
            items: list[dict[str, Any]] = []
            folders: dict[str, None] = {}
            answer: dict[str, Any] = {"kind": "storage#objects"}
            while number < len(bucket.ordered):
                name = bucket.ordered[number]
                number += 1
                if not name.startswith(prefix) or (end and name >= end):
                    break
                folder = name[len(prefix) :].partition(delimiter) if delimiter else (b"", b"", b"")
                if folder[1] and (prefix + folder[0] + delimiter).decode() in folders:
                    continue
                if len(items) + len(folders) == most:
                    answer["nextPageToken"] = base64.urlsafe_b64encode(name).decode()
                    break
                if folder[1]:
                    folders[(prefix + folder[0] + delimiter).decode()] = None
                else:
                    items.append(bucket.objects[name.decode()].form(bucket_name))
            return {**answer, **({"items": items} if items else {}), **({"prefixes": [*folders]} if folders else {})}

    # Buckets

    def bucket(self, name: str) -> Bucket:
        if name not in self.all:
            raise refusals.no_bucket()
        return self.all[name]

    def make(self, resource: Mapping[str, Any]) -> Bucket:
        with self._lock:
            name = str(resource.get("name", ""))
            if name in self.all:
                raise Refusal(409, "conflict", "Your previous request to create the named bucket succeeded.")
            made = Bucket(name, {}, self._now())
            self._change(made, resource)
            self.all[name] = made
            return made

    def read(self, name: str, query: Query) -> Bucket:
        with self._lock:
            bucket = self.bucket(name)
            bucket.demand("storage.buckets.get")
            _check_metageneration(bucket.metageneration, query)
            return bucket

    def change(self, name: str, changes: Mapping[str, Any], query: Query) -> Bucket:
        with self._lock:
            bucket = self.bucket(name)
            bucket.demand("storage.buckets.update")
            _check_metageneration(bucket.metageneration, query)
            self._change(bucket, changes)
            bucket.metageneration += 1
            return bucket

    def lock(self, name: str, query: Query) -> Bucket:
        with self._lock:
            bucket = self.bucket(name)
            bucket.demand("storage.buckets.update")
            if "ifMetagenerationMatch" not in query:
                raise Refusal(400, "required", "Required parameter: ifMetagenerationMatch")
            _check_metageneration(bucket.metageneration, query)
            if not bucket.retention_s:
                raise refusals.invalid("The bucket has no retention policy to lock.")
            bucket.resource["retentionPolicy"]["isLocked"] = True
            bucket.metageneration += 1
            return bucket

    def remove(self, name: str, query: Query) -> None:
        with self._lock:
            bucket = self.bucket(name)
            bucket.demand("storage.buckets.delete")
            _check_metageneration(bucket.metageneration, query)
            if bucket.objects:
                raise Refusal(409, "conflict", "The bucket you tried to delete is not empty.")
            del self.all[name]

    def _change(self, bucket: Bucket, changes: Mapping[str, Any]) -> None:
        changes = {key: value for key, value in changes.items() if key != "metageneration"}
        if "retentionPolicy" in changes:
            self._change_retention(bucket, changes.pop("retentionPolicy") or {})
        for key, value in changes.items():
            if value is None:
                bucket.resource.pop(key, None)
            else:
                bucket.resource[key] = value

    def _change_retention(self, bucket: Bucket, policy: Mapping[str, Any]) -> None:
        period = int(policy.get("retentionPeriod", 0))
        if bucket.is_locked and period < bucket.retention_s:
            text = f"Cannot reduce retention duration of a locked Retention Policy for bucket '{bucket.name}'."
            raise Refusal(403, "forbidden", text)
        since = time_text(self._now())
        made = {
            "retentionPeriod": str(period),
            "effectiveTime": since,
            **({"isLocked": True} if bucket.is_locked else {}),
        }
        bucket.resource.pop("retentionPolicy", None)
        if period:
            bucket.resource["retentionPolicy"] = made

    # Laws

    def _present(self, bucket: Bucket, name: str, query: Query) -> Object:
        present = bucket.objects.get(name)
        if present is None or query.get("generation", str(present.generation)) != str(present.generation):
            raise refusals.no_object(bucket.name, name)
        check_preconditions(present, query)
        return present

    def _check_retention(self, bucket: Bucket, present: Object) -> None:
        until = present.created + bucket.retention_s
        if until > self._now():
            raise refusals.retained(bucket.name, present.name, time_text(until))

    def _mutate(self, bucket: Bucket, name: str) -> None:
        now = self._now()
        if now - bucket.changed.get(name, float("-inf")) < UPDATE_S:
            raise refusals.too_often(bucket.name, name)
        bucket.changed[name] = now

    def _next_generation(self) -> int:
        self._generation = max(self._generation + 1, int(self._now() * 1_000_000))
        return self._generation


def check_preconditions(present: Object | None, query: Query) -> None:
    """Raise `Refusal` where a precondition does not hold."""
    generation = 0 if present is None else present.generation
    if "ifGenerationMatch" in query and int(query["ifGenerationMatch"]) != generation:
        raise refusals.precondition()
    if "ifGenerationNotMatch" in query and int(query["ifGenerationNotMatch"]) == generation:
        raise refusals.precondition()
    if present is not None:
        _check_metageneration(present.metageneration, query)
    elif "ifMetagenerationMatch" in query:
        raise refusals.precondition()


def _check_metageneration(found: int, query: Query) -> None:
    if int(query.get("ifMetagenerationMatch", found)) != found or query.get("ifMetagenerationNotMatch") == str(found):
        raise refusals.precondition()


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4)).decode()


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def time_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
