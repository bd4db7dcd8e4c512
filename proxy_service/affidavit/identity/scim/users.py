"""Users: people, as a directory says them.

Source: RFC 7643 section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affidavit.identity.roster import Entry, Roster
from affidavit.identity.scim.attributes import USER, USER_ATTRIBUTES
from affidavit.identity.scim.resource import ResourceType

_BURIED = ("userName", "emails", "externalId")  # so that they stay inactive under every address that was theirs


def _settle(attributes: dict[str, Any], before: Entry | None) -> dict[str, Any]:
    """Who is created without a word on it is active (Okta); a replacement without one changes nothing in it."""
    return {"active": True if before is None else before.active, **attributes}


def _buried(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"active": False, **{name: attributes[name] for name in _BURIED if name in attributes}}


def _groups(entry: Entry, roster: Roster, base: str) -> dict[str, Any]:
    groups = [
        {"value": one.id, "$ref": f"{base}/Groups/{one.id}", "display": one.name, "type": "direct"}
        for one in roster.groups_of(entry)
    ]
    return {"groups": groups} if groups else {}


USERS = ResourceType(
    kind="user",
    name="User",
    endpoint="Users",
    schema=USER,
    description="A person",
    attributes=USER_ATTRIBUTES,
    naming="userName",
    settle=_settle,
    buried=_buried,
    related=_groups,
)
