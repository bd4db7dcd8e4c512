"""Who started a GitLab CI job.

Source: identity-and-approvals "Which human started this job"; GitLab "ID token payload".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from affidavit.identity.directory import Directory, Person

RECORDED = (
    "ci_config_ref_uri",
    "environment",
    "job_id",
    "namespace_id",
    "pipeline_source",
    "project_id",
    "project_path",
    "ref",
    "ref_protected",
    "sha",
    "user_id",
    "user_login",
)
RUN = "pipeline_id"
# A schedule runs in its owner's name; what other pipelines or a trigger's token start has nobody who pressed a button.
_PRESSED = frozenset(
    {"push", "web", "merge_request_event", "api", "chat", "external_pull_request_event", "ide", "webide"}
)
_BOT = re.compile(r"(?:project|group)_\d+_bot(?:_[0-9a-z]+)?|.*[-_]bot|ghost|support-bot|alert-bot", re.IGNORECASE)


def who_pressed(claims: Mapping[str, Any], directory: Directory) -> Person | None:
    """Return who started a job, if that is certain: an account that somebody known has said is theirs."""
    source, login, user = claims.get("pipeline_source"), claims.get("user_login"), claims.get("user_id")
    if source not in _PRESSED or not isinstance(login, str) or _BOT.fullmatch(login):
        return None
    return directory.by_gitlab_id(str(user)) if isinstance(user, str | int) and not isinstance(user, bool) else None
