"""All that a sequencer knows of the chains: who may speak, how far each is, what waits, which holes are open.

Reads registrations and lists names; what is taken is chosen by `selection`, what it means by `history`.

Source: evidence-format sections 3, 7 and 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import Protocol

from affidavit.audit.batch import Batch
from affidavit.audit.chains import Chain, SegmentReader, Told, Vouching
from affidavit.audit.commit import LOG_WRITER, Commit
from affidavit.audit.history import History, Hole
from affidavit.audit.ports import BodyPresence
from affidavit.audit.selection import Selection
from affidavit.clock import DAY, Micros, format_time, parse_time
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.names import parse_registration_name, parse_segment_name, registration_name
from affidavit.evidence.ports import EvidenceStore
from affidavit.evidence.registration import Registration, parse_registration

WALK = 2_000  # commits that one run reads back, at most: about 0.1 s


@dataclass(frozen=True, slots=True)
class Admission:
    """A writer may speak in the log, as the account that its attestation proves; embedded there is neither.

    Attributes:
        account: What the log states.
        vouching: Whose keys the attestation verifies under; the log states them first, unless it has.
    """

    account: str | None
    vouching: Vouching | None = None


class Admit(Protocol):
    """Decides whether a writer may speak in the log."""

    def __call__(self, registration: Registration) -> Admission | None:
        """Return its admission, or None to ignore all that it wrote.

        Raises:
            Unavailable: It cannot be decided now; the writer waits, and is asked about again by the next run.
        """
        ...


class Known:
    """The chains of one log."""

    def __init__(
        self,
        *,
        store: EvidenceStore,
        has_body: BodyPresence,
        origin: str,
        admit: Admit,
        newest: Commit | None,
        told: Told,
        walk: int = WALK,
    ) -> None:
        self._store = store
        self._origin = origin
        self._admit = admit
        self._told = told
        self._chains: dict[str, Chain] = {}
        self._closed: dict[str, Chain] = {}  # those of which something late is looked at
        self._strangers: set[str] = set()
        self._ignored: set[str] = set()
        self._undecided: dict[str, Registration] = {}  # of strangers who wait for their admission
        self._late: dict[str, set[str]] = {}  # writer to names that begin before the chain's place
        self.reader = SegmentReader(store, has_body, told)
        self.history = History(newest, store.read)
        self._walk = walk
        self._swept = False
        self.history.walk(walk)
        while not self.history.knows_the_living:
            self.history.walk(walk)
        if newest is not None:
            self._follow_living(newest, self.history.last_segments)

    def in_order(self) -> list[Chain]:
        """Return the chains, those that stand before a hole first, so that a full commit never passes one over."""
        return sorted(self._chains.values(), key=lambda chain: (chain.next_seq in chain.waiting, chain.writer))

    def sweep(self, now: Micros) -> None:
        """Look for everything that is stored and not committed.

        All registrations are listed once. A writer registers when it is opened, and its id says when that was: later
        on, none is new that is older than a day.
        """
        start = registration_name(_id_of(now - DAY)) if self._swept else ""
        for name in self._store.names("writer/", start):
            self._hear_registration(name)
        self._swept = True
        for chain in self._chains.values():
            self.reader.list_waiting(chain)
        for writer, holes in self.history.holes.items():
            for hole in holes:
                self._late.setdefault(writer, set()).update(self._names_in(writer, hole))

    def hear(self, news: Iterable[str]) -> None:
        """Take note of names that were just created."""
        for name in news:
            if name.startswith("writer/"):
                self._hear_registration(name)
            elif name.startswith("segment/"):
                self._hear_segment(name)

    def meet(self) -> None:
        """Open the chains of writers that are new, and of lost ones, as far as it is known that they are."""
        self.history.walk(self._walk)
        for writer in sorted(self._strangers):
            known = writer in self._chains or writer in self.history.mentioned
            if known or (self.history.is_new(writer, _opened(writer)) and self._open(writer)):
                self._strangers.discard(writer)
        for writer in self.history.lost.keys() - self._chains.keys():
            self._follow_lost(writer)

    def fill_holes(self, selection: Selection, batch: Batch) -> None:
        """Take what fills stated holes after all; what has no place is dropped, and said."""
        for writer in sorted(self._late):
            chain = self._chains.get(writer) or self._closed_chain(writer)
            for names in _by_place(self._late[writer]):
                if chain is None or selection.fill_hole(chain, self.history.holes.get(writer, []), names, batch):
                    self._pass_over(writer, names)

    def apply(self, commit: Commit) -> None:
        """Follow the next commit, by whomever."""
        self.history.add(commit)
        spoke: dict[str, str] = {}
        for segment in commit.segments:
            named = parse_segment_name(segment.name)
            spoke[named.writer] = segment.name
            self._late.get(named.writer, set()).discard(segment.name)
            if named.writer in self._chains:
                self._chains[named.writer].took(segment.name, named.first_seq, segment.count)
        self._follow_living(commit, spoke)
        for writer in self._chains.keys() - commit.writers.keys():
            if writer in self.history.lost:
                self._follow_lost(writer)
            elif writer in spoke:
                self._late_from(self._chains.pop(writer))

    def oldest_waiting(self) -> Micros | None:
        """Return when the oldest record was made that was looked at and waits."""
        return min((one.first_time for chain in self._chains.values() for one in chain.checked.values()), default=None)

    def _hear_registration(self, name: str) -> None:
        try:
            writer = parse_registration_name(name)
        except Malformed as error:
            self._told.once(name, error)
            return
        if not (writer in self._chains or writer in self.history.mentioned or writer in self._ignored):
            self._strangers.add(writer)

    def _hear_segment(self, name: str) -> None:
        try:
            named = parse_segment_name(name)
        except Malformed as error:
            self._told.once(name, error)
            return
        chain = self._chains.get(named.writer)
        if chain is None and named.writer not in self.history.mentioned:
            self._hear_registration(registration_name(named.writer))
        elif chain is None or named.first_seq < chain.next_seq:
            self._late.setdefault(named.writer, set()).add(name)
        elif chain.beyond is None:
            self.reader.note(chain, name)

    def _open(self, writer: str) -> bool:
        """Open the chain of a writer that is admitted; tell whether that is decided."""
        registration = self._undecided.get(writer) or self._registration(writer)
        if registration is None:
            return True
        try:
            admission = self._admit(registration) if registration.origin == self._origin else None
        except Unavailable as error:
            self._undecided[writer] = registration
            self._told.once(f"{writer}, for now,", error)
            return False
        self._undecided.pop(writer, None)
        if admission is None:
            self._told.once(writer, f"no {registration.role} of this log is admitted by that registration")
            self._ignored.add(writer)
            return True
        chain = Chain(
            registration=registration,
            next_seq=0,
            last=registration.sha256,
            account=admission.account,
            vouching=admission.vouching,
        )
        self.reader.list_waiting(chain)
        self._chains[writer] = chain
        return True

    def _follow_living(self, commit: Commit, last_segments: Mapping[str, str]) -> None:
        for writer, place in commit.writers.items():
            chain = self._chains.get(writer)
            if chain is None:
                registration = self._registration(writer) if writer != LOG_WRITER else None
                if registration is None:
                    continue  # it stays in `writers`, and nothing of it can be checked
                chain = self._chains[writer] = Chain(
                    registration=registration, next_seq=place.next_seq, last=place.last
                )
                chain.last_segment = last_segments.get(writer)
                self.reader.list_waiting(chain)
            chain.admitted = True
            self._advance(chain, place.next_seq, place.last)

    def _follow_lost(self, writer: str) -> None:
        next_seq = self.history.lost[writer]
        chain = self._chains.get(writer)
        if chain is None:
            registration = self._registration(writer)
            if registration is None:
                return
            chain = self._chains[writer] = Chain(registration=registration, next_seq=next_seq, last=None)
            self.reader.list_waiting(chain)
        chain.admitted = chain.lost = True
        self._advance(chain, next_seq, chain.last if chain.next_seq == next_seq else None)

    def _advance(self, chain: Chain, next_seq: int, last: str | None) -> None:
        chain.next_seq, chain.last = next_seq, last
        self._late_from(chain)
        if chain.beyond is not None and not chain.waiting:
            self.reader.list_waiting(chain)

    def _late_from(self, chain: Chain) -> None:
        passed = chain.passed(ended=chain.writer not in self._chains)
        if passed:
            self._late.setdefault(chain.writer, set()).update(passed)

    def _closed_chain(self, writer: str) -> Chain | None:
        if writer not in self._closed and (registration := self._registration(writer)) is not None:
            self._closed[writer] = Chain(registration=registration, next_seq=0, last=None)
        return self._closed.get(writer)

    def _pass_over(self, writer: str, names: Iterable[str]) -> None:
        if self.history.complete:  # until then it may fill a hole that was not read yet
            for name in names:
                self._late[writer].discard(name)
                self._told.once(
                    name, "its places in the chain are taken, or it follows writer:closed: a fork or a copy"
                )

    def _registration(self, writer: str) -> Registration | None:
        name = registration_name(writer)
        try:
            data = self._store.read(name)  # too long for any object of the format, it is noise like any other
            return None if data is None else parse_registration(name, data)
        except Malformed as error:
            self._told.once(name, error)
            self._ignored.add(writer)  # what is stored never changes, so it is read once
            return None

    def _names_in(self, writer: str, hole: Hole) -> Iterator[str]:
        folder = f"segment/{writer}/"
        after = f"{folder}{hole[1] + 1:012d}"
        names = self._store.names(folder, f"{folder}{hole[0]:012d}")
        return filter(self._is_segment, takewhile(lambda name: name < after, names))

    def _is_segment(self, name: str) -> bool:
        try:
            parse_segment_name(name)
        except Malformed as error:  # noise may sort into a hole, and must stop nobody
            self._told.once(name, error)
            return False
        return True


def _by_place(names: Iterable[str]) -> list[list[str]]:
    """Return names in groups that begin at one place of the chain."""
    return [list(group) for _, group in groupby(sorted(names), key=lambda name: parse_segment_name(name).first_seq)]


def _id_of(opened: Micros) -> str:
    """Return what the ids of writers that were opened from then on do not sort before."""
    return format_time(opened)[:19].replace("-", "").replace(":", "")


def _opened(writer: str) -> Micros:
    """Return when a writer was opened, to the second, as its id says."""
    day, time = writer[:8], writer[9:15]
    text = f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}.000000Z"
    try:
        return parse_time(text)
    except ValueError:
        return 0  # an id that is no time: nothing of it is new until all was read
