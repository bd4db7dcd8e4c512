"""Who holds a permission on a thing: by its own policy, and by all that it inherits.

Source: IAM "Understanding allow policies", "Policy inheritance"; Resource Manager REST API v3; IAM REST API v1, `Role`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from affidavit.adapters.gcp.inspection.rest import Denied, Missing, Rest, Service, Unusable

_LATEST = 3  # the version that shows conditions
_OPTIONS = {"options": {"requestedPolicyVersion": _LATEST}}
_AGENT = re.compile(r"serviceAccount:service-\d+@(serverless-robot-prod|gcp-sa-[a-z0-9-]+)\.iam\.gserviceaccount\.com")
_KINDS = {
    "allUsers": "anybody on the internet, without a credential,",
    "allAuthenticatedUsers": "anybody with a Google account",
    "user": "{}",
    "serviceAccount": "the service account {}",
    "group": "everybody in the group {}",
    "domain": "everybody of the domain {}",
    "projectOwner": "every owner of the project {}",
    "projectEditor": "every editor of the project {}",
    "projectViewer": "every viewer of the project {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Somebody who holds a permission.

    Attributes:
        member: As IAM writes it; empty where a policy could not be read.
        where: The resource whose policy says so: `projects/acme`.
        condition: The title of what it depends on.
        certain: Whether the role is known to hold the permission; one that cannot be read may.
    """

    member: str
    role: str
    where: str
    condition: str | None = None
    certain: bool = True

    @property
    def who(self) -> str:
        """The member in plain words."""
        kind, _, name = self.member.partition(":")
        return _KINDS[kind].format(name) if kind in _KINDS else f"the outside identities {self.member}"

    @property
    def is_agent(self) -> bool:
        """Whether it is Google's own, in a role that is made for such."""
        return (
            self.role.startswith("roles/")
            and self.role.endswith(".serviceAgent")
            and bool(_AGENT.fullmatch(self.member))
        )


class Policies:
    """Reads policies and roles, each once."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._roles: dict[str, frozenset[str] | None] = {}
        self._inherited: dict[str, list[tuple[str, dict[str, Any] | None]]] = {}

    def holders(self, service: Service, resource: str, project: str, permissions: frozenset[str]) -> Iterator[Holder]:
        """Yield who holds one of some permissions on a resource of a project.

        Raises:
            Denied, Missing: The resource's own policy cannot be read.
        """
        for where, policy in [(resource, self._own(service, resource)), *self._above(f"projects/{project}")]:
            if policy is None:
                yield Holder(member="", role="", where=where, certain=False)
                continue
            for binding in policy.get("bindings", ()):
                yield from self._of_binding(binding, where, permissions)

    def _own(self, service: Service, resource: str) -> dict[str, Any]:
        if service == "run":  # the only one that is asked with GET
            return self._rest.get(
                "run", f"v2/{resource}:getIamPolicy", **{"options.requestedPolicyVersion": str(_LATEST)}
            )
        return self._rest.post(service, f"v1/{resource}:getIamPolicy", _OPTIONS)

    def _of_binding(self, binding: dict[str, Any], where: str, permissions: frozenset[str]) -> Iterator[Holder]:
        role = binding.get("role", "")
        included = self._included(role)
        if included is not None and not included & permissions:
            return
        condition = binding.get("condition")
        title = condition.get("title") or condition.get("expression") if condition else None
        for member in binding.get("members", ()):
            if not member.startswith("deleted:"):
                yield Holder(member=member, role=role, where=where, condition=title, certain=included is not None)

    def _included(self, role: str) -> frozenset[str] | None:
        if role not in self._roles:
            try:
                found = self._rest.get("iam", f"v1/{role}")
            except (Denied, Missing):
                self._roles[role] = None
            else:
                self._roles[role] = frozenset(found.get("includedPermissions", ()))
        return self._roles[role]

    def _above(self, resource: str) -> list[tuple[str, dict[str, Any] | None]]:
        if resource not in self._inherited:
            self._inherited[resource] = list(self._walk(resource))
        return self._inherited[resource]

    def _walk(self, resource: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
        at = resource
        while at:
            yield at, self._readable(at)
            if at.startswith("organizations/"):
                return
            try:
                at = self._rest.get("cloudresourcemanager", f"v3/{at}").get("parent", "")
            except (Denied, Missing):
                yield f"what {at} belongs to", None
                return

    def _readable(self, resource: str) -> dict[str, Any] | None:
        try:
            return self._rest.post("cloudresourcemanager", f"v3/{resource}:getIamPolicy", _OPTIONS)
        except (Denied, Missing, Unusable):
            return None
