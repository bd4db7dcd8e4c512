"""Buckets that are copied into folders, for whoever verifies them.

Source: architecture "The house" (`wiring/`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affidavit.adapters.embedded.directory import Scratch
from affidavit.adapters.gcp.bucket import CloudBucket, Patience
from affidavit.adapters.gcp.mirror import Mirror
from affidavit.adapters.gcp.storage import open_client


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Opens buckets with one client, of Cloud Storage."""

    client: Any

    def open(
        self, bucket: str, folder: Path, *, aside: Path | None, scratch: Scratch, is_of_format: Callable[[str], bool]
    ) -> Mirror:
        """Return a bucket's mirror; see `Mirror`."""
        return Mirror(CloudBucket(self.client, bucket, Patience()), folder, aside, scratch, is_of_format)


def open_mirrors(environment: Mapping[str, str]) -> Mirrors:
    """Open the client; asks nothing of the network yet.

    Raises:
        Misconfigured: There are no credentials.
    """
    return Mirrors(open_client(None, environment))
