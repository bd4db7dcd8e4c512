"""The revocation list of one data folder, a table of `state.sqlite`.

Source: architecture "Ports".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affidavit.adapters.embedded.sqlite import open_sqlite
from affidavit.errors import Unavailable
from affidavit.identity.revocation import Revocation

_SCHEMA = """
create table if not exists revocation (
    place integer primary key, what text not null, value text not null, by text not null, reason text not null,
    at integer not null, unique (what, value, by, reason, at)
) strict;
"""


class SqliteRevocations:
    """A `RevocationList`; rows are numbered as they come, and none ever goes.

    Raises:
        Misconfigured: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_sqlite(path, _SCHEMA)
        self._connection.isolation_level = None  # each statement is a transaction of its own, in whatever thread

    def add(self, revocation: Revocation) -> None:
        """See `RevocationList.add`."""
        one = revocation
        self._execute(
            "insert into revocation (what, value, by, reason, at) values (?, ?, ?, ?, ?) on conflict do nothing",
            (one.what, one.value, one.by, one.reason, one.at),
        )

    def since(self, position: int) -> Sequence[Revocation]:
        """See `RevocationList.since`."""
        rows = self._execute(
            "select what, value, by, reason, at from revocation where place > ? order by place", (position,)
        )
        return [Revocation(what=what, value=value, by=by, reason=reason, at=at) for what, value, by, reason, at in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _execute(self, statement: str, values: tuple[str | int, ...]) -> list[Any]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"state.sqlite does not answer: {error}") from error
