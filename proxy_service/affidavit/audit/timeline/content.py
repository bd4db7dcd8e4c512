"""What was said: the bodies that the records of one segment refer to, found and checked, or why they are not there.

Source: evidence-format sections 4 and 6. Never raises at what it finds; what is damaged says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from affidavit.audit.timeline.values import text
from affidavit.audit.verify.buckets import Buckets
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.body import Body, decode_bodies
from affidavit.evidence.names import bodies_name
from affidavit.evidence.stored import unpack

Reference = Mapping[str, Any]

NOT_RECORDED = "it was not recorded"
_ABSENT = "its bodies object is not there: disposed of after its retention period, or lost (`affidavit verify` tells)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The bytes behind one body reference.

    Attributes:
        reference: As it stands in the record.
        data: Checked against the reference's hash; None where `problem` says why they are not here.
        salt: Of the body, hex.
        whole: Whether `data` is all of it.
        object: Where it lies, as findings name it.
    """

    reference: Reference
    data: bytes | None = None
    salt: str | None = None
    whole: bool = True
    object: str | None = None
    problem: str | None = None

    @property
    def media_type(self) -> str:
        """What the record says the bytes are."""
        return text(self.reference.get("media_type"))

    def kept(self, limit: int | None) -> Content:
        """Return the same with no more than `limit` bytes."""
        if limit is None or self.data is None or len(self.data) <= limit:
            return self
        return replace(self, data=self.data[:limit], whole=False)


class SegmentBodies:
    """The bodies of one segment, read when they are first asked for.

    Args:
        buckets: Where they lie.
        writer, first_seq: Of the segment.
        objects: Class to hash of the bodies object's stored bytes, from the segment's signed header.
    """

    def __init__(self, buckets: Buckets, writer: str, first_seq: int, objects: Mapping[str, str]) -> None:
        self._buckets = buckets
        self._writer = writer
        self._first_seq = first_seq
        self._objects = objects
        self._read: dict[str, Mapping[str, Body] | str] = {}

    def object_of(self, retention_class: str) -> str | None:
        """Return where the bodies of a class lie, as findings name it."""
        sha256 = self._objects.get(retention_class)
        if sha256 is None:
            return None
        return f"bodies/{retention_class}/{bodies_name(self._writer, self._first_seq, sha256)}"

    def content(self, reference: Reference) -> Content:
        """Return what a reference of one of the segment's records refers to."""
        if "body" not in reference:
            return Content(reference=reference, problem=NOT_RECORDED)
        retention_class, name = text(reference.get("class")), text(reference.get("body"))
        where = self.object_of(retention_class)
        if where is None:
            return Content(reference=reference, problem=f"its segment has no bodies of the class {retention_class!r}")
        known = self._bodies(retention_class)
        if isinstance(known, str):
            return Content(reference=reference, object=where, problem=known)
        body = known.get(name)
        if body is None:
            return Content(reference=reference, object=where, problem="its bodies object does not hold it")
        if len(body.data) != reference.get("size"):
            return Content(reference=reference, object=where, problem="it has another size than its record says")
        return Content(reference=reference, data=body.data, salt=body.salt.hex(), object=where)

    def _bodies(self, retention_class: str) -> Mapping[str, Body] | str:
        known = self._read.get(retention_class)
        if known is None:
            known = self._read[retention_class] = self._load(retention_class)
        return known

    def _load(self, retention_class: str) -> Mapping[str, Body] | str:
        """Return the bodies of a class by their hashes, or why they cannot be had."""
        sha256 = self._objects[retention_class]
        try:
            stored = self._buckets.bodies.of(retention_class).read(bodies_name(self._writer, self._first_seq, sha256))
            if stored is None:
                return _ABSENT
            if hashlib.sha256(stored).hexdigest() != sha256:
                return "its bodies object is damaged: it does not hash to what its segment says"
            return {body.hash: body for body in decode_bodies(unpack(stored), retention_class=retention_class)}
        except (Malformed, Unavailable) as error:
            return f"its bodies object is damaged: {error}"
