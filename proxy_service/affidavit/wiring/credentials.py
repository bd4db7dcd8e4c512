"""The credentials of a configuration's upstreams, each opened where it comes from.

Source: architecture "Configuration" (`upstreams[].credential`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from affidavit.clock import Clock
from affidavit.errors import Misconfigured
from affidavit.gateway.credentials import FetchedCredential, FixedCredential, UpstreamCredential
from affidavit.policy.configuration import UpstreamEntry
from affidavit.policy.credentials import FileHeader
from affidavit.wiring.cloud import load_cloud


def open_credentials(
    upstreams: Iterable[UpstreamEntry], environment: Mapping[str, str], clock: Clock
) -> dict[str, UpstreamCredential]:
    """Return every upstream's credential by the upstream's name; what is fetched is not fetched yet.

    Raises:
        Misconfigured: A mounted file is missing or wrong; or one is Google's, and its libraries or what they need of
            the environment are not there.
    """
    return {upstream.name: _open(upstream, environment, clock) for upstream in upstreams}


def _open(upstream: UpstreamEntry, environment: Mapping[str, str], clock: Clock) -> UpstreamCredential:
    entry = upstream.credential
    if entry is None:
        return FixedCredential({})
    try:
        if isinstance(entry, FileHeader):
            return FixedCredential({entry.name: _mounted(entry)})
        fetch = load_cloud("cloud_credentials").open_fetch(entry, environment)
    except Misconfigured as error:
        raise Misconfigured(f"upstream {upstream.name}: {error}") from error
    return FetchedCredential(upstream.name, fetch, clock)


def _mounted(entry: FileHeader) -> str:
    try:
        return entry.value(entry.file.read_bytes())
    except OSError as error:
        raise Misconfigured(f"{entry.file} cannot be read: {error.strerror}") from error
