"""What the endpoint says of itself: ServiceProviderConfig, ResourceTypes, Schemas.

Source: RFC 7643 sections 5 to 7; RFC 7644 section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from affidavit.identity.scim.attributes import Attribute
from affidavit.identity.scim.groups import GROUPS
from affidavit.identity.scim.listing import MAX_RESULTS, list_response
from affidavit.identity.scim.problem import ScimProblem, not_found
from affidavit.identity.scim.resource import ResourceType
from affidavit.identity.scim.users import USERS

RESOURCES = (USERS, GROUPS)
_CORE = "urn:ietf:params:scim:schemas:core:2.0:"


def service_provider_config(base: str) -> dict[str, Any]:
    """Return what is built of RFC 7644."""
    return {
        "schemas": [f"{_CORE}ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer secret",
                "description": "The directory's own secret, in the header Authorization",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }


def resource_types(base: str) -> dict[str, dict[str, Any]]:
    """Return both resource types by their ids."""
    return {one.name: _resource_type(one, base) for one in RESOURCES}


def schemas(base: str) -> dict[str, dict[str, Any]]:
    """Return both schemas by their ids."""
    return {one.schema: _schema(one, base) for one in RESOURCES}


def discovered(path: Sequence[str], base: str, *, filtered: bool) -> dict[str, Any] | None:
    """Return what lies under a path of the endpoint's own, or None where it is not one.

    Raises:
        ScimProblem: There is nothing of that name, or a filter was given (RFC 7644 section 4).
    """
    name, rest = path[0], "/".join(path[1:])
    if name == "ServiceProviderConfig" and not rest:
        return service_provider_config(base)
    if name not in ("ResourceTypes", "Schemas"):
        return None
    known = resource_types(base) if name == "ResourceTypes" else schemas(base)
    if filtered:
        raise ScimProblem(HTTPStatus.FORBIDDEN, "What the endpoint says of itself has no filter.")
    if not rest:
        return list_response(list(known.values()), total=len(known))
    if rest not in known:
        raise not_found()
    return known[rest]


def _resource_type(one: ResourceType, base: str) -> dict[str, Any]:
    return {
        "schemas": [f"{_CORE}ResourceType"],
        "id": one.name,
        "name": one.name,
        "description": one.description,
        "endpoint": f"/{one.endpoint}",
        "schema": one.schema,
        "schemaExtensions": [],
        "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{one.name}"},
    }


def _schema(one: ResourceType, base: str) -> dict[str, Any]:
    return {
        "schemas": [f"{_CORE}Schema"],
        "id": one.schema,
        "name": one.name,
        "description": one.description,
        "attributes": [_attribute(attribute) for attribute in one.attributes],
        "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{one.schema}"},
    }


def _attribute(one: Attribute) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": one.name,
        "type": one.type,
        "multiValued": one.multi,
        "description": one.description,
        "required": one.required,
        "caseExact": one.exact,
        "mutability": one.mutability,
        "returned": "default",
        "uniqueness": one.unique,
    }
    if one.sub:
        said["subAttributes"] = [_attribute(part) for part in one.sub]
    if one.values:
        said["canonicalValues"] = list(one.values)
    if one.references:
        said["referenceTypes"] = list(one.references)
    return said
