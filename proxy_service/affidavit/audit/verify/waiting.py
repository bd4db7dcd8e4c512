"""Segments that are stored and not in the log: what waits, what came late, what proves a fork, what is noise.

Each stored one that no commit names is examined; the committed ones are told from them by counting, so that their
names need not be kept.

Source: evidence-format sections 6, 8 and 9, checks `uncommitted` and `gaps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from affidavit.audit.commit import NamedSegment
from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.chain import Chain
from affidavit.audit.verify.chains import Chains
from affidavit.audit.verify.examine import Examiner, is_signed, open_segment, read_segment
from affidavit.audit.verify.facts import SegmentFacts
from affidavit.audit.verify.report import Findings
from affidavit.clock import MINUTE, SECOND, Micros
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.names import bodies_name, parse_segment_name
from affidavit.evidence.segment import Segment
from affidavit.tlog.merkle import HASH_SIZE

UNCOMMITTED: Micros = 10 * MINUTE
BEHIND_A_HOLE: Micros = 20 * MINUTE

CommittedOf = Callable[[frozenset[str]], dict[str, list[NamedSegment]]]


@dataclass(frozen=True, slots=True)
class Extra:
    """A validly signed segment under its right name that no commit names."""

    name: str
    segment: Segment
    facts: SegmentFacts

    @property
    def first(self) -> int:
        """Its first `seq`."""
        return self.segment.first_seq

    @property
    def next(self) -> int:
        """The `seq` after it."""
        return self.segment.next_seq

    @property
    def object(self) -> str:
        """Its name in findings."""
        return f"evidence/{self.name}"

    @property
    def is_there(self) -> bool:
        """Whether its bodies objects are stored, without which it is a hole."""
        return not self.facts.absent

    def leaf(self, seq: int) -> bytes:
        """Return the leaf hash of one of its records, which two records share only if they are the same."""
        at = (seq - self.first) * HASH_SIZE
        return self.facts.leaves[at : at + HASH_SIZE]


@dataclass(slots=True)
class Waiting:
    """Looks at what is stored of each chain beyond what is committed.

    Attributes:
        committed_of: Gives the committed segments of some writers, by reading all commits once more.
        noise: Says that an object is noise, and why.
        heard: Writer to the first and last time of what is stored and waits.
        behind_a_hole: Something waits behind a hole.
        bodies: Objects that the segments here name, as findings name them.
    """

    findings: Findings
    buckets: Buckets
    chains: Chains
    examiner: Examiner
    as_of: Micros
    committed_of: CommittedOf
    noise: Callable[[str, str], None]
    heard: dict[str, tuple[Micros, Micros]] = field(default_factory=dict)
    behind_a_hole: bool = False
    bodies: set[str] = field(default_factory=set)
    _misnamed: dict[str, list[str]] = field(default_factory=dict)

    def look_on(self, chains: Iterable[Chain]) -> None:
        """Look at what came to some chains since an earlier verification, without what it had looked at."""
        unexplained: set[str] = set()
        for chain in chains:
            before, after = self._names(chain)
            if before != chain.segments or chain.holes:
                unexplained.add(chain.writer)
            self._judge(chain, after)
        self._explain(frozenset(unexplained | self._misnamed.keys()))

    def look(self, writers: Iterable[str]) -> None:
        """Look at the segment folders of writers; those of strangers are noise."""
        unexplained: set[str] = set()
        for writer in writers:
            chain = self.chains.all.get(writer)
            if chain is None or not chain.admitted:
                self._strange(writer)
                continue
            before, after = self._names(chain)
            if before != chain.segments:
                unexplained.add(writer)
            self._judge(chain, after)
        unexplained |= self._misnamed.keys()
        if unexplained:
            self._explain(frozenset(unexplained))

    def _strange(self, writer: str) -> None:
        for name in self.buckets.evidence.names(f"segment/{writer}/"):
            self.noise(f"evidence/{name}", "of a writer that was never admitted")

    def _names(self, chain: Chain) -> tuple[int, list[str]]:
        """Return how many names begin in the committed part, and the names that begin after it."""
        before, after = 0, []
        for name in self._stored(chain.writer, chain.since):
            try:
                first_seq = parse_segment_name(name).first_seq
            except Malformed:
                self._misname(name, "not the name of a segment")
                continue
            if first_seq < chain.next_seq:
                before += 1
            else:
                after.append(name)
        return before, sorted(after)

    def _stored(self, writer: str, since: int) -> Iterator[str]:
        folder = f"segment/{writer}/"
        return self.buckets.evidence.names(folder, f"{folder}{since:012d}" if since else "")

    def _examined(self, chain: Chain, names: Iterable[str]) -> Iterator[Extra]:
        """Yield those of the named objects that are segments of a chain under their right names."""
        for name in names:
            try:
                stored = self.buckets.evidence.read(name)
                if stored is None:
                    continue
                segment = _open(name, stored)
            except Unavailable as error:
                self.findings.unread("uncommitted", f"evidence/{name}", str(error))
            except Malformed as error:
                self._misname(name, str(error))
            else:
                extra = self._examine(name, segment, chain.writer)
                if extra is None:
                    self.noise(f"evidence/{name}", "not signed by its writer, or no part of a chain")
                else:
                    yield extra

    def _examine(self, name: str, segment: Segment, writer: str) -> Extra | None:
        registered = self.chains.registrations.of(writer)
        if registered is None or segment.writer != writer or not is_signed(segment, registered.key):
            return None
        facts = self.examiner.examine(f"evidence/{name}", segment, b"", registered.role)
        return (
            None
            if any(check in ("segments", "chains") for check, *_ in facts.findings)
            else Extra(name, segment, facts)
        )

    def _judge(self, chain: Chain, names: list[str]) -> None:
        """Judge what is stored beyond the committed part of a chain."""
        expected, prev = chain.next_seq, chain.last
        last: Extra | None = None
        behind = False
        for extra in self._examined(chain, names):
            if last is not None and extra.first < last.next:
                self._compare(extra, last)
                continue
            self._explain_bodies(extra)
            self._hear(chain, extra)
            last = extra
            if chain.closed is not None:
                self._fail("chains", extra, f"nothing after writer:closed at {chain.closed}", "a signed segment")
                continue
            if extra.first == expected and prev is not None and extra.facts.prev != prev:
                self._fail("gaps", extra, f"a record that follows {prev}", "a fork: it follows another one")
            behind = behind or extra.first != expected
            self._age(chain, extra, behind=behind)
            behind = behind or not extra.is_there
            expected, prev = extra.next, extra.facts.last

    def _explain(self, writers: frozenset[str]) -> None:
        """Find out which segments in the committed part of chains are not committed, and what they are."""
        for writer, committed in self.committed_of(writers).items() if writers else ():
            chain = self.chains.all[writer]
            known = {named.name for named in committed}
            names = sorted(self._stored(writer, min([chain.since, *(hole.first for hole in chain.holes)])))
            passed = [name for name in names if name not in known and _is_passed(name, chain)]
            last: Extra | None = None
            for extra in self._examined(chain, passed):
                if last is not None and extra.first < last.next:
                    self._compare(extra, last)
                elif self._fills(chain, extra):
                    last = extra
                    self._explain_bodies(extra)
                else:
                    self._compare_all(chain, extra, committed)
            for name in self._misnamed.pop(writer, ()):
                misnamed = self._read_misnamed(name, writer)
                if misnamed is not None:
                    self._compare_all(chain, misnamed, committed)

    def _explain_bodies(self, extra: Extra) -> None:
        segment = extra.segment
        for retention_class, sha256 in segment.bodies.items():
            self.bodies.add(f"bodies/{retention_class}/{bodies_name(segment.writer, segment.first_seq, sha256)}")

    def _hear(self, chain: Chain, extra: Extra) -> None:
        first, last = self.heard.get(chain.writer, (extra.facts.first_time, 0))
        self.heard[chain.writer] = min(first, extra.facts.first_time), max(last, extra.facts.last_time)

    def _age(self, chain: Chain, extra: Extra, *, behind: bool) -> None:
        self.findings.count("uncommitted")
        age = self.as_of - extra.facts.last_time
        text = f"{extra.object}: {len(extra.segment.records)} records, {max(0, age) // SECOND} s old"
        if chain.lost:
            self.findings.note("uncommitted", f"{text}, late: the writer is stated lost")
        elif not extra.is_there:
            self.findings.note("uncommitted", f"{text}, not there until its bodies are")
        elif age > (BEHIND_A_HOLE if behind else UNCOMMITTED):
            allowed = "20 minutes, behind a hole" if behind else "10 minutes"
            self._fail("uncommitted", extra, f"a commit that names it within {allowed}", f"none for {age // SECOND} s")
        else:
            self.behind_a_hole = self.behind_a_hole or behind
            self.findings.note("uncommitted", f"{text}{', behind a hole' if behind else ''}")

    def _fills(self, chain: Chain, extra: Extra) -> bool:
        """Tell whether a segment lies in a stated hole, and list it if it does."""
        if not any(hole.first <= extra.first and extra.next - 1 <= hole.last for hole in chain.holes):
            return False
        self.findings.count("uncommitted")
        self.findings.note("uncommitted", f"{extra.object}: late, it fills a stated hole")
        return True

    def _compare_all(self, chain: Chain, extra: Extra, committed: list[NamedSegment]) -> None:
        """Compare a segment with the committed ones that have places in common with it."""
        for named in committed:
            first = parse_segment_name(named.name).first_seq
            if first < extra.next and extra.first < first + named.count:
                for other in self._examined(chain, [named.name]):
                    self._compare(extra, other)

    def _compare(self, extra: Extra, other: Extra) -> None:
        """Say of a signed segment that it is a fork, or the same as another one with places in common."""
        for seq in range(max(extra.first, other.first), min(extra.next, other.next)):
            if extra.leaf(seq) != other.leaf(seq):
                found = "a fork: another signed record for this place"
                record = f"{extra.segment.writer}/{seq}"
                self.findings.fail("gaps", extra.object, record, f"the record in {other.object}", found)
                return
        self.noise(extra.object, f"the same signed records as {other.object}")

    def _misname(self, name: str, why: str) -> None:
        """Say that an object is noise; if it is signed all the same, it may still prove a fork."""
        self.noise(f"evidence/{name}", why)
        try:
            segment = read_segment(self.buckets.evidence.read(name) or b"")
        except (Malformed, Unavailable):
            return
        chain = self.chains.all.get(segment.writer)
        if chain is not None and chain.admitted:
            self._misnamed.setdefault(segment.writer, []).append(name)

    def _read_misnamed(self, name: str, writer: str) -> Extra | None:
        try:
            return self._examine(name, read_segment(self.buckets.evidence.read(name) or b""), writer)
        except (Malformed, Unavailable):
            return None

    def _fail(self, check: str, extra: Extra, expected: str, found: str) -> None:
        record = f"{extra.segment.writer}/{extra.first}"
        self.findings.fail(check, extra.object, record, expected, found)


def _open(name: str, stored: bytes) -> Segment:
    """Return the segment that stands under its right name; raises `Malformed`."""
    segment = open_segment(name, stored)
    if not parse_segment_name(name).matches(stored):
        raise Malformed("its bytes do not hash to its name", code="bad_name")
    return segment


def _is_passed(name: str, chain: Chain) -> bool:
    """Tell whether a segment lies in the committed part of a chain, where no earlier verification looked at it."""
    try:
        first = parse_segment_name(name).first_seq
    except Malformed:
        return False
    looked_at = first < chain.since and not any(hole.first <= first <= hole.last for hole in chain.holes)
    return first < chain.next_seq and not looked_at
