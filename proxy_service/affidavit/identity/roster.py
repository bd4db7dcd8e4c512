"""Users and groups as the directories last said them, and the port to where that is kept for all instances.

Source: identity-and-approvals "Who tells us that Ana left"; RFC 7643 sections 4.1 and 4.2. Never does I/O.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from affidavit.clock import Micros

Kind = Literal["user", "group"]
Place = tuple[str, Kind, str]

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
    def place(self) -> Place:
        """What names it among all entries."""
        return self.directory, self.kind, self.id

    @property
    def claim(self) -> Place:
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


MANY = 100  # entries put at once: Firestore takes 10 MiB in one commit


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


class Roster:
    """The newest state of every entry, as one process has read it.

    Args:
        directories: Whose entries count; what others once said counts for nothing.

    Attributes:
        position: Up to where it was read.
        inactive: By address, the directory that has deactivated it. Within one directory an account that is active
            outweighs an older one with the same address. Between two it does not: who was locked out by one is not let
            in by the other, which may not know it yet.
    """

    def __init__(self, directories: Iterable[str]) -> None:
        self.position = 0
        self.inactive: dict[str, str] = {}
        self._directories = frozenset(directories)
        self._entries: dict[Place, Entry] = {}
        self._names: dict[Place, str] = {}
        self._addresses: dict[str, dict[Place, Entry]] = defaultdict(dict)
        self._groups: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._sorted: dict[tuple[str, Kind], list[Entry]] = {}

    def take(self, news: News) -> bool:
        """Take what was read; return whether anything is new."""
        fresh = [one for one in news.entries if one.directory in self._directories and self._is_newer(one)]
        touched: set[str] = set()
        for one in fresh:
            touched |= self._forget(one.place)
        for one in fresh:
            touched |= self._keep(one)
        for address in touched:
            self._judge(address)
        self.position = max(self.position, news.position)
        return bool(fresh)

    def find(self, directory: str, kind: Kind, entry_id: str) -> Entry | None:
        """Return a living entry."""
        found = self._entries.get((directory, kind, entry_id))
        return None if found is None or found.deleted else found

    def buried(self, directory: str, kind: Kind, entry_id: str) -> Entry | None:
        """Return what is left of a deleted entry."""
        found = self._entries.get((directory, kind, entry_id))
        return found if found is not None and found.deleted else None

    def named(self, directory: str, kind: Kind, name: str) -> Entry | None:
        """Return the living entry that has a name."""
        entry_id = self._names.get((directory, kind, name.lower()))
        return None if entry_id is None else self.find(directory, kind, entry_id)

    def living(self, directory: str, kind: Kind) -> list[Entry]:
        """Return a directory's living entries in the order in which they were made."""
        known = self._sorted.get((directory, kind))
        if known is None:
            found = [one for one in self._entries.values() if (one.directory, one.kind) == (directory, kind)]
            known = sorted((one for one in found if not one.deleted), key=lambda one: (one.created, one.id))
            self._sorted[directory, kind] = known
        return known

    def active(self, address: str) -> list[Entry]:
        """Return the active users who have an address."""
        return [one for one in self._addresses.get(address, {}).values() if one.active]

    def groups_of(self, user: Entry) -> list[Entry]:
        """Return the living groups that have a user as their member, by name."""
        found = (self.find(user.directory, "group", one) for one in self._groups.get((user.directory, user.id), ()))
        return sorted((one for one in found if one is not None), key=lambda one: one.name)

    def _is_newer(self, entry: Entry) -> bool:
        known = self._entries.get(entry.place)
        return known is None or entry.version > known.version

    def _forget(self, place: Place) -> set[str]:
        entry = self._entries.get(place)
        if entry is None:
            return set()
        if self._names.get(entry.claim) == entry.id:
            del self._names[entry.claim]
        for member in entry.members:
            self._groups[entry.directory, member].discard(entry.id)
        touched = _addresses(entry)
        for address in touched:
            self._addresses[address].pop(place, None)
        return touched

    def _keep(self, entry: Entry) -> set[str]:
        self._entries[entry.place] = entry
        self._sorted.pop((entry.directory, entry.kind), None)
        if not entry.deleted:
            self._names[entry.claim] = entry.id
            for member in entry.members:
                self._groups[entry.directory, member].add(entry.id)
        touched = _addresses(entry)
        for address in touched:
            self._addresses[address][entry.place] = entry
        return touched

    def _judge(self, address: str) -> None:
        users = self._addresses[address].values()
        let_in = {one.directory for one in users if one.active}
        locked_out = {one.directory for one in users if not one.active} - let_in
        if locked_out:
            self.inactive[address] = min(locked_out)
        else:
            self.inactive.pop(address, None)


def _addresses(entry: Entry) -> set[str]:
    return set(entry.addresses) if entry.kind == "user" else set()
