"""Which Cloud Run service answers at an address.

Source: Cloud Run "Service URLs" (deterministic and not); Cloud Run Admin API v1 `projects.locations.services.list`,
which alone lists all regions at once, and v2 `Service`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from affidavit.adapters.gcp.inspection.rest import Denied, Missing, Rest

_DETERMINISTIC = re.compile(r"(?P<service>[a-z0-9-]+)-(?P<project>\d+)\.(?P<region>[a-z0-9-]+)\.run\.app")
_HASHED = re.compile(r"[a-z0-9-]+-[a-z]{2,}\.a\.run\.app")


@dataclass(frozen=True, slots=True)
class RunService:
    """One service, by the names that the Admin API has for it."""

    project: str
    region: str
    name: str

    @property
    def resource(self) -> str:
        """Its full name."""
        return f"projects/{self.project}/locations/{self.region}/services/{self.name}"

    @property
    def flags(self) -> str:
        """How `gcloud run services` takes it."""
        return f"{self.name} --region={self.region} --project={self.project}"


def is_run_address(url: str) -> bool:
    """Tell whether an address is one that Cloud Run gives to services."""
    return _host(url).endswith(".run.app")


def find_service(rest: Rest, url: str, projects: Iterable[str]) -> RunService | None:
    """Return the service at an address, searched for in some projects where the address does not say.

    Raises:
        Denied: None of them shows it, and some may not be looked at.
    """
    host = _host(url)
    if found := _DETERMINISTIC.fullmatch(host):
        return RunService(found["project"], found["region"], found["service"])
    if not _HASHED.fullmatch(host):
        return None
    denied: Denied | None = None
    for project in projects:
        try:
            for listed in _listed(rest, project):
                if host in _hosts(listed):
                    return _service(project, listed)
        except Missing:
            continue
        except Denied as error:
            denied = error
    if denied is not None:
        raise denied
    return None


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rpartition("---")[2]  # a tag of a revision stands before ---


def _listed(rest: Rest, project: str) -> Iterator[dict[str, Any]]:
    at = ""
    while True:
        page = rest.get("run", f"v1/projects/{project}/locations/-/services", **({"continue": at} if at else {}))
        yield from page.get("items", ())
        at = page.get("metadata", {}).get("continue", "")
        if not at:
            return


def _hosts(listed: dict[str, Any]) -> set[str]:
    urls = json.loads(listed.get("metadata", {}).get("annotations", {}).get("run.googleapis.com/urls", "[]"))
    return {_host(url) for url in (*urls, listed.get("status", {}).get("url", ""))}


def _service(project: str, listed: dict[str, Any]) -> RunService:
    metadata = listed["metadata"]
    return RunService(project, metadata["labels"]["cloud.googleapis.com/location"], metadata["name"])
