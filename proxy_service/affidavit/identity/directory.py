"""The people: those of the file, and what the directories last said of them; and who answers for which machines.

Without directories the file's people are all there are. With them, somebody is known only while a directory that was
heard of within `CONFIRMED` has them active; the file then adds accounts and groups to them, by address. Never does I/O.

Source: identity-and-approvals "Who tells us that Ana left", "Which human started this job".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from affidavit.clock import MINUTE, Clock, Micros, system_clock
from affidavit.identity.roster import Roster

CONFIRMED: Micros = 15 * MINUTE  # identity-and-approvals: a sponsor unconfirmed for so long is no sponsor


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is known; `email` is in lower case."""

    email: str
    github_id: int | None = None
    gitlab_id: int | None = None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sponsor:
    """Who answers for tokens whose claims match."""

    matches: Callable[[Mapping[str, Any]], bool]
    person: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What the directories last said.

    Attributes:
        roster, confirmed: Looked at anew each time; whoever hears of the directories keeps them up to date.
    """

    roster: Roster
    confirmed: Mapping[str, Micros]


class Directory:
    """The people, and who of them answers for which machines.

    Args:
        people: Those of the file; no two with the same address.
        sponsors: The first that matches counts.
        heard: What the directories say; None where there are none, and the file alone counts.
        clock: Now.
    """

    def __init__(
        self,
        people: Iterable[Person],
        sponsors: Iterable[Sponsor],
        heard: Heard | None = None,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self._people = {person.email: person for person in people}
        self._by_github_id = {str(one.github_id): one for one in self._people.values() if one.github_id is not None}
        self._by_gitlab_id = {str(one.gitlab_id): one for one in self._people.values() if one.gitlab_id is not None}
        self._sponsors = tuple(sponsors)
        self._heard = heard
        self._clock = clock

    @property
    def lapses(self) -> Micros | None:
        """When the first directory that counts now stops counting, unless it is heard of again; None for never."""
        if self._heard is None:
            return None
        now = self._clock()
        ends = (at + CONFIRMED for at in self._heard.confirmed.values())
        return min((end for end in ends if end > now), default=None)

    def knows(self, email: str | None) -> bool:
        """Tell whether an address may be a person's: any may where no directory is asked."""
        return self._heard is None or (email is not None and self._find(email) is not None)

    def groups(self, email: str) -> tuple[str, ...]:
        """Return the groups of an address; none for an unknown one, or one that is locked out."""
        person = self._find(email)
        return person.groups if person else ()

    def by_github_id(self, number: str) -> Person | None:
        """Return who has this GitHub account."""
        return self._still(self._by_github_id.get(number))

    def by_gitlab_id(self, number: str) -> Person | None:
        """Return who has this GitLab account."""
        return self._still(self._by_gitlab_id.get(number))

    def sponsor(self, claims: Mapping[str, Any]) -> Person | None:
        """Return who answers for the bearer of these claims; whoever is not among the people answers for nobody."""
        for sponsor in self._sponsors:
            person = self._find(sponsor.person)
            if person is not None and sponsor.matches(claims):
                return person
        return None

    def _still(self, person: Person | None) -> Person | None:
        return None if person is None else self._find(person.email)

    def _find(self, email: str) -> Person | None:
        """Return who has an address, as the file and the directories together say it."""
        noted = self._people.get(email)
        if self._heard is None:
            return noted
        roster = self._heard.roster
        if email in roster.inactive:  # it is them, and they are not let in: whoever keeps `Standing` sees to that
            return Person(email=email)
        users = [one for one in roster.active(email) if self._counts(one.directory)]
        if not users:
            return None
        # The file may know them by another of their addresses.
        known = (self._people.get(address) for address in (email, *users[0].addresses))
        noted = next((one for one in known if one is not None), Person(email=email))
        groups = (group.name for one in users for group in roster.groups_of(one))
        return replace(noted, email=email, groups=tuple(dict.fromkeys([*noted.groups, *groups])))

    def _counts(self, directory: str) -> bool:
        assert self._heard is not None  # noqa: S101 asked only where there are directories
        at = self._heard.confirmed.get(directory)
        return at is not None and self._clock() < at + CONFIRMED
