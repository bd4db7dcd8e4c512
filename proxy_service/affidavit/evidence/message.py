"""A message of the evidence topic: one object, with where it goes in the attributes.

Bytes in, values out; whether the object is sound is for the intake to check.

Source: evidence-format section 6; Pub/Sub "Push subscriptions", the wrapped form of a message.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from affidavit.errors import Malformed
from affidavit.evidence.ports import EvidenceObject

VERSION = "1"
_BUCKETS: Mapping[str, Literal["evidence", "body"]] = {"evidence": "evidence", "body": "body"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as Pub/Sub carries it; `id` is a delivery's, not the object's."""

    id: str
    data: bytes
    attributes: Mapping[str, str]

    def object(self) -> EvidenceObject:
        """Return the object that a message is.

        Raises:
            Malformed: Its attributes are not of version 1, or name no bucket or no object.
        """
        version, bucket = self.attributes.get("v"), _BUCKETS.get(self.attributes.get("bucket", ""))
        name, retention_class = self.attributes.get("name", ""), self.attributes.get("class", "")
        if version != VERSION or bucket is None or not name:
            raise Malformed("a message's attributes do not say where its object goes", code="bad_attributes")
        if bucket == "evidence" and retention_class:
            raise Malformed("an object of the evidence bucket has no retention class", code="bad_attributes")
        return EvidenceObject(bucket, retention_class, name, self.data)


def parse_push(body: bytes) -> Message:
    """Return the message that a push request's body wraps.

    Raises:
        Malformed: Not the JSON of a push subscription.
    """
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _no_envelope("is not JSON") from error
    message = envelope.get("message") if isinstance(envelope, dict) else None
    if not isinstance(message, dict):
        raise _no_envelope("holds no message")
    return Message(
        id=_text(message.get("messageId", "")),
        data=_data(message.get("data", "")),
        attributes=_attributes(message.get("attributes", {})),
    )


def _data(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _no_envelope("holds data that is not base64") from error


def _attributes(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _no_envelope("holds attributes that are no object")
    return {name: _text(member) for name, member in value.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _no_envelope("holds something else where a text must be")
    return value


def _no_envelope(how: str) -> Malformed:
    return Malformed(f"a push request {how}", code="bad_envelope")
