"""PATCH: operations on a resource, in RFC 7644's form and in the dialects of Okta and Entra.

Entra writes `Replace`, truth values as texts, and `emails[type eq "work"].value` for an address that is not there yet;
Okta writes operations without a path, whose values repeat what cannot be changed (`id`).

Source: RFC 7644 section 3.5.2; Okta "SCIM 2.0"; Microsoft Entra "Tutorial: develop a SCIM endpoint".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from affidavit.identity.scim.attributes import Attribute, Attributes, clean_value, find
from affidavit.identity.scim.filter import Matches, listed, look_up, parse_filter, split_name
from affidavit.identity.scim.problem import ScimProblem, bad_path, bad_value

MAX_OPERATIONS = 1000

_PATH = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<filter>.*)\](?:\.(?P<sub>[A-Za-z$]+))?)?", re.DOTALL)
_EQUALS = re.compile(r"\s*([A-Za-z]+)\s+eq\s+(\"(?:[^\"\\]|\\.)*\")\s*", re.IGNORECASE | re.ASCII)
_EXTENSION = "urn:ietf:params:scim:schemas:extension:"


@dataclass(frozen=True, slots=True)
class _Target:
    attribute: Attribute
    sub: Attribute | None
    matches: Matches | None
    made: Mapping[str, Any]  # what an element has that is made because none matched


def patch(attributes: Attributes, resource: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource after a PATCH; all operations or none.

    Args:
        attributes: Of its schema.
        resource: In its one spelling, as `clean` gives it.
        request: The PATCH's body.

    Raises:
        ScimProblem: An operation cannot be done.
    """
    operations = look_up(request, "Operations")
    if not isinstance(operations, list) or not operations or len(operations) > MAX_OPERATIONS:
        raise ScimProblem(
            HTTPStatus.BAD_REQUEST, f"Operations must be a list of 1 to {MAX_OPERATIONS}", scim_type="invalidSyntax"
        )
    changed = deepcopy(dict(resource))
    for operation in operations:
        if not isinstance(operation, dict):
            raise ScimProblem(HTTPStatus.BAD_REQUEST, "an operation is an object", scim_type="invalidSyntax")
        _apply(attributes, changed, operation)
    return changed


def _apply(attributes: Attributes, resource: dict[str, Any], operation: Mapping[str, Any]) -> None:
    op, path, value = (look_up(operation, name) for name in ("op", "path", "value"))
    op = op.lower() if isinstance(op, str) else op
    if op not in ("add", "replace", "remove"):
        raise ScimProblem(HTTPStatus.BAD_REQUEST, "op must be add, replace or remove", scim_type="invalidSyntax")
    if path is not None and not isinstance(path, str):
        raise bad_path("a path is a text")
    if path:
        target = _target(attributes, path)
        if target is not None:
            _change(resource, op, target, value)
        return
    if op == "remove":
        raise ScimProblem(HTTPStatus.BAD_REQUEST, "remove needs a path", scim_type="noTarget")
    if not isinstance(value, dict):
        raise bad_value("without a path, the value must be an object")
    for name, one in value.items():
        target = _target(attributes, name)
        if target is not None and target.attribute.mutability != "readOnly":  # Okta repeats what it cannot change
            _change(resource, op, target, one)


def _target(attributes: Attributes, path: str) -> _Target | None:
    """Return what a path means; None for what is not kept, which is well-formed all the same."""
    if path.lower().startswith(_EXTENSION):
        return None
    found = _PATH.fullmatch(path.strip())
    if found is None:
        raise bad_path(f"'{path[:100]}' is no path")
    try:
        name, sub = split_name(found["name"])
        matches = parse_filter(found["filter"]) if found["filter"] is not None else None
    except ScimProblem as error:
        raise bad_path(str(error)) from error
    attribute = find(attributes, name)
    if attribute is None:
        return None
    sub = found["sub"] or sub
    part = attribute.find(sub) if sub else None
    if sub and part is None:
        return None
    if matches is not None and not attribute.multi:
        raise bad_path(f"{attribute.name} has one value: there is nothing to choose from")
    return _Target(attribute, part, matches, _made(attribute, found["filter"] or ""))


