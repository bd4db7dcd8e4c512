"""One writer's chain as the sequencer sees it: how far it is committed, and what waits behind that.

Reads stored segments, each once; never writes, never decides that a hole is stated.

Source: evidence-format sections 6 to 8.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile

from affidavit.audit.ports import BodyPresence
from affidavit.audit.segments import CheckedSegment, check_segment
from affidavit.clock import MINUTE, Micros
from affidavit.errors import Malformed, VerificationFailed
from affidavit.evidence.names import bodies_name, parse_segment_name
from affidavit.evidence.ports import EvidenceStore
from affidavit.evidence.registration import Registration

MAX_WAITING = 50_000  # names of one chain in memory; the rest is listed again when these are committed
MAX_NOISE = 100_000  # names of noise that are remembered, some 10 MB
MAX_TOLD = 10_000  # things that are remembered to have been said
AHEAD: Micros = MINUTE  # a record is at most so much younger than the commit that takes it (evidence-format section 4)

_diagnostics = logging.getLogger("affidavit.sequencer")


class Told:
    """Says each thing once, however often it is met."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def once(self, what: str, why: object) -> None:
        """Report an object or a writer that is not taken into the log."""
        if self.is_new(what):
            _diagnostics.error("%s is not taken into the log: %s", what, why)

    def is_new(self, what: str) -> bool:
        """Tell whether this is the first time that something is asked about."""
        if what in self._said:
            return False
        if len(self._said) == MAX_TOLD:
            self._said.clear()  # rather say something twice than let noise fill the memory
        self._said.add(what)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouching:
    """A key set that attestations verify under; `keys` is its text."""

    issuer: str
    keys: str


@dataclass(slots=True)
class Chain:
    """One registered, admissible writer.

    Attributes:
        next_seq: Highest committed `seq` + 1.
        last: Hash of that record (of the registration before the first); None if it is not known.
        last_time: Of that record; None if it was committed by somebody else and not looked at.
        last_segment: Where that record stands, for looking.
        account, vouching: What the admission names; known as long as it has to be stated.
        admitted: `log:writer_admitted` is in the log.
        lost: `log:writer_lost` is in the log.
        stopped: Why nothing of it is taken any more: a fork.
        waiting: Names of segments that begin at or after `next_seq`, by where they begin.
        beyond: The last name of all, where there are more than fit in `waiting`.
    """

    registration: Registration
    next_seq: int
    last: str | None
    last_time: Micros | None = None
    last_segment: str | None = None
    account: str | None = None
    vouching: Vouching | None = None
    admitted: bool = False
    lost: bool = False
    stopped: str | None = None
    waiting: dict[int, list[str]] = field(default_factory=dict)
    beyond: str | None = None
    checked: dict[str, CheckedSegment] = field(default_factory=dict)

    @property
    def writer(self) -> str:
        """The writer's id."""
        return self.registration.writer

    def wait_for(self, name: str) -> None:
        """Note a segment's name; one that is known already, or begins too early, changes nothing."""
        first_seq = parse_segment_name(name).first_seq
        names = self.waiting.setdefault(first_seq, []) if first_seq >= self.next_seq else []
        if name not in names:
            names.append(name)

    def forget(self, first_seq: int, name: str) -> None:
        """Drop a name that is noise, or has its place in the log now."""
        self.checked.pop(name, None)
        names = self.waiting.get(first_seq, [])
        if name in names:
            names.remove(name)
        if not names:
            self.waiting.pop(first_seq, None)

    def took(self, name: str, first_seq: int, count: int) -> None:
        """Follow a commit that names a segment of this chain."""
        checked = self.checked.get(name)
        if first_seq + count > self.next_seq:
            self.next_seq, self.last_segment = first_seq + count, name
            self.last = checked.last if checked else None
            self.last_time = checked.last_time if checked else None
        self.forget(first_seq, name)

    def passed(self, *, ended: bool) -> list[str]:
        """Return, and wait no longer for, the names that begin before the chain's place; if it has ended, all."""
        names = [name for at in self.waiting if ended or at < self.next_seq for name in self.waiting[at]]
        for name in names:
            self.forget(parse_segment_name(name).first_seq, name)
        return names


