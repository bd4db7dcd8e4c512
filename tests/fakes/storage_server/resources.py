"""What a bucket and an object are made of, and what of them the JSON API shows.

Source: Cloud Storage JSON API v1 (resource representations), "Request preconditions".
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import google_crc32c

from fakes.storage_server import refusals

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


def check_preconditions(present: Object | None, query: Query) -> None:
    """Raise `Refusal` where a precondition does not hold."""
    generation = 0 if present is None else present.generation
    if "ifGenerationMatch" in query and int(query["ifGenerationMatch"]) != generation:
        raise refusals.precondition()
    if "ifGenerationNotMatch" in query and int(query["ifGenerationNotMatch"]) == generation:
        raise refusals.precondition()
    if present is not None:
        check_metageneration(present.metageneration, query)
    elif "ifMetagenerationMatch" in query:
        raise refusals.precondition()


def check_metageneration(found: int, query: Query) -> None:
    if int(query.get("ifMetagenerationMatch", found)) != found or query.get("ifMetagenerationNotMatch") == str(found):
        raise refusals.precondition()


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4)).decode()


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def time_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