def _made(attribute: Attribute, condition: str) -> dict[str, Any]:
    found = _EQUALS.fullmatch(condition)
    part = attribute.find(found[1]) if found else None
    return {part.name: json.loads(found[2])} if found and part else {}


def _change(resource: dict[str, Any], op: str, target: _Target, value: Any) -> None:
    attribute = target.attribute
    if attribute.mutability == "readOnly":
        raise ScimProblem(HTTPStatus.BAD_REQUEST, f"{attribute.name} cannot be changed", scim_type="mutability")
    if op == "remove":
        if attribute.required:
            raise ScimProblem(HTTPStatus.BAD_REQUEST, f"{attribute.name} is required", scim_type="mutability")
        kept = _without(resource.get(attribute.name), target, value)
    elif attribute.multi:
        kept = _several(listed(resource.get(attribute.name)), op, target, value)
    else:
        kept = _single(resource.get(attribute.name), target, value)
    if kept in (None, [], {}):
        resource.pop(attribute.name, None)
    else:
        resource[attribute.name] = kept


def _without(known: Any, target: _Target, value: Any) -> Any:
    if not target.attribute.multi:
        if target.sub is None:
            return None
        return {name: one for name, one in (known or {}).items() if name != target.sub.name}
    if target.matches is None and target.sub is None:
        if value is None:
            return None
        gone = {one.get("value") for one in clean_value(target.attribute, value)}  # Entra names the members
        return [one for one in listed(known) if one.get("value") not in gone]
    kept = []
    for one in listed(known):
        if target.matches is not None and not target.matches(one):
            kept.append(one)
        elif target.sub is not None:
            kept.append({name: part for name, part in one.items() if name != target.sub.name})
    return kept


def _single(known: Any, target: _Target, value: Any) -> Any:
    if target.sub is not None:
        return {**(known or {}), target.sub.name: clean_value(target.sub, value)}
    fresh = clean_value(target.attribute, value)
    return {**(known or {}), **(fresh or {})} if target.attribute.type == "complex" else fresh


def _several(known: list[Any], op: str, target: _Target, value: Any) -> list[Any]:
    if target.matches is None and target.sub is None:
        fresh = clean_value(target.attribute, value) or []
        return _joined(target.attribute, [] if op == "replace" else known, fresh)
    fresh = {target.sub.name: clean_value(target.sub, value)} if target.sub else _element(target, value)
    chosen = [one for one in known if target.matches is None or target.matches(one)]
    if chosen:
        changed = [{**one, **fresh} if one in chosen else one for one in known]
        return _one_primary(changed, [one for one in changed if fresh.items() <= one.items()])
    if not target.made and target.matches is not None:
        raise ScimProblem(HTTPStatus.BAD_REQUEST, "nothing there matches the path", scim_type="noTarget")
    return _joined(target.attribute, known, [{**target.made, **fresh}])


def _element(target: _Target, value: Any) -> dict[str, Any]:
    found = clean_value(target.attribute, value)
    if not found or len(found) != 1:
        raise bad_value(f"{target.attribute.name}[…] needs one object")
    element: dict[str, Any] = found[0]
    return element


def _joined(attribute: Attribute, known: list[Any], fresh: list[Any]) -> list[Any]:
    """Add elements that are not there: the same value is the same element, and is what it was last said to be."""
    by_value: dict[Any, Any] = {}
    typed = attribute.find("primary") is not None  # one address may be there twice, for work and for home
    for one in (*known, *fresh):
        key = (one.get("value"), one.get("type") if typed else None)
        by_value[key] = {**by_value.get(key, {}), **one}
    return _one_primary(list(by_value.values()), fresh)


def _one_primary(elements: list[Any], fresh: list[Any]) -> list[Any]:
    """RFC 7643 section 2.4: one at most is primary; the newest is."""
    newest = [one.get("value") for one in fresh if one.get("primary") is True]
    if not newest:
        return elements
    return [{**one, "primary": one.get("value") == newest[-1]} if "primary" in one else one for one in elements]
