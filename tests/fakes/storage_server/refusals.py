"""Refusals in the words of the real service."""

from __future__ import annotations

import json
from http import HTTPStatus


class Refusal(Exception):
    """A request ends here; nothing was changed."""

    def __init__(self, status: int, reason: str, message: str, *, domain: str = "global") -> None:
        super().__init__(message)
        self.status = int(status)
        self.reason = reason
        self.message = message
        self.domain = domain

    def body(self) -> bytes:
        one = {"message": self.message, "domain": self.domain, "reason": self.reason}
        return json.dumps({"error": {"code": self.status, "message": self.message, "errors": [one]}}).encode()


def no_bucket() -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "notFound", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "notFound", f"No such object: {bucket}/{name}")


def precondition() -> Refusal:
    text = "At least one of the pre-conditions you specified did not hold."
    return Refusal(HTTPStatus.PRECONDITION_FAILED, "conditionNotMet", text)


def not_allowed(permission: str) -> Refusal:
    what = "object" if permission.startswith("storage.objects") else "bucket"
    text = (
        f"writer@project.iam.gserviceaccount.com does not have {permission} access to the Google Cloud Storage {what}."
        f" Permission '{permission}' denied on resource (or it may not exist)."
    )
    return Refusal(HTTPStatus.FORBIDDEN, "forbidden", text)


def retained(bucket: str, name: str, until: str) -> Refusal:
    text = (
        f"Object '{bucket}/{name}' is subject to bucket's retention policy or object retention and cannot be deleted"
        f" or overwritten until {until}"
    )
    return Refusal(HTTPStatus.FORBIDDEN, "retentionPolicyNotMet", text)


def too_often(bucket: str, name: str) -> Refusal:
    text = (
        f"The object {bucket}/{name} exceeded the rate limit for object mutation operations (create, update, and"
        " delete). Please reduce your request rate. See https://cloud.google.com/storage/docs/gcs429."
    )
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "rateLimitExceeded", text, domain="usageLimits")


def invalid(message: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "invalid", message)