class SegmentReader:
    """Finds and checks what waits in a chain."""

    def __init__(self, store: EvidenceStore, has_body: BodyPresence, told: Told) -> None:
        self._store = store
        self._has_body = has_body
        self.told = told
        self.records: dict[str, Sequence[bytes]] = {}  # of what was read since this was last cleared
        self._noise: set[str] = set()  # what is stored never changes, so that it is noise is read once

    def list_waiting(self, chain: Chain) -> None:
        """Look for all segments that begin at or after the chain's place."""
        folder = f"segment/{chain.writer}/"
        stored = self._store.names(folder, f"{folder}{chain.next_seq:012d}")
        names = (name for name in stored if name not in self._noise)  # which takes nobody's place
        chain.waiting.clear()
        for name in islice(names, MAX_WAITING):
            self.note(chain, name)
        beyond = deque(names, maxlen=1)
        chain.beyond = beyond[0] if beyond else None

    def note(self, chain: Chain, name: str) -> None:
        """Let a chain wait for a name, unless it is none."""
        if name in self._noise:
            return
        try:
            chain.wait_for(name)
        except Malformed as error:
            self.told.once(name, error)

    def at(self, chain: Chain, seq: int, *, now: Micros) -> CheckedSegment | None:
        """Return the one segment that begins at a place and is there with its bodies, or None.

        Two that tell different things of one place are a fork: then the chain is stopped, and neither is returned. They
        stay where they are, uncommitted, for every verifier to find.
        """
        try:
            found = self._one_of(chain, chain.waiting.get(seq, ()))
        except VerificationFailed as fork:
            chain.stopped = str(fork)
            self.told.once(chain.writer, fork)
            return None
        return found if found is not None and self._is_there(chain, found, now) else None

    def after(self, chain: Chain, seq: int, *, now: Micros) -> CheckedSegment | None:
        """Return the first segment that begins after a place, or None."""
        for later in sorted(place for place in chain.waiting if place > seq):
            found = self.at(chain, later, now=now)
            if found is not None or chain.stopped:
                return found
        return None

    def late(self, chain: Chain, names: Iterable[str], *, now: Micros) -> CheckedSegment | None:
        """Return the one segment among names that begin at one place, if it follows what is stored around it."""
        try:
            found = self._one_of(chain, names)
        except VerificationFailed as fork:
            self.told.once(chain.writer, fork)
            return None
        ready = found is not None and self._is_there(chain, found, now) and self.fits(chain, found)
        return found if ready else None

    def fits(self, chain: Chain, one: CheckedSegment) -> bool:
        """Tell whether a segment does not contradict its stored neighbours, for where the hashes are not at hand."""
        before = [near for near in self._before(chain, one) if near.next_seq == one.first_seq]
        after = list(self._beginning(chain, one.next_seq))
        fits = (not before or any(near.last == one.prev for near in before)) and (
            not after or any(near.prev == one.last for near in after)
        )
        if not fits:
            self.told.once(one.name, "it does not follow what is stored before it, or is not followed: a fork")
        return fits

    def last_time(self, chain: Chain) -> Micros:
        """Return when the chain's last committed record was made."""
        if chain.last_time is None:
            checked = self.check(chain, chain.last_segment) if chain.last_segment else None
            chain.checked.pop(chain.last_segment or "", None)
            chain.last_time = checked.last_time if checked else chain.registration.opened
        return chain.last_time

    def _before(self, chain: Chain, one: CheckedSegment) -> Iterator[CheckedSegment]:
        folder = f"segment/{chain.writer}/"
        near: list[str] = []
        for name in takewhile(lambda name: name < f"{folder}{one.first_seq:012d}", self._store.names(folder)):
            same_place = near and near[0].rpartition("-")[0] == name.rpartition("-")[0]
            near = [*near, name] if same_place else [name]
        yield from filter(None, (self.check(chain, name) for name in near))

    def _beginning(self, chain: Chain, seq: int) -> Iterator[CheckedSegment]:
        names = self._store.names(f"segment/{chain.writer}/{seq:012d}-")
        yield from filter(None, (self.check(chain, name) for name in names))

    def _one_of(self, chain: Chain, names: Iterable[str]) -> CheckedSegment | None:
        """Return the sound segment among names of one place; raises `VerificationFailed` if two contradict."""
        sound = sorted(filter(None, [self.check(chain, name) for name in tuple(names)]), key=lambda one: one.name)
        for other in sound[1:]:
            if (other.prev, other.next_seq, other.last) != (sound[0].prev, sound[0].next_seq, sound[0].last):
                raise VerificationFailed(f"{other.name} and {sound[0].name} are both signed for one place: a fork")
            chain.forget(other.first_seq, other.name)
            self.told.once(other.name, f"the same records as {sound[0].name}")
        return sound[0] if sound else None

    def check(self, chain: Chain, name: str) -> CheckedSegment | None:
        """Return a stored segment's facts, or None, said once, if it is noise."""
        known = chain.checked.get(name)
        if known is not None or name in self._noise:
            return known
        try:
            first_seq = parse_segment_name(name).first_seq
        except Malformed as error:
            self.told.once(name, error)
            return None
        stored: bytes | None = b""  # or too long to be read
        try:
            stored = self._store.read(name)
            checked, self.records[name] = check_segment(name, stored or b"", chain.registration)
        except (Malformed, VerificationFailed) as error:
            self.told.once(name, error)
            if stored is not None and len(self._noise) < MAX_NOISE:  # what is not there now may come back
                self._noise.add(name)
            chain.forget(first_seq, name)
            return None
        chain.checked[name] = checked
        return checked

    def _is_there(self, chain: Chain, one: CheckedSegment, now: Micros) -> bool:
        return one.last_time <= now + AHEAD and all(
            self._has_body(retention_class, bodies_name(chain.writer, one.first_seq, sha256))
            for retention_class, sha256 in one.bodies.items()
        )
