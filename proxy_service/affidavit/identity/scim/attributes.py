"""Which attributes are kept of users and groups, and their one spelling.

What is not named here (telephone numbers, addresses, passwords, extensions) is taken without complaint and not kept: a
gateway needs to know who is active, and what they belong to. Names of attributes have no case (RFC 7643 section 2.1).

Source: RFC 7643 sections 3.1, 4.1, 4.2 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from affidavit.identity.scim.problem import bad_value

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
MAX_TEXT = 1024  # characters of one value
TRUTHS: Mapping[object, bool] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute, as RFC 7643 section 7 describes them."""

    name: str
    description: str
    type: Literal["string", "boolean", "complex", "reference"] = "string"
    multi: bool = False
    sub: tuple[Attribute, ...] = ()
    required: bool = False
    exact: bool = False
    mutability: Literal["readWrite", "readOnly", "immutable"] = "readWrite"
    unique: Literal["none", "server"] = "none"
    values: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    def find(self, name: str) -> Attribute | None:
        """Return the sub-attribute of a name in whatever case."""
        return find(self.sub, name)


EXTERNAL_ID = Attribute(name="externalId", description="The directory's own id", exact=True)
USER_ATTRIBUTES = (
    Attribute(name="userName", description="Names the user in its directory", required=True, unique="server"),
    Attribute(
        name="name",
        description="The person's name",
        type="complex",
        sub=(
            Attribute(name="formatted", description="All of it"),
            Attribute(name="familyName", description="The family's"),
            Attribute(name="givenName", description="The person's own"),
        ),
    ),
    Attribute(name="displayName", description="What people call the user"),
    Attribute(name="active", description="Whether the directory lets the user in", type="boolean"),
    Attribute(
        name="emails",
        description="Addresses; they name the person everywhere in this gateway",
        type="complex",
        multi=True,
        sub=(
            Attribute(name="value", description="The address"),
            Attribute(name="display", description="How it is shown"),
            Attribute(name="type", description="What it is for", values=("work", "home", "other")),
            Attribute(name="primary", description="Whether it is the main one", type="boolean"),
        ),
    ),
    Attribute(
        name="groups",
        description="The groups that have the user as a member",
        type="complex",
        multi=True,
        mutability="readOnly",
        sub=(
            Attribute(name="value", description="The group's id", mutability="readOnly"),
            Attribute(
                name="$ref", description="Where it is", type="reference", mutability="readOnly", references=("Group",)
            ),
            Attribute(name="display", description="The group's name", mutability="readOnly"),
            Attribute(name="type", description="How", mutability="readOnly", values=("direct",)),
        ),
    ),
)
GROUP_ATTRIBUTES = (
    Attribute(
        name="displayName", description="The group's name, as rules see it", required=True, unique="server", exact=True
    ),
    Attribute(
        name="members",
        description="Its users; a group within a group gives nothing",
        type="complex",
        multi=True,
        sub=(
            Attribute(name="value", description="The member's id", mutability="immutable", exact=True),
            Attribute(
                name="$ref",
                description="Where the member is",
                type="reference",
                mutability="immutable",
                references=("User", "Group"),
            ),
            Attribute(name="type", description="What it is", mutability="immutable", values=("User", "Group")),
        ),
    ),
)
Attributes = tuple[Attribute, ...]


def find(attributes: Attributes, name: str) -> Attribute | None:
    """Return the attribute of a name in whatever case."""
    return next((one for one in attributes if one.name.lower() == name.lower()), None)


def clean(attributes: Attributes, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a resource, in the one spelling of names; what is empty is absent.

    Raises:
        ScimProblem: A value is not of its type.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        attribute = find(attributes, name.rpartition(":")[2])
        if attribute is None or attribute.mutability == "readOnly" or name.lower().startswith(_EXTENSIONS):
            continue
        kept = clean_value(attribute, value)
        if kept not in (None, [], {}):
            found[attribute.name] = kept
    return found


def clean_value(attribute: Attribute, value: Any) -> Any:
    """Return what is kept of an attribute's value; None where there is none."""
    if value is None:
        return None
    if not attribute.multi:
        return _single(attribute, value)
    if not isinstance(value, list):
        value = [value]
    return [kept for one in value if (kept := _single(attribute, one)) not in (None, {})]


_EXTENSIONS = ("urn:ietf:params:scim:schemas:extension:",)


def _single(attribute: Attribute, value: Any) -> Any:
    if attribute.type == "complex":
        if isinstance(value, str) and attribute.multi:  # some write only what matters
            value = {"value": value}
        if not isinstance(value, dict):
            raise bad_value(f"{attribute.name} must be an object")
        return clean(attribute.sub, value)
    if attribute.type == "boolean":
        return truth(attribute.name, value)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise bad_value(f"{attribute.name} must be a text of at most {MAX_TEXT} characters")
    return value


def truth(name: str, value: Any) -> bool:
    """Return a truth value; Entra writes them as texts."""
    if isinstance(value, bool):
        return value
    found = TRUTHS.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise bad_value(f"{name} must be true or false")
    return found
