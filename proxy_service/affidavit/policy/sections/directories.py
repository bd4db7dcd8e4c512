"""`directories`: who says which people there are.

Source: architecture "Configuration"; identity-and-approvals "Who tells us that Ana left".
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from affidavit.policy import fields
from affidavit.policy.directories import DirectoryEntry, ScimDirectory, WorkspaceDirectory
from affidavit.policy.section import Email, File, Name, Section, text


class FileSection(Section):
    file: File


def _secret(value: Any) -> Any:
    return fields.secret(value) if isinstance(value, str) else value


class DirectorySection(Section):
    """The keys of its kind; `consistency` sees to that."""

    name: Name
    kind: Literal["scim", "google_workspace"]
    secret: Annotated[FileSection | str | None, BeforeValidator(_secret)] = None
    customer: Annotated[str, text(fields.customer)] = "my_customer"
    admin: Email | None = None
    impersonate: Annotated[str, text(fields.service_account)] | None = None

    def entry(self, folder: Path) -> DirectoryEntry:
        if self.kind == "google_workspace":
            return WorkspaceDirectory(
                name=self.name, customer=self.customer, admin=self.admin or "", impersonate=self.impersonate or ""
            )
        secret = folder / self.secret.file if isinstance(self.secret, FileSection) else self.secret or ""
        return ScimDirectory(name=self.name, secret=secret)
