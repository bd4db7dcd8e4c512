"""Which source of tokens fits where this runs, when nobody says: a job's, a machine's, else a person who signs in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from affidavit.connect.http import Http
from affidavit.connect.tokens import github, gitlab
from affidavit.connect.tokens.metadata import is_on_google

Kind = Literal["github", "gitlab", "google", "oauth"]


async def detect(environment: Mapping[str, str], http: Http) -> Kind:
    """Return the source to use."""
    if environment.get(github.URL) and environment.get(github.BEARER):
        return "github"
    if environment.get("GITLAB_CI") == "true" and environment.get(gitlab.DEFAULT_NAME):
        return "gitlab"
    return "google" if await is_on_google(environment, http) else "oauth"
