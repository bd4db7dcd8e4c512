"""The JSON API: requests as the official client makes them, to calls of `laws`, to answers.

Source: Cloud Storage JSON API v1; "Resumable uploads"; "Uploads and downloads" (multipart/related).
"""

from __future__ import annotations

import email.policy
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from fakes.storage_server.laws import PAGE, Buckets, BucketState, Denied, Stored

_PRECONDITIONS = (
    "ifGenerationMatch",
    "ifGenerationNotMatch",
    "ifMetagenerationMatch",
    "ifMetagenerationNotMatch",
)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    asked: Mapping[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
        parts = urlsplit(target)
        asked = parse_qs(parts.query, keep_blank_values=True)
        return cls(method, parts.path, {name: values[-1] for name, values in asked.items()}, headers, body, asked)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request asks for, as the bench and tests count it: `insert`, `media`, `get`, `list`, `delete`, …"""

    name: str
    bucket: str
    object: str


@dataclass(slots=True)
class _Upload:
    bucket: str
    resource: dict[str, Any]
    preconditions: dict[str, int]
    content_type: str
    data: bytearray = field(default_factory=bytearray)


class Api:
    """Answers requests over buckets."""

    def __init__(self, buckets: Buckets) -> None:
        self.buckets = buckets
        self._uploads: dict[str, _Upload] = {}
        self._numbers = itertools.count(1)

    def operation(self, request: Request) -> Operation:
        """Return what a request asks for."""
        kind, bucket, name = _route(request.path)
        if kind == "upload":
            resumable = request.query.get("uploadType") == "resumable"
            begins = resumable and request.method == "POST"
            upload = self._uploads.get(request.query.get("upload_id", ""))
            named = request.query.get("name") or (str(upload.resource.get("name")) if upload else "")
            return Operation("begin" if begins else "insert", bucket, named or _multipart_name(request))
        if kind == "object":
            media = request.query.get("alt") == "media"
            verbs = {"GET": "media" if media else "get", "DELETE": "delete", "PATCH": "patch", "PUT": "update"}
            return Operation(verbs.get(request.method, "other"), bucket, name)
        if kind == "objects":
            return Operation("list", bucket, request.query.get("prefix", ""))
        return Operation(f"bucket:{kind}:{request.method}", bucket, "")

    def answer(self, request: Request) -> Response:
        """Do what is asked."""
        try:
            return self._answer(request)
        except Denied as denied:
            return Response(denied.status, json.dumps(denied.form()).encode())

    def _answer(self, request: Request) -> Response:
        kind, bucket, name = _route(request.path)
        if kind == "upload":
            return self._upload(request, bucket)
        if kind == "object" and request.method == "GET":
            stored = self.buckets.get(bucket, name, _preconditions(request))
            return _media(stored) if request.query.get("alt") == "media" else _json(_object(bucket, name, stored))
        if kind == "object" and request.method == "DELETE":
            self.buckets.delete(bucket, name, _preconditions(request))
            return Response(204, b"")
        if kind == "objects" and request.method == "GET":
            return self._list(request, bucket)
        if kind == "buckets" and request.method == "POST":
            return _json(_bucket(self.buckets.make(json.loads(request.body))))
        if kind == "bucket" and request.method == "GET":
            return _json(_bucket(self.buckets.look(bucket)))
        if kind == "bucket" and request.method == "PATCH":
            return _json(_bucket(self.buckets.patch(bucket, json.loads(request.body))))
        if kind == "lock" and request.method == "POST":
            return _json(_bucket(self.buckets.lock(bucket, _preconditions(request).get("ifMetagenerationMatch"))))
        if kind == "permissions":
            return _json({"permissions": self.buckets.permissions(bucket, request.asked.get("permissions", []))})
        raise Denied(501, "notImplemented", f"{request.method} {request.path} is not asked for by this project")

    def _list(self, request: Request, bucket: str) -> Response:
        found, prefixes, token = self.buckets.list(
            bucket,
            prefix=request.query.get("prefix", ""),
            start=request.query.get("startOffset", ""),
            delimiter=request.query.get("delimiter", ""),
            token=request.query.get("pageToken", ""),
            count=int(request.query.get("maxResults", PAGE)),
        )
        answer: dict[str, Any] = {"kind": "storage#objects"}
        if found:
            answer["items"] = [_object(bucket, name, stored) for name, stored in found]
        if prefixes:
            answer["prefixes"] = prefixes
        if token is not None:
            answer["nextPageToken"] = token
        return _json(answer)

    # Uploads.

    def _upload(self, request: Request, bucket: str) -> Response:
        kind = request.query.get("uploadType")
        if kind == "multipart":
            resource, content_type, data = _multipart(request)
            return self._insert(bucket, resource, content_type, data, _preconditions(request))
        if kind == "media":
            content_type = request.headers.get("content-type", "application/octet-stream")
            return self._insert(
                bucket, {"name": request.query["name"]}, content_type, request.body, _preconditions(request)
            )
        if kind == "resumable" and request.method == "POST":
            return self._begin(request, bucket)
        if kind == "resumable" and request.method == "PUT":
            return self._go_on(request)
        raise Denied(400, "invalid", f"no such upload type: {kind}")

    def _begin(self, request: Request, bucket: str) -> Response:
        resource = json.loads(request.body or b"{}")
        resource.setdefault("name", request.query.get("name"))
        number = f"upload-{next(self._numbers)}"
        self._uploads[number] = _Upload(
            bucket, resource, _preconditions(request), request.headers.get("x-upload-content-type", "")
        )
        own = f"http://{request.headers['host']}{request.path}?uploadType=resumable&upload_id={number}"
        return Response(200, b"", {"Location": own})

    def _go_on(self, request: Request) -> Response:
        upload = self._uploads.get(request.query.get("upload_id", ""))
        if upload is None:
            raise Denied(404, "notFound", "no such upload")
        upload.data += request.body
        total = request.headers.get("content-range", "").rpartition("/")[2]
        if total == "*" or (total and len(upload.data) < int(total)):
            held = {"Range": f"bytes=0-{len(upload.data) - 1}"} if upload.data else {}
            return Response(308, b"", held)
        content_type = upload.content_type or str(upload.resource.get("contentType", ""))
        return self._insert(upload.bucket, upload.resource, content_type, bytes(upload.data), upload.preconditions)

    def _insert(
        self, bucket: str, resource: Mapping[str, Any], content_type: str, data: bytes, preconditions: Mapping[str, int]
    ) -> Response:
        name = str(resource["name"])
        given = {"crc32c": resource.get("crc32c"), "md5": resource.get("md5Hash")}
        stored = self.buckets.insert(
            bucket,
            name,
            data,
            content_type=content_type,
            preconditions=preconditions,
            checksums={kind: str(value) for kind, value in given.items() if value},
            metadata=resource.get("metadata"),
        )
        return _json(_object(bucket, name, stored))


def _route(path: str) -> tuple[str, str, str]:
    """Return what a path is about: kind, bucket, object."""
    parts = path.split("/")[1:]
    if parts[:1] == ["upload"] or parts[:1] == ["download"]:
        kind = "upload" if parts[0] == "upload" else ""
        parts = parts[1:]
    else:
        kind = ""
    if parts[:3] == ["storage", "v1", "b"]:
        rest = parts[3:]
    elif parts[:2] == ["storage", "v1"]:
        rest = ["?"]
    else:
        raise Denied(404, "notFound", f"no such path: {path}")
    if not rest:
        return "buckets", "", ""
    bucket = unquote(rest[0])
    if kind == "upload":
        return kind, bucket, ""
    if len(rest) == 1:
        return "bucket", bucket, ""
    if rest[1] == "o":
        return ("objects", bucket, "") if len(rest) == 2 else ("object", bucket, unquote("/".join(rest[2:])))
    return {"lockRetentionPolicy": "lock", "iam": "permissions"}.get(rest[1], rest[1]), bucket, ""


def _preconditions(request: Request) -> dict[str, int]:
    return {name: int(request.query[name]) for name in _PRECONDITIONS if name in request.query}


def _multipart(request: Request) -> tuple[dict[str, Any], str, bytes]:
    boundary = request.headers["content-type"].partition("boundary=")[2].strip("\"'").encode()
    _, first, second, _ = request.body.split(b"--" + boundary, 3)
    (_, _, resource), (head, _, data) = (part.removeprefix(b"\r\n").partition(b"\r\n\r\n") for part in (first, second))
    told = email.message_from_bytes(head + b"\r\n\r\n", policy=email.policy.HTTP)
    return json.loads(resource), told["content-type"], data.removesuffix(b"\r\n")


def _multipart_name(request: Request) -> str:
    return str(_multipart(request)[0].get("name", "")) if request.query.get("uploadType") == "multipart" else ""


def _json(value: Any) -> Response:
    return Response(200, json.dumps(value).encode())


def _media(stored: Stored) -> Response:
    headers = {
        "Content-Type": stored.content_type,
        "X-Goog-Hash": f"crc32c={stored.crc32c},md5={stored.md5}",
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": "1",
        "X-Goog-Storage-Class": "STANDARD",
        "X-Goog-Stored-Content-Length": str(len(stored.data)),
    }
    return Response(200, stored.data, headers)


def _object(bucket: str, name: str, stored: Stored) -> dict[str, Any]:
    return {
        "kind": "storage#object",
        "id": f"{bucket}/{name}/{stored.generation}",
        "bucket": bucket,
        "name": name,
        "generation": str(stored.generation),
        "metageneration": "1",
        "contentType": stored.content_type,
        "size": str(len(stored.data)),
        "crc32c": stored.crc32c,
        "md5Hash": stored.md5,
        "timeCreated": _time(stored.created),
        **({"metadata": dict(stored.metadata)} if stored.metadata else {}),
    }


def _bucket(bucket: BucketState) -> dict[str, Any]:
    form = {
        "kind": "storage#bucket",
        "id": bucket.name,
        "name": bucket.name,
        "metageneration": str(bucket.metageneration),
        "timeCreated": _time(bucket.created),
        **bucket.given,
    }
    if bucket.retention_s:
        form["retentionPolicy"] = {
            "retentionPeriod": str(bucket.retention_s),
            "effectiveTime": _time(bucket.created),
            **({"isLocked": True} if bucket.locked else {}),
        }
    return form


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
