"""Users and groups as the directories last said them, and the port to where that is kept for all instances.

Source: identity-and-approvals "Who tells us that Ana left"; RFC 7643 sections 4.1 and 4.2. Never does I/O.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from affidavit.clock import Micros

Kind = Literal["user", "group"]

_ADDRESS = re.compile(r"[!-~]+@[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One user or group of one directory.

    Attributes:
        directory: The directory's name in the configuration.
        name: `userName` or `displayName`; no two living entries of a directory and kind have the same, whatever the
            case of their letters.
        version: 1 for the first state of it, and one more for each further.
        active: Whether the directory lets them in; False for whoever is deleted.
        deleted: Kept all the same, so that who is gone is inactive and not forgotten.
        attributes: In SCIM's form, without `id`, `schemas` and `meta`.
    """

    directory: str
    kind: Kind
    id: str
    name: str
    version: int
    active: bool
    deleted: bool
    created: Micros
    modified: Micros
    attributes: Mapping[str, Any]

    @property
    def place(self) -> tuple[str, Kind, str]:
        """What names it among all entries."""
        return self.directory, self.kind, self.id

    @property
    def claim(self) -> tuple[str, Kind, str]:
        """The name that it alone may have."""
        return self.directory, self.kind, self.name.lower()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return a user's addresses in lower case, the main one first; one that is not ASCII is none."""
        given = [one for one in self.attributes.get("emails", ()) if isinstance(one, dict)]
        given.sort(key=lambda one: (one.get("primary") is not True, str(one.get("type", "")).lower() != "work"))
        texts = [*(one.get("value") for one in given), self.name]
        found = (text.lower() for text in texts if isinstance(text, str) and _ADDRESS.fullmatch(text))
        return tuple(dict.fromkeys(found))

    @property
    def members(self) -> tuple[str, ...]:
        """Return the ids of a group's members."""
        values = (one.get("value") for one in self.attributes.get("members", ()) if isinstance(one, dict))
        return tuple(value for value in values if isinstance(value, str))


@dataclass(frozen=True, slots=True)
class News:
    """What changed in the store.

    Attributes:
        position: Up to where it was read.
        entries: Each in its newest state.
        confirmed: When each directory that is read was last read completely.
    """

    position: int
    entries: Sequence[Entry]
    confirmed: Mapping[str, Micros]


