"""Lists: which resources, which page of them, and which of their attributes.

Source: RFC 7644 sections 3.4.2, 3.9 and 3.12.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from affidavit.identity.roster import Entry, Roster
from affidavit.identity.scim.filter import Matches, parse_filter, split_name
from affidavit.identity.scim.problem import ScimProblem
from affidavit.identity.scim.resource import ResourceType

MAX_RESULTS = 200  # in one answer
MAX_PARAMETERS = 20
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_ALWAYS = frozenset({"schemas", "id"})
_COSTLY = re.compile(r"meta|groups|schemas|\$ref", re.IGNORECASE)  # not kept with an entry, but made when it is shown
_NAMED = re.compile(r"\s*(?:userName|displayName)\s+eq\s+(\"(?:[^\"\\]|\\.)*\")\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What the parameters of a request ask for.

    Attributes:
        start: The first result, from 1.
        only, without: Attributes to show, or not to show; in small letters.
    """

    filter: str | None = None
    start: int = 1
    count: int = MAX_RESULTS
    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    @classmethod
    def read(cls, query: bytes) -> Query:
        """Take a query apart; raises `ScimProblem`."""
        try:
            pairs = parse_qsl(
                query.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict"
            )
        except ValueError as error:
            raise ScimProblem(HTTPStatus.BAD_REQUEST, "the query is none", scim_type="invalidValue") from error
        return cls._of({name.lower(): value for name, value in pairs})

    @classmethod
    def searched(cls, body: Any) -> Query:
        """Take a search request's body (RFC 7644 section 3.4.3); raises `ScimProblem`."""
        if not isinstance(body, dict):
            raise ScimProblem(HTTPStatus.BAD_REQUEST, "the body must be a JSON object", scim_type="invalidSyntax")
        return cls._of(
            {
                name.lower(): ",".join(map(str, value)) if isinstance(value, list) else str(value)
                for name, value in body.items()
                if value is not None
            }
        )

    @classmethod
    def _of(cls, found: Mapping[str, str]) -> Query:
        return cls(
            filter=found.get("filter") or None,
            start=max(1, _number(found, "startindex", 1)),
            count=min(MAX_RESULTS, max(0, _number(found, "count", MAX_RESULTS))),
            only=_names(found.get("attributes", "")),
            without=_names(found.get("excludedattributes", "")),
        )

    def shown(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """Return a resource with what was asked for of it."""
        if self.only:
            return _only(form, self.only)
        if self.without:
            return _without(form, self.without)
        return dict(form)


def found(resources: Sequence[ResourceType], directory: str, roster: Roster, query: Query, base: str) -> dict[str, Any]:
    """Return a page of what matches among resources of some types."""
    matching = [
        partial(resource.form, entry, roster, base)
        for resource in resources
        for entry in _matching(resource, directory, roster, query, base)
    ]
    page = matching[query.start - 1 : query.start - 1 + query.count]
    return list_response([query.shown(form()) for form in page], total=len(matching), start=query.start)


def list_response(resources: Sequence[Mapping[str, Any]], *, total: int, start: int = 1) -> dict[str, Any]:
    """Return several resources in one answer."""
    return {
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(resources),
        "Resources": list(resources),
    }


def _matching(resource: ResourceType, directory: str, roster: Roster, query: Query, base: str) -> list[Entry]:
    everybody = roster.living(directory, resource.kind)
    if query.filter is None:
        return everybody
    matches: Matches = parse_filter(query.filter)
    named = _NAMED.fullmatch(query.filter)
    if named is not None and query.filter.lower().lstrip().startswith(resource.naming.lower()):
        one = roster.named(directory, resource.kind, json.loads(named[1]))  # asked before each user that is created
        everybody = [] if one is None else [one]
    whole = _COSTLY.search(query.filter) is not None
    return [
        one
        for one in everybody
        if matches(resource.form(one, roster, base) if whole else {"id": one.id, **one.attributes})
    ]


def _number(found: Mapping[str, str], name: str, usual: int) -> int:
    text = found.get(name, "")
    if not text:
        return usual
    if not re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII):
        raise ScimProblem(HTTPStatus.BAD_REQUEST, f"{name} must be a number", scim_type="invalidValue")
    return int(text)


def _names(text: str) -> frozenset[str]:
    names = (split_name(one.strip()) for one in text.split(",") if one.strip())
    return frozenset(f"{name}.{sub}" if sub else name for name, sub in names)


def _only(form: Mapping[str, Any], wanted: frozenset[str]) -> dict[str, Any]:
    shown = {}
    for name, value in form.items():
        key = name.lower()
        parts = {one.partition(".")[2] for one in wanted if one.startswith(f"{key}.")}
        if key in wanted or key in _ALWAYS:
            shown[name] = value
        elif parts and (kept := _parts(value, lambda part: part in parts)):  # noqa: B023 called at once
            shown[name] = kept
    return shown


def _without(form: Mapping[str, Any], unwanted: frozenset[str]) -> dict[str, Any]:
    shown = {}
    for name, value in form.items():
        key = name.lower()
        parts = {one.partition(".")[2] for one in unwanted if one.startswith(f"{key}.")}
        if key not in unwanted or key in _ALWAYS:
            shown[name] = _parts(value, lambda part: part not in parts) if parts else value  # noqa: B023
    return shown


def _parts(value: Any, keep: Callable[[str], bool]) -> Any:
    if isinstance(value, list):
        return [_parts(one, keep) for one in value]
    if isinstance(value, dict):
        return {name: part for name, part in value.items() if keep(name.lower())}
    return value
