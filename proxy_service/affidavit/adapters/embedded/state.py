"""The tool definitions that one data folder remembers, in tables of `state.sqlite`; nothing in it proves anything.

Source: architecture "Ports".
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from affidavit.adapters.embedded.sqlite import open_sqlite
from affidavit.clock import Clock, format_time
from affidavit.errors import Unavailable
from affidavit.gateway.ports import SeenDefinition, Standing

_SCHEMA = """
create table if not exists definition (
    upstream text not null, target text not null, digest text not null,
    canonical blob not null, seen text not null,
    primary key (upstream, target, digest)
) strict;
create table if not exists standing (
    upstream text not null, target text not null, digest text not null, since text not null, by text,
    primary key (upstream, target)
) strict;
"""
_T = TypeVar("_T")


class State:
    """The SQLite file, opened by one process; each call is one transaction.

    Raises:
        Misconfigured: It cannot be opened, or is no such file.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._connection = open_sqlite(path, _SCHEMA)
        if not any(column[1] == "by" for column in self._connection.execute("pragma table_info(standing)")):
            self._connection.execute("alter table standing add column by text")  # 0.1.0 did not ask who accepted

    def see(self, upstream: str, target: str, digest: str, canonical: bytes) -> Standing:
        """Keep a definition, the first of a tool standing at once, and return the one that stands."""
        now = format_time(self._clock())
        with self._connection as transaction:
            transaction.execute(
                "insert into definition values (?, ?, ?, ?, ?) on conflict do update set seen = excluded.seen",
                (upstream, target, digest, canonical, now),
            )
            transaction.execute(
                "insert or ignore into standing values (?, ?, ?, ?, null)", (upstream, target, digest, now)
            )
        return self.standing(upstream, target) or Standing(digest, None, now)

    def standing(self, upstream: str, target: str) -> Standing | None:
        """Return the definition that stands."""
        row = self._connection.execute(
            "select digest, by, since from standing where upstream = ? and target = ?", (upstream, target)
        ).fetchone()
        return None if row is None else Standing(*row)

    def accept(self, upstream: str, target: str, digest: str, by: str) -> bool:
        """Let another definition stand, in somebody's name; return False where it was never shown."""
        with self._connection as transaction:
            changed = transaction.execute(
                "update standing set digest = ?, since = ?, by = ? where upstream = ? and target = ? and exists"
                " (select 1 from definition where upstream = ? and target = ? and digest = ?)",
                (digest, format_time(self._clock()), by, upstream, target, upstream, target, digest),
            )
        return changed.rowcount == 1

    def definitions(self) -> list[SeenDefinition]:
        """Return every definition that was ever shown, oldest first for each tool."""
        rows = self._connection.execute(
            "select d.upstream, d.target, d.digest, d.canonical, d.seen, s.digest = d.digest from definition d"
            " join standing s using (upstream, target) order by d.upstream, d.target, d.seen"
        )
        return [SeenDefinition(*row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Ledger:
    """The gateway's `DefinitionLedger` over `State`; SQLite works in a thread of its own."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")

    async def see(self, upstream: str, target: str, digest: str, canonical: bytes) -> Standing:
        """See `DefinitionLedger.see`."""
        return await self._run(lambda: self._state.see(upstream, target, digest, canonical))

    async def standing(self, upstream: str, target: str) -> Standing | None:
        """See `DefinitionLedger.standing`."""
        return await self._run(lambda: self._state.standing(upstream, target))

    def close(self) -> None:
        """Finish what is under way and close the file."""
        self._thread.shutdown()
        self._state.close()

    async def _run(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise Unavailable(f"state.sqlite does not answer: {error}") from error
