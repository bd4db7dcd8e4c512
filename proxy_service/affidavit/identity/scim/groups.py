"""Groups: what rules see as `principal.groups`.

Source: RFC 7643 section 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affidavit.identity.roster import Entry, Roster
from affidavit.identity.scim.attributes import GROUP, GROUP_ATTRIBUTES
from affidavit.identity.scim.resource import ResourceType


def _settle(attributes: dict[str, Any], _: Entry | None) -> dict[str, Any]:
    return attributes


def _buried(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"displayName": attributes["displayName"]}


def _members(entry: Entry, roster: Roster, base: str) -> dict[str, Any]:
    """Show where the members are."""
    members = [_member(entry, one, roster, base) for one in entry.attributes.get("members", ())]
    return {"members": members} if members else {}


def _member(entry: Entry, member: Mapping[str, Any], roster: Roster, base: str) -> dict[str, Any]:
    kind = str(member.get("type") or "User")
    shown = {**member, "$ref": f"{base}/{kind}s/{member.get('value')}"}
    user = roster.find(entry.directory, "user", str(member.get("value")))
    return shown if user is None else {**shown, "type": "User"}


GROUPS = ResourceType(
    kind="group",
    name="Group",
    endpoint="Groups",
    schema=GROUP,
    description="Several people",
    attributes=GROUP_ATTRIBUTES,
    naming="displayName",
    settle=_settle,
    buried=_buried,
    related=_members,
)
