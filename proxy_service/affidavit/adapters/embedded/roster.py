"""Users and groups of the directories, in tables of `state.sqlite`.

Source: architecture "Ports".
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from affidavit.adapters.embedded.sqlite import open_sqlite
from affidavit.clock import Micros
from affidavit.errors import Conflict, Unavailable
from affidavit.identity.roster import Entry, News

_SCHEMA = """
create table if not exists roster (
    directory text not null, kind text not null, id text not null,
    name text not null, claim text, version integer not null, active integer not null, deleted integer not null,
    created integer not null, modified integer not null, attributes text not null, place integer not null unique,
    primary key (directory, kind, id), unique (directory, kind, claim)
) strict;
create table if not exists roster_reading (directory text primary key, at integer not null) strict;
"""
_COLUMNS = "directory, kind, id, name, version, active, deleted, created, modified, attributes"
_INSERT = f"""
insert into roster ({_COLUMNS}, claim, place)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (select ifnull(max(place), 0) + 1 from roster))
"""  # noqa: S608 names of columns
_UPDATE = """
update roster set name = ?4, version = ?5, active = ?6, deleted = ?7, created = ?8, modified = ?9, attributes = ?10,
    claim = ?11, place = (select max(place) + 1 from roster)
where directory = ?1 and kind = ?2 and id = ?3
"""
_T = TypeVar("_T")


class SqliteRoster:
    """A `RosterStore`; `claim` is the name that a living entry alone may have, and null for one that is deleted.

    Raises:
        Misconfigured: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_sqlite(path, _SCHEMA)
        self._connection.isolation_level = None  # transactions are begun by hand
        self._lock = Lock()  # one connection has one transaction at a time, and threads of the loop share it

    def put(self, entries: Sequence[Entry]) -> None:
        """See `RosterStore.put`."""

        def put() -> None:
            fresh = [entry for entry in entries if self._is_next(entry)]
            for entry in fresh:  # names that are given up are free for those who come after
                self._all("update roster set claim = null where directory = ? and kind = ? and id = ?", entry.place)
            for entry in fresh:
                self._put(entry)

        self._write(put)

    def since(self, position: int) -> News:
        """See `RosterStore.since`."""

        def read() -> News:
            rows = self._all(f"select {_COLUMNS}, place from roster where place > ? order by place", (position,))  # noqa: S608
            confirmed = dict(self._all("select directory, at from roster_reading", ()))
            return News(rows[-1][-1] if rows else position, [_entry(row) for row in rows], confirmed)

        with self._lock:
            return _translated(read)

    def confirm(self, directory: str, at: Micros) -> None:
        """See `RosterStore.confirm`."""
        self._write(
            lambda: self._all(
                "insert into roster_reading values (?, ?) on conflict do update set at = max(at, excluded.at)",
                (directory, at),
            )
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _is_next(self, entry: Entry) -> bool:
        """Return whether an entry is the next version, or False where it is there already; raises `Conflict`."""
        known = self._all(
            f"select {_COLUMNS} from roster where directory = ? and kind = ? and id = ?",  # noqa: S608
            entry.place,
        )
        if known and _entry(known[0]) == entry:
            return False
        if entry.version != (known[0][4] if known else 0) + 1:
            raise Conflict(f"{entry.kind} {entry.id} was changed meanwhile")
        return True

    def _put(self, entry: Entry) -> None:
        claim = None if entry.deleted else entry.claim[2]
        try:
            self._all(_INSERT if entry.version == 1 else _UPDATE, (*_row(entry), claim))
        except sqlite3.IntegrityError as error:
            raise Conflict(f"the name {entry.name} is taken") from error

    def _write(self, work: Callable[[], object]) -> None:
        def transaction() -> None:
            self._connection.execute("begin immediate")
            try:
                work()
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                raise

        with self._lock:
            _translated(transaction)

    def _all(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()


def _translated(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except sqlite3.Error as error:
        raise Unavailable(f"state.sqlite does not answer: {error}") from error


def _row(entry: Entry) -> tuple[Any, ...]:
    return (
        *entry.place,
        entry.name,
        entry.version,
        int(entry.active),
        int(entry.deleted),
        entry.created,
        entry.modified,
        json.dumps(entry.attributes, sort_keys=True),
    )


def _entry(row: Sequence[Any]) -> Entry:
    directory, kind, entry_id, name, version, active, deleted, created, modified, attributes = row[:10]
    return Entry(
        directory=directory,
        kind=kind,
        id=entry_id,
        name=name,
        version=version,
        active=bool(active),
        deleted=bool(deleted),
        created=created,
        modified=modified,
        attributes=json.loads(attributes),
    )
