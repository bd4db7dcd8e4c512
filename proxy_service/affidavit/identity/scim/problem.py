"""A SCIM request that is not done, as its client is told.

Source: RFC 7644 section 3.12.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from affidavit.errors import AffidavitError

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimProblem(AffidavitError):
    """The request is not done.

    Attributes:
        status: Of HTTP.
        scim_type: One of RFC 7644's words (`uniqueness`), or None.
    """

    def __init__(self, status: int, detail: str, *, scim_type: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type

    def form(self) -> dict[str, Any]:
        """Return the answer's body."""
        said = {"schemas": [ERROR], "status": str(int(self.status)), "detail": str(self)}
        return said if self.scim_type is None else {**said, "scimType": self.scim_type}


def bad_value(detail: str) -> ScimProblem:
    """Return what is said of a value that cannot be."""
    return ScimProblem(HTTPStatus.BAD_REQUEST, detail, scim_type="invalidValue")


def bad_path(detail: str) -> ScimProblem:
    """Return what is said of a path that cannot be."""
    return ScimProblem(HTTPStatus.BAD_REQUEST, detail, scim_type="invalidPath")


def bad_filter(detail: str) -> ScimProblem:
    """Return what is said of a filter that cannot be."""
    return ScimProblem(HTTPStatus.BAD_REQUEST, detail, scim_type="invalidFilter")


def not_found() -> ScimProblem:
    """Return what is said of something that is not there."""
    return ScimProblem(HTTPStatus.NOT_FOUND, "There is no such resource.")
