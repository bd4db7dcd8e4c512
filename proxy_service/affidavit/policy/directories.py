"""The directories that say who is who, as the configuration says them.

Holds paths and names of secrets, never a secret.

Source: identity-and-approvals "Who tells us that Ana left"; architecture "Configuration".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimDirectory:
    """A directory that pushes what changes to `/scim/v2/`.

    Attributes:
        secret: Where its bearer secret is: a mounted file, or a reference to Secret Manager's.
    """

    name: str
    secret: Path | str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceDirectory:
    """A Google Workspace, whose users are read.

    Attributes:
        customer: `my_customer`, or the customer's id.
        admin: The administrator in whose name it is read.
        impersonate: The service account that may do so (domain-wide delegation).
    """

    name: str
    customer: str
    admin: str
    impersonate: str


DirectoryEntry = ScimDirectory | WorkspaceDirectory
