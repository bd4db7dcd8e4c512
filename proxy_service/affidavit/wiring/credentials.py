"""What each upstream is shown, from the configuration: a mounted file's, or what a source gives.

Source: architecture "Configuration"; mcp "Duties".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from affidavit.clock import Clock
from affidavit.errors import Misconfigured
from affidavit.gateway.credentials import Fetched, FetchedCredential, FixedCredential, UpstreamCredential
from affidavit.policy.configuration import CloudCredential, HeaderCredential, UpstreamEntry
from affidavit.wiring.cloud import load_cloud

SourceOf = Callable[[CloudCredential], Callable[[], Fetched]]


def cloud_source(environment: Mapping[str, str], credential: CloudCredential) -> Callable[[], Fetched]:
    """Return what gives a credential; raises `Misconfigured` where Google's libraries are not installed."""
    source: Callable[[], Fetched] = load_cloud("upstream_credentials").open_source(credential, environment)
    return source


def open_credential(entry: UpstreamEntry, source_of: SourceOf, clock: Clock) -> UpstreamCredential:
    """Return what an upstream is shown.

    Raises:
        Misconfigured: A mounted file is missing or wrong.
    """
    if entry.credential is None:
        return FixedCredential({})
    if isinstance(entry.credential, HeaderCredential):
        return FixedCredential(_mounted(entry.name, entry.credential))
    return FetchedCredential(entry.name, source_of(entry.credential), clock)


def _mounted(upstream: str, credential: HeaderCredential) -> dict[str, str]:
    try:
        mounted = credential.file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"upstream {upstream}: {credential.file} cannot be read: {error.strerror}") from error
    return {credential.name: credential.value(mounted)}
