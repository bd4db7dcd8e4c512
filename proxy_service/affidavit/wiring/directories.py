"""What a configuration's directories need: their secrets, the people of this instance, and the endpoint they push to.

Source: architecture "Configuration"; identity-and-approvals "Who tells us that Ana left".
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from affidavit.clock import Clock
from affidavit.errors import Misconfigured, Unavailable
from affidavit.evidence.writer import Randomness
from affidavit.gateway.directory_changes import Changes
from affidavit.gateway.directory_reading import DirectoryReading, Read
from affidavit.gateway.directory_secrets import DirectorySecrets, read_secrets
from affidavit.gateway.doorman import Doorman
from affidavit.gateway.people import People
from affidavit.gateway.rejections import Rejections
from affidavit.gateway.scim import ScimEndpoint
from affidavit.identity.directory import Directory, Person, Sponsor
from affidavit.identity.roster import RosterStore
from affidavit.policy.configuration import Configuration
from affidavit.policy.directories import DirectoryEntry, ScimDirectory, WorkspaceDirectory
from affidavit.wiring.cloud import load_cloud

SCIM = "/scim/v2"
REREAD = 300.0  # seconds between looks at a secret, so that a new one is soon in use

ReadSecret = Callable[[], bytes]

_diagnostics = logging.getLogger("affidavit.people")


def open_directory_secrets(
    directories: Iterable[DirectoryEntry], environment: Mapping[str, str]
) -> dict[str, ReadSecret]:
    """Return how the secret of each directory that pushes is read; nothing is read yet.

    Raises:
        Misconfigured: One is Google's, and its libraries or what they need of the environment are not there.
    """
    return {one.name: _reader(one, environment) for one in directories if isinstance(one, ScimDirectory)}


def open_readers(
    directories: Iterable[DirectoryEntry], environment: Mapping[str, str], clock: Clock
) -> dict[str, Read]:
    """Return how each directory that is read is read; nothing is read yet.

    Raises:
        Misconfigured: Google's libraries or credentials are not there.
    """
    return {
        one.name: load_cloud("cloud_directories").open_reader(one, environment, clock)
        for one in directories
        if isinstance(one, WorkspaceDirectory)
    }


def open_readings(
    readers: Mapping[str, Read], people: People, changes: Changes, *, clock: Clock, random: Randomness
) -> list[DirectoryReading]:
    """Return what keeps the directories read."""
    spread = random(1)[0] / 255
    return [
        DirectoryReading(name, read, people=people, changes=changes, clock=clock, spread=spread)
        for name, read in readers.items()
    ]


async def read_directory_secrets(readers: Mapping[str, ReadSecret]) -> DirectorySecrets:
    """Return all secrets.

    Raises:
        Misconfigured: One is missing or cannot be used.
        Unavailable: One cannot be read now.
    """
    return DirectorySecrets({name: await _read(name, read) for name, read in readers.items()})


async def keep_secrets(
    secrets: DirectorySecrets,
    readers: Mapping[str, ReadSecret],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Read the secrets again and again, until cancelled; one that cannot be read stays as it was."""
    while True:
        await sleep(REREAD)
        for name, read in readers.items():
            try:
                secrets.replace(name, await _read(name, read))
            except (Misconfigured, Unavailable) as error:
                _diagnostics.error("%s; the secret that was read before stays in use", error)


def open_people(configuration: Configuration, store: RosterStore | None, clock: Clock) -> People | None:
    """Return who keeps this instance's people up to date, or None where the file alone says who they are."""
    if not configuration.directories or store is None:
        return None
    reading = [one.name for one in configuration.directories if isinstance(one, WorkspaceDirectory)]
    pushing = [one.name for one in configuration.directories if isinstance(one, ScimDirectory)]
    return People(store, pushing=pushing, reading=reading, clock=clock)


def everybody(configuration: Configuration, people: People | None) -> Directory:
    """Return the people and the sponsors of a configuration."""
    known = [
        Person(email=one.email, github_id=one.github_id, gitlab_id=one.gitlab_id, groups=one.groups)
        for one in configuration.people
    ]
    sponsors = [Sponsor(matches=one.matches, person=one.person) for one in configuration.sponsors]
    return Directory(known, sponsors) if people is None else people.known(known, sponsors)


def open_scim(
    configuration: Configuration,
    people: People,
    secrets: DirectorySecrets,
    *,
    doorman: Doorman,
    changes: Changes,
    rejections: Rejections,
    clock: Clock,
    random: Randomness,
) -> ScimEndpoint | None:
    """Return the endpoint, or None where no directory pushes."""
    if not any(isinstance(one, ScimDirectory) for one in configuration.directories):
        return None
    return ScimEndpoint(
        doorman=doorman,
        secrets=secrets,
        people=people,
        changes=changes,
        rejections=rejections,
        clock=clock,
        new_id=lambda: str(uuid.UUID(bytes=random(16), version=4)),
        base=f"{configuration.public_url}{SCIM}",
    )


def _reader(entry: ScimDirectory, environment: Mapping[str, str]) -> ReadSecret:
    if isinstance(entry.secret, Path):
        return partial(_read_file, entry.secret)
    try:
        reader: ReadSecret = load_cloud("cloud_directories").open_secret(entry.secret, environment)
    except Misconfigured as error:
        raise Misconfigured(f"directory {entry.name}: {error}") from error
    return reader


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from error


async def _read(name: str, read: ReadSecret) -> tuple[bytes, ...]:
    try:
        value = await asyncio.to_thread(read)
    except (Misconfigured, Unavailable) as error:
        raise type(error)(f"directory {name}: its secret cannot be had: {error}") from error
    return read_secrets(name, value)
