"""What users and groups have in common: made, replaced, patched, deleted, and shown.

Source: RFC 7644 sections 3.3 to 3.6; RFC 7643 section 3.1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from affidavit.clock import Micros, format_time
from affidavit.identity.roster import Entry, Kind, Roster
from affidavit.identity.scim.attributes import EXTERNAL_ID, Attributes, clean
from affidavit.identity.scim.patch import patch
from affidavit.identity.scim.problem import ScimProblem, bad_value, not_found

MAX_KEPT = 900_000  # bytes; a document of Firestore holds 1 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """One of the two kinds.

    Attributes:
        name: `User`.
        endpoint: `Users`.
        naming: The attribute that alone it may have.
        settle: Decides what an attribute is that was left out; given what was there before, or None.
        buried: What is kept of the attributes of a deleted one.
        related: What is shown beside the attributes.
    """

    kind: Kind
    name: str
    endpoint: str
    schema: str
    description: str
    attributes: Attributes
    naming: str
    settle: Callable[[dict[str, Any], Entry | None], dict[str, Any]]
    buried: Callable[[Mapping[str, Any]], dict[str, Any]]
    related: Callable[[Entry, Roster, str], dict[str, Any]]

    @property
    def all_attributes(self) -> Attributes:
        """Its own and those that every resource has and a client may change."""
        return (*self.attributes, EXTERNAL_ID)

    def create(self, body: Any, *, directory: str, entry_id: str, now: Micros) -> Entry:
        """Return a new entry; raises `ScimProblem`."""
        attributes = self.settle(clean(self.all_attributes, _object(body)), None)
        _check_size(attributes)
        return Entry(
            directory=directory,
            kind=self.kind,
            id=entry_id,
            name=self._name(attributes),
            version=1,
            active=attributes.get("active", True) is True,
            deleted=False,
            created=now,
            modified=now,
            attributes=attributes,
        )

    def replaced(self, entry: Entry, body: Any, now: Micros) -> Entry:
        """Return an entry with other attributes; raises `ScimProblem`."""
        return self._changed(entry, self.settle(clean(self.all_attributes, _object(body)), entry), now)

    def patched(self, entry: Entry, body: Any, now: Micros) -> Entry:
        """Return an entry after a PATCH; raises `ScimProblem`."""
        return self._changed(entry, patch(self.all_attributes, entry.attributes, _object(body)), now)

    def deleted(self, entry: Entry, now: Micros) -> Entry:
        """Return what is left of an entry: who it was, and that it is not active."""
        return replace(
            entry,
            version=entry.version + 1,
            active=False,
            deleted=True,
            modified=now,
            attributes=self.buried(entry.attributes),
        )

    def form(self, entry: Entry, roster: Roster, base: str) -> dict[str, Any]:
        """Return an entry as it is shown."""
        return {
            "schemas": [self.schema],
            "id": entry.id,
            **entry.attributes,
            **self.related(entry, roster, base),
            "meta": {
                "resourceType": self.name,
                "created": format_time(entry.created),
                "lastModified": format_time(entry.modified),
                "version": etag(entry),
                "location": f"{base}/{self.endpoint}/{entry.id}",
            },
        }

    def check_name(self, entry: Entry, roster: Roster) -> None:
        """Refuse a name that another one has."""
        holder = roster.named(entry.directory, self.kind, entry.name)
        if holder is not None and holder.id != entry.id:
            raise ScimProblem(
                HTTPStatus.CONFLICT, f"There is another {self.name} with this {self.naming}.", scim_type="uniqueness"
            )

    def require(self, roster: Roster, directory: str, entry_id: str) -> Entry:
        """Return a living entry; raises `ScimProblem` (404)."""
        found = roster.find(directory, self.kind, entry_id)
        if found is None:
            raise not_found()
        return found

    def _changed(self, entry: Entry, attributes: dict[str, Any], now: Micros) -> Entry:
        if attributes == entry.attributes:
            return entry
        active = attributes.get("active") is True if self.kind == "user" else True
        name = self._name(attributes)
        _check_size(attributes)
        return replace(entry, version=entry.version + 1, name=name, active=active, modified=now, attributes=attributes)

    def _name(self, attributes: Mapping[str, Any]) -> str:
        name = attributes.get(self.naming)
        if not isinstance(name, str) or not name.strip():
            raise bad_value(f"{self.naming} is required")
        return name


def etag(entry: Entry) -> str:
    """Return what names a state of an entry (RFC 7644 section 3.14)."""
    return f'W/"{entry.version}"'


def _check_size(attributes: Mapping[str, Any]) -> None:
    if len(json.dumps(attributes)) > MAX_KEPT:
        raise ScimProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Of one resource at most {MAX_KEPT} bytes are kept: make it smaller."
        )


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise ScimProblem(HTTPStatus.BAD_REQUEST, "the body must be a JSON object", scim_type="invalidSyntax")
    return body
