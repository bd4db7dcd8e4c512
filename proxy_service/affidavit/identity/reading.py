"""A complete reading of a directory, compared with what is known of it.

Source: identity-and-approvals "Who tells us that Ana left". Never does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from affidavit.clock import Micros
from affidavit.identity.roster import Entry, Roster

Change = tuple[Entry | None, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUser:
    """One user, as a directory shows them.

    Attributes:
        id: The directory's own, which outlives changes of the address.
        emails: All of theirs, the main one first.
    """

    id: str
    emails: tuple[str, ...]
    active: bool


def differences(users: Iterable[ReadUser], roster: Roster, directory: str, now: Micros) -> list[Change]:
    """Return what has to be changed so that the roster says what was read; what takes away comes first.

    Args:
        users: All of them: who is not among them is gone.
        roster: What is known.
        directory: Which one was read.
        now: The time of the reading.
    """
    read = {one.id: one for one in users}
    changes = [
        *_gone(roster.living(directory, "user"), read.keys(), now),
        *(change for one in read.values() for change in _changed(one, roster, directory, now)),
    ]
    return sorted(changes, key=_order)


def _order(change: Change) -> tuple[bool, bool]:
    """A name that is given up must be free before somebody else takes it."""
    before, after = change
    return after.active, before is None or before.name == after.name


def _gone(known: Iterable[Entry], read: Iterable[str], now: Micros) -> Iterator[Change]:
    there = set(read)
    for one in known:
        if one.id not in there:
            yield one, replace(one, version=one.version + 1, active=False, deleted=True, modified=now)


def _changed(user: ReadUser, roster: Roster, directory: str, now: Micros) -> Iterator[Change]:
    before = roster.find(directory, "user", user.id) or roster.buried(directory, "user", user.id)
    attributes: dict[str, Any] = {
        "userName": user.emails[0],
        "active": user.active,
        "emails": [{"value": one, "primary": place == 0} for place, one in enumerate(user.emails)],
    }
    if before is not None and not before.deleted and before.attributes == attributes:
        return
    yield (
        before,
        Entry(
            directory=directory,
            kind="user",
            id=user.id,
            name=user.emails[0],
            version=before.version + 1 if before else 1,
            active=user.active,
            deleted=False,
            created=before.created if before else now,
            modified=now,
            attributes=attributes,
        ),
    )