class RosterStore(Protocol):
    """All entries of all directories, and when those that are read were last read completely.

    Trust: whoever can write it can let a person in whom the directory has locked out, or give them groups; what the
    directories said is in the records all the same. Whoever reads it must know how old their copy is.

    Laws, run on every implementation by tests/contracts/test_roster_store.py:
        1. After `put(entries)` returns, every process finds all of them, for good: nothing is ever removed.
        2. Of many that put the next version of one entry, one succeeds; the others are told `Conflict`. So it is with
           two living entries that want one name. With `Conflict` nothing of what was given was put.
        3. Putting the same again changes nothing.
        4. Whoever has read up to a position finds with `since` all that was put after it.
        5. A directory's confirmation never goes back.
        6. After `Unavailable` it may have been done; doing it again is right.
    """

    def put(self, entries: Sequence[Entry]) -> None:
        """Put entries whose version is one more than what is there; all or none, at most `MANY`.

        Raises:
            Conflict: Somebody else was first, or a name is taken.
            Unavailable: See law 6.
        """
        ...

    def since(self, position: int) -> News:
        """Return what was put after a position, 0 for everything."""
        ...

    def confirm(self, directory: str, at: Micros) -> None:
        """Say that a directory was read completely, beginning at `at`."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


MANY = 100  # entries put at once: Firestore takes 10 MiB in one commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An address that a directory has as somebody's who is active.

    Attributes:
        groups: The names of theirs in that directory.
    """

    directory: str
    main: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What all directories together say of addresses.

    Attributes:
        active: By address, one for each directory that has it.
        inactive: By address, which directory has deactivated it; what another one says does not help.
    """

    active: Mapping[str, tuple[Listed, ...]] = field(default_factory=dict)
    inactive: Mapping[str, str] = field(default_factory=dict)


class Roster:
    """The newest state of every entry, as one process has read it."""

    def __init__(self) -> None:
        self.position = 0
        self._entries: dict[tuple[str, Kind, str], Entry] = {}
        self._names: dict[tuple[str, Kind, str], str] = {}
        self._groups_of: dict[tuple[str, str], set[str]] = defaultdict(set)

    def take(self, news: News) -> bool:
        """Take what was read; return whether anything is new."""
        fresh = [one for one in news.entries if one.version > self._version(one)]
        for one in fresh:
            self._forget(self._entries.get(one.place))
        for one in fresh:
            self._keep(one)
        self.position = max(self.position, news.position)
        return bool(fresh)

    def find(self, directory: str, kind: Kind, entry_id: str) -> Entry | None:
        """Return a living entry."""
        found = self._entries.get((directory, kind, entry_id))
        return None if found is None or found.deleted else found

    def named(self, directory: str, kind: Kind, name: str) -> Entry | None:
        """Return the living entry that has a name."""
        entry_id = self._names.get((directory, kind, name.lower()))
        return None if entry_id is None else self.find(directory, kind, entry_id)

    def living(self, directory: str, kind: Kind) -> list[Entry]:
        """Return a directory's living entries in the order in which they were made."""
        found = [
            one for one in self._entries.values() if (one.directory, one.kind, one.deleted) == (directory, kind, False)
        ]
        return sorted(found, key=lambda one: (one.created, one.id))

    def groups_of(self, directory: str, user_id: str) -> list[Entry]:
        """Return the living groups that have a user as their member."""
        found = (self.find(directory, "group", one) for one in self._groups_of.get((directory, user_id), ()))
        return sorted((one for one in found if one is not None), key=lambda one: one.name)

    def listing(self, directories: Iterable[str]) -> Listing:
        """Return what these directories say of addresses; what others once said counts for nothing."""
        wanted = set(directories)
        active: dict[str, dict[str, Listed]] = defaultdict(dict)
        inactive: dict[str, list[str]] = defaultdict(list)
        for user in self._users(wanted):
            for address in user.addresses:
                if user.active:
                    active[address][user.directory] = self._listed(user, active[address].get(user.directory))
                else:
                    inactive[address].append(user.directory)
        # Within one directory an account that is active outweighs an older one of the same address; between two
        # directories it does not: who was locked out in one is not let in by the other, which may not know it yet.
        locked = {
            address: min(out)
            for address, names in inactive.items()
            if (out := [name for name in names if name not in active.get(address, {})])
        }
        return Listing({address: tuple(by.values()) for address, by in active.items()}, locked)

    def _listed(self, user: Entry, other: Listed | None) -> Listed:
        groups = {one.name for one in self.groups_of(user.directory, user.id)} | set(other.groups if other else ())
        main = other.main if other else user.addresses[0]
        return Listed(directory=user.directory, main=main, groups=tuple(sorted(groups)))

    def _users(self, directories: set[str]) -> Iterator[Entry]:
        return (one for one in self._entries.values() if one.kind == "user" and one.directory in directories)

    def _version(self, entry: Entry) -> int:
        known = self._entries.get(entry.place)
        return known.version if known is not None else 0

    def _forget(self, entry: Entry | None) -> None:
        if entry is None:
            return
        if self._names.get(entry.claim) == entry.id:
            del self._names[entry.claim]
        for member in entry.members:
            self._groups_of[entry.directory, member].discard(entry.id)

    def _keep(self, entry: Entry) -> None:
        self._entries[entry.place] = entry
        if entry.deleted:
            return
        self._names[entry.claim] = entry.id
        for member in entry.members:
            self._groups_of[entry.directory, member].add(entry.id)
