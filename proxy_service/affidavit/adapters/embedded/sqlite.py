"""Opens `state.sqlite`, where one data folder keeps what is no evidence; each of its users has its own tables.

Source: architecture "Ports".
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from affidavit.errors import Misconfigured

_BUSY_TIMEOUT = 5.0  # seconds that one process waits for another's transaction


def open_sqlite(path: Path, schema: str) -> sqlite3.Connection:
    """Return a connection that any thread may use, with the tables made.

    Raises:
        Misconfigured: It cannot be opened, or is no such file.
    """
    try:
        # SQLite takes its mode for its own files. One that is there is not opened: closing it would take the locks of
        # all other connections of this process away, and whoever leaves next would remove the journal under them.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, check_same_thread=False)
        connection.execute("pragma journal_mode = wal")
        connection.executescript(schema)
    except (OSError, sqlite3.Error) as error:
        raise Misconfigured(
            f"{path} cannot be used: {error}. It says which tool definitions were accepted and what was revoked: bring "
            "a copy back. Without it, what an upstream shows next is taken as the first, and nothing is revoked."
        ) from error
    return connection
