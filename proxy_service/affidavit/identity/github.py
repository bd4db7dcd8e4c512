"""Who started a GitHub Actions run.

Source: identity-and-approvals "Which human started this job"; GitHub "OpenID Connect reference".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affidavit.identity.directory import Directory, Person

RECORDED = (
    "actor",
    "actor_id",
    "environment",
    "event_name",
    "job_workflow_ref",
    "ref",
    "repository",
    "repository_id",
    "repository_owner_id",
    "run_attempt",
    "sha",
    "workflow_ref",
)
RUN = "run_id"
_NOT_PRESSED_BY_ANYONE = frozenset({"schedule"})  # GitHub then names whoever last edited the workflow


def who_pressed(claims: Mapping[str, Any], directory: Directory) -> Person | None:
    """Return who started a run, if that is certain.

    On a re-run the actor may not be who pressed the button, a schedule has nobody who did, and a claim that is missing
    makes neither certain.
    """
    event = claims.get("event_name")
    if str(claims.get("run_attempt")) != "1" or not isinstance(event, str) or event in _NOT_PRESSED_BY_ANYONE:
        return None
    actor = claims.get("actor_id")
    return directory.by_github_id(str(actor)) if isinstance(actor, str | int) else None
