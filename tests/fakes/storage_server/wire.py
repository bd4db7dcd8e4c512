"""The JSON API as HTTP: which request is which operation, and what its answer looks like."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from fakes.storage_server.buckets import Buckets, Object
from fakes.storage_server.faults import Seen
from fakes.storage_server.refusals import Refusal
from fakes.storage_server.uploads import Uploads

JSON = "application/json; charset=UTF-8"
_BUCKET = r"/b/(?P<bucket>[^/]+)"
_OBJECT = rf"{_BUCKET}/o/(?P<name>[^/]+)"
_ROUTES = (  # method, path, operation
    ("POST", rf"/upload/storage/v1{_BUCKET}/o", "objects.insert"),
    ("PUT", rf"/upload/storage/v1{_BUCKET}/o", "objects.insert/upload"),  # more of a resumable one
    ("GET", rf"(?:/download)?/storage/v1{_OBJECT}", "objects.get"),
    ("PATCH", rf"/storage/v1{_OBJECT}", "objects.patch"),
    ("DELETE", rf"/storage/v1{_OBJECT}", "objects.delete"),
    ("GET", rf"/storage/v1{_BUCKET}/o", "objects.list"),
    ("GET", rf"/storage/v1{_BUCKET}/iam/testPermissions", "buckets.testIamPermissions"),
    ("POST", rf"/storage/v1{_BUCKET}/lockRetentionPolicy", "buckets.lockRetentionPolicy"),
    ("GET", rf"/storage/v1{_BUCKET}", "buckets.get"),
    ("PATCH", rf"/storage/v1{_BUCKET}", "buckets.patch"),
    ("DELETE", rf"/storage/v1{_BUCKET}", "buckets.delete"),
    ("POST", r"/storage/v1/b", "buckets.insert"),
    ("GET", r"/storage/v1/b", "buckets.list"),
)
_PATTERNS = [(method, re.compile(path), operation) for method, path, operation in _ROUTES]


@dataclass(slots=True)
class Answer:
    """What goes back."""

    status: int = HTTPStatus.OK
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def read(self) -> Seen:
        """Return which operation this is."""
        path, _, query = self.target.partition("?")
        for method, pattern, operation in _PATTERNS:
            found = pattern.fullmatch(path)
            if found is not None and method == self.method:
                parts = {key: unquote(value) for key, value in found.groupdict().items()}
                asked = dict(parse_qsl(query, keep_blank_values=True))
                name = parts.get("name", asked.get("name", "")) or self._name_inside(operation, asked)
                return Seen(operation, parts.get("bucket", ""), name, asked)
        return Seen("unknown", "", "", {})

    def _name_inside(self, operation: str, query: Mapping[str, str]) -> str:
        if operation != "objects.insert" or query.get("uploadType") not in {"multipart", "resumable"}:
            return ""
        found = re.search(rb'"name": ?("(?:[^"\\]|\\.)*")', self.body[:4096])
        return str(json.loads(found[1])) if found else ""


class JsonApi:
    """Answers requests."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._uploads = Uploads(buckets)
        self._operations: dict[str, Callable[[Request, Seen], Answer]] = {
            "objects.insert": self._insert,
            "objects.insert/upload": self._go_on,
            "objects.get": self._get,
            "objects.patch": lambda asked, seen: _object(
                self._buckets.patch(seen.bucket, seen.name, _json(asked), seen.query), seen.bucket
            ),
            "objects.delete": self._delete,
            "objects.list": lambda _, seen: _form(buckets.listing(seen.bucket, seen.query)),
            "buckets.get": lambda _, seen: _form(buckets.read(seen.bucket, seen.query).form()),
            "buckets.patch": lambda asked, seen: _form(buckets.change(seen.bucket, _json(asked), seen.query).form()),
            "buckets.insert": lambda asked, _: _form(buckets.make(_json(asked)).form()),
            "buckets.list": lambda *_: _form({"items": [one.form() for one in [*buckets.all.values()]]}),
            "buckets.delete": self._remove,
            "buckets.lockRetentionPolicy": lambda _, seen: _form(buckets.lock(seen.bucket, seen.query).form()),
            "buckets.testIamPermissions": self._permissions,
        }

    def answer(self, asked: Request, seen: Seen) -> Answer:
        """Do what is asked, or say why not."""
        try:
            return self._operations.get(seen.operation, _unknown)(asked, seen)
        except Refusal as refusal:
            if seen.query.get("alt") == "media":  # the real one answers these in plain text
                return Answer(refusal.status, refusal.message.encode(), {"Content-Type": "text/html; charset=UTF-8"})
            return Answer(refusal.status, refusal.body(), {"Content-Type": JSON})

    def _insert(self, asked: Request, seen: Seen) -> Answer:
        kind = seen.query.get("uploadType")
        if kind == "resumable":
            number = self._uploads.begin(seen.bucket, seen.query, asked.headers, asked.body)
            where = f"http://{asked.headers['Host']}/upload/storage/v1/b/{seen.bucket}/o?upload_id={number}"
            return Answer(headers={"Location": where, "X-GUploader-UploadID": number})
        upload = self._uploads.multipart if kind == "multipart" else self._uploads.media
        return _object(upload(seen.bucket, seen.query, asked.headers, asked.body), seen.bucket)

    def _go_on(self, asked: Request, seen: Seen) -> Answer:
        made = self._uploads.go_on(seen.query.get("upload_id", ""), asked.headers, asked.body)
        if isinstance(made, Object):
            return _object(made, seen.bucket)
        return Answer(HTTPStatus.PERMANENT_REDIRECT, headers={"Range": f"bytes=0-{made - 1}"} if made else {})

    def _get(self, asked: Request, seen: Seen) -> Answer:
        found = self._buckets.get(seen.bucket, seen.name, seen.query)
        if seen.query.get("alt") != "media":
            return _object(found, seen.bucket)
        form = found.form(seen.bucket)
        headers = {
            "Content-Type": str(form.get("contentType") or "application/octet-stream"),
            "ETag": str(form["etag"]),
            "X-Goog-Generation": str(form["generation"]),
            "X-Goog-Metageneration": str(form["metageneration"]),
            "X-Goog-Hash": f"crc32c={form['crc32c']},md5={form['md5Hash']}",
            "X-Goog-Stored-Content-Length": str(form["size"]),
            "X-Goog-Stored-Content-Encoding": str(form.get("contentEncoding") or "identity"),
        }
        if form.get("contentEncoding"):
            headers["Content-Encoding"] = str(form["contentEncoding"])
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("Range", ""))
        if part is None:
            return Answer(HTTPStatus.OK, found.data, headers)
        first, last = int(part[1]), min(int(part[2] or len(found.data)), len(found.data) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(found.data)}"
        return Answer(HTTPStatus.PARTIAL_CONTENT, found.data[first : last + 1], headers)

    def _delete(self, _: Request, seen: Seen) -> Answer:
        self._buckets.delete(seen.bucket, seen.name, seen.query)
        return Answer(HTTPStatus.NO_CONTENT)

    def _remove(self, _: Request, seen: Seen) -> Answer:
        self._buckets.remove(seen.bucket, seen.query)
        return Answer(HTTPStatus.NO_CONTENT)

    def _permissions(self, asked: Request, seen: Seen) -> Answer:
        bucket = self._buckets.bucket(seen.bucket)
        wanted = [value for key, value in parse_qsl(asked.target.partition("?")[2]) if key == "permissions"]
        held = [one for one in wanted if bucket.allowed is None or one in bucket.allowed]
        return _form({"kind": "storage#testIamPermissionsResponse", "permissions": held})


def _unknown(asked: Request, _: Seen) -> Answer:
    raise Refusal(HTTPStatus.NOT_IMPLEMENTED, "notImplemented", f"{asked.method} {asked.target}")


def _object(found: Object, bucket: str) -> Answer:
    return _form(found.form(bucket))


def _form(form: Mapping[str, Any]) -> Answer:
    return Answer(body=json.dumps(form).encode(), headers={"Content-Type": JSON})


def _json(asked: Request) -> dict[str, Any]:
    return dict(json.loads(asked.body or b"{}"))
