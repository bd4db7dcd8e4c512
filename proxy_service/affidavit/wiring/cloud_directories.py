"""What directories need of Google Cloud: their secrets out of Secret Manager, and the users of a Google Workspace.

Source: architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from affidavit.adapters.gcp.secrets import Secrets, open_secrets
from affidavit.adapters.gcp.workspace import open_workspace
from affidavit.clock import Clock
from affidavit.errors import Misconfigured
from affidavit.identity.reading import ReadUser
from affidavit.policy.directories import WorkspaceDirectory


def open_secret(reference: str, environment: Mapping[str, str]) -> Callable[[], bytes]:
    """Return how a secret is read; asks nothing of the network yet.

    Raises:
        Misconfigured: There are no Google credentials, or no project.
    """
    project = environment.get("AFFIDAVIT_PROJECT", "")
    if not project and reference.startswith("secret:"):
        raise Misconfigured(f"which project {reference} is in is not known: set AFFIDAVIT_PROJECT")
    secrets = Secrets(open_secrets(environment), project)
    return lambda: secrets.read(reference).value


def open_reader(
    entry: WorkspaceDirectory, environment: Mapping[str, str], clock: Clock
) -> Callable[[], Sequence[ReadUser]]:
    """Return how a Google Workspace is read; asks nothing of the network yet. Raises as `open_secret` does."""
    return open_workspace(entry.customer, entry.admin, entry.impersonate, environment, clock).read
