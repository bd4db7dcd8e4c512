"""What is kept of a sign-in between two starts: a file that only its owner may read, changed by one process at a time.

Several clients of one desktop share it: a refresh token that rotates may be used once.

Source: XDG Base Directory Specification; RFC 9700 section 4.14 (refresh token rotation).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from affidavit.clock import Micros
from affidavit.errors import Misconfigured, Unavailable

TURN = 0.2  # seconds between two looks at whether another process is done
PATIENCE = 330.0  # seconds; another one may be waiting for a person

_FILE_MODE, _FOLDER_MODE = 0o600, 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One sign-in.

    Attributes:
        issuer: Of the authorization server.
        client_id: As which one signed in.
        registered: Whether the client registered itself there.
        port: Where the browser came back to.
        scope: What was granted.
        token: What the gateway gets.
        refresh: None where there is none.
        expires: Of the token.
    """

    issuer: str
    client_id: str
    registered: bool
    port: int
    scope: str
    token: str = field(repr=False)
    refresh: str | None = field(repr=False)
    expires: Micros | None


class Store:
    """The file of one gateway address.

    Args:
        folder: Made where it is not there.
        key: What tells this sign-in from others: the address and how it was chosen.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    @property
    def is_there(self) -> bool:
        """Whether anything is kept."""
        return self._path.is_file()

    def read(self) -> Kept | None:
        """Return what is kept; None where there is nothing that can be understood.

        Raises:
            Misconfigured: Others may read it, too.
        """
        try:
            with self._path.open("rb") as opened:
                mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
                content = opened.read()
        except OSError:
            return None
        if mode & 0o077:
            raise Misconfigured(
                f"{self._path} holds tokens, and others may read it: chmod 600, or delete it to sign in"
            )
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            return None
        return _kept(value)

    def write(self, kept: Kept) -> None:
        """Keep a sign-in in the place of the one before.

        Raises:
            Misconfigured: The folder cannot be written.
        """
        try:
            self._path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent)  # 0600
            with os.fdopen(handle, "wb") as opened:
                opened.write(json.dumps(asdict(kept)).encode())
            Path(name).replace(self._path)
        except OSError as error:
            raise Misconfigured(f"{self._path.parent} cannot be written: {error.strerror}") from error

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Keep other processes out while the block lasts.

        Raises:
            Misconfigured: The folder cannot be written.
            Unavailable: Another one does not come to its end.
        """
        try:
            self._path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        except OSError as error:
            raise Misconfigured(f"{self._path.parent} cannot be written: {error.strerror}") from error
        try:
            async with asyncio.timeout(PATIENCE):
                while not _lock(handle):  # noqa: ASYNC110 nothing tells of another process
                    await asyncio.sleep(TURN)  # a thread that waited could not be stopped
        except TimeoutError as error:
            os.close(handle)
            raise Unavailable("another affidavit connect is signing in and does not end") from error
        except BaseException:
            os.close(handle)
            raise
        try:
            yield
        finally:
            os.close(handle)  # and with it goes the lock


def folder_of(environment: Mapping[str, str], home: Path) -> Path:
    """Return where sign-ins are kept: in the person's configuration, as the system has it."""
    if sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        named = Path(environment.get("XDG_CONFIG_HOME", ""))
        base = named if named.is_absolute() else home / ".config"
    return base / "affidavit" / "connect"


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_TYPES: Mapping[str, tuple[type, ...]] = {
    "registered": (bool,),
    "port": (int,),
    "refresh": (str, type(None)),
    "expires": (int, type(None)),
}


def _kept(value: Any) -> Kept | None:
    names = [one.name for one in fields(Kept)]
    if not isinstance(value, dict) or value.keys() != set(names):
        return None
    if not all(type(value[name]) in _TYPES.get(name, (str,)) for name in names):
        return None
    return Kept(**value)
