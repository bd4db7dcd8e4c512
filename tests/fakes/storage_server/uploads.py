"""The three ways in which an object is uploaded, as bytes of requests.

Source: Cloud Storage JSON API v1, "Multipart uploads", "Resumable uploads".
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakes.storage_server import refusals
from fakes.storage_server.buckets import Buckets, Object, Query

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_HASH = re.compile(r"(crc32c|md5)=([A-Za-z0-9+/=]+)")


@dataclass(slots=True)
class Session:
    """A resumable upload that is going on."""

    bucket: str
    resource: dict[str, Any]
    query: dict[str, str]
    data: bytearray


class Uploads:
    """Turns requests into objects."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._sessions: dict[str, Session] = {}
        self._numbers = itertools.count(1)

    def media(self, bucket: str, query: Query, headers: Mapping[str, str], body: bytes) -> Object:
        resource = {"name": query["name"], "contentType": headers.get("Content-Type", ""), **_hashes(headers)}
        return self._buckets.insert(bucket, resource, body, query)

    def multipart(self, bucket: str, query: Query, headers: Mapping[str, str], body: bytes) -> Object:
        resource, data = _parts(headers.get("Content-Type", ""), body)
        return self._buckets.insert(bucket, {"name": query.get("name"), **resource}, data, query)

    def begin(self, bucket: str, query: Query, headers: Mapping[str, str], body: bytes) -> str:
        """Begin a resumable upload; returns its id."""
        resource = {"name": query.get("name"), **json.loads(body or b"{}"), **_hashes(headers)}
        resource.setdefault("contentType", headers.get("X-Upload-Content-Type", ""))
        self._buckets.check_insert(bucket, str(resource["name"]), query)
        number = f"upload-{next(self._numbers)}"
        self._sessions[number] = Session(bucket, resource, dict(query), bytearray())
        return number

    def go_on(self, number: str, headers: Mapping[str, str], body: bytes) -> Object | int:
        """Take more of a resumable upload; returns the object, or how many bytes there are."""
        session = self._sessions.get(number)
        if session is None:
            raise refusals.no_object("upload", number)
        found = _RANGE.fullmatch(headers.get("Content-Range", f"bytes 0-{max(len(body) - 1, 0)}/{len(body)}"))
        if found is None or (found[1] is not None and int(found[1]) > len(session.data)):
            raise refusals.invalid("Invalid Content-Range.")
        if found[1] is not None:
            session.data[int(found[1]) :] = body
        if found[3] == "*" or len(session.data) < int(found[3]):
            return len(session.data)
        resource = {**_hashes(headers), **session.resource}
        made = self._buckets.insert(session.bucket, resource, bytes(session.data), session.query)
        del self._sessions[number]
        return made


def _parts(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise refusals.invalid("Missing multipart boundary.")
    mark = b"--" + found[1].encode()
    head, separator, rest = body.removeprefix(mark + b"\r\n").partition(b"\r\n" + mark + b"\r\n")
    data, ends, _ = rest.rpartition(b"\r\n" + mark + b"--")
    if not separator or not ends:
        raise refusals.invalid("Malformed multipart body.")
    resource = json.loads(head.partition(b"\r\n\r\n")[2])
    about, _, content = data.partition(b"\r\n\r\n")
    kind = re.search(rb"content-type: *([^\r\n]+)", about, re.IGNORECASE)
    return {"contentType": kind[1].decode() if kind else "", **resource}, content


def _hashes(headers: Mapping[str, str]) -> dict[str, str]:
    named = {"crc32c": "crc32c", "md5": "md5Hash"}
    return {named[kind]: value for kind, value in _HASH.findall(headers.get("X-Goog-Hash", ""))}
