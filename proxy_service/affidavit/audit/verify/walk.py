"""The commits once more, from the first: for questions that are rarely asked, so that nothing is kept for them.

Source: evidence-format section 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from affidavit.audit.commit import Commit, NamedSegment
from affidavit.audit.verify.commits import CommitReader
from affidavit.audit.verify.examine import read_segment
from affidavit.audit.verify.readable import Readable
from affidavit.audit.verify.report import Findings
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.names import bodies_name, parse_segment_name

COMMIT_NAME = re.compile(r"commit/([0-9]{20})\.json", re.ASCII)
CHECKPOINT_NAME = re.compile(r"checkpoint/([0-9]{20})", re.ASCII)
_MOST_LOCATED = 100  # records that are looked up by their place; each costs a walk


@dataclass(slots=True)
class Walk:
    """Answers questions about commits that were read before.

    Attributes:
        begin: Where the first commit that was followed begins.
        end: Where the last one ends.
    """

    evidence: Readable
    begin: int = 0
    end: int = 0
    _landed: int = 0
    _located: int = 0

    def commits(self, end: int | None = None) -> Iterator[Commit]:
        """Yield commits up to a size, or all that are there by now; raises `Unavailable`."""
        reader = CommitReader(self.evidence, Findings(), next=self.begin)
        while (end is None or reader.next < end) and (stored := reader.read()) is not None:
            yield stored.commit
        _raise_unread(reader)

    def starts(self) -> Iterator[int]:
        """Yield where each commit begins that is there by now, then where the last one ends."""
        end = self.begin
        for commit in self.commits():
            yield commit.start
            end = commit.size
        yield end

    def landed(self) -> int:
        """Return where the commits end by now, which is later than `end` if some were added meanwhile.

        Whoever lists something and holds it against this must list first and ask then: a running gateway may have
        added, between the two, what is then not accounted for.
        """
        reader = CommitReader(self.evidence, Findings(), next=max(self.end, self._landed))
        while reader.read() is not None:
            pass
        _raise_unread(reader)
        self._landed = reader.next
        return reader.next

    def beyond(self) -> tuple[int, int | None, int | None]:
        """Return where the commits end, where the first one begins that lies beyond, and the first size signed there.

        Raises:
            Unavailable: A folder cannot be listed.
        """
        newest = max(self._positions("commit/", COMMIT_NAME), default=0)
        largest = max(self._positions("checkpoint/", CHECKPOINT_NAME), default=0)
        end = self.landed()  # after the listings, see there
        starts = (at for at in self._positions("commit/", COMMIT_NAME) if end < at <= newest)
        sizes = (at for at in self._positions("checkpoint/", CHECKPOINT_NAME) if end < at <= largest)
        return (
            end,
            min(starts, default=None) if newest > end else None,
            min(sizes, default=None) if largest > end else None,
        )

    def segments_of(self, writers: frozenset[str]) -> dict[str, list[NamedSegment]]:
        """Return the committed segments of some writers."""
        found: dict[str, list[NamedSegment]] = {writer: [] for writer in writers}
        for commit in self.commits(self.end):
            for named in commit.segments:
                writer = parse_segment_name(named.name).writer
                if writer in found:
                    found[writer].append(named)
        return found

    def bodies_of(self, writers: frozenset[str]) -> set[str]:
        """Return the bodies objects that the committed segments of some writers name, as findings name them."""
        objects: set[str] = set()
        for segments in self.segments_of(writers).values():
            for named in segments:
                objects.update(self._bodies(named.name))
        return objects

    def record_at(self, position: int) -> str | None:
        """Return the id of the record at a place in the log; None when too many were asked for."""
        self._located += 1
        if self._located > _MOST_LOCATED or position < self.begin:
            return None
        try:
            found = next((commit for commit in self.commits(self.end) if position < commit.size), None)
        except Unavailable:
            return None
        return None if found is None else _record_in(found, position - found.start)

    def _positions(self, folder: str, form: re.Pattern[str]) -> Iterator[int]:
        return positions(self.evidence, folder, form, self.end)

    def _bodies(self, name: str) -> Iterator[str]:
        try:
            segment = read_segment(self.evidence.read(name) or b"")
        except (Malformed, Unavailable):
            return
        for retention_class, sha256 in segment.bodies.items():
            yield f"bodies/{retention_class}/{bodies_name(segment.writer, segment.first_seq, sha256)}"


def positions(evidence: Readable, folder: str, form: re.Pattern[str], begin: int = 0) -> Iterator[int]:
    """Yield the positions from `begin` on in the names of a folder, in no order; raises `Unavailable`."""
    for name in evidence.names(folder, f"{folder}{begin:020d}" if begin else ""):
        match = form.fullmatch(name)
        if match is not None:
            yield int(match[1])


def _raise_unread(reader: CommitReader) -> None:
    """Tell the end of the log from a commit that could not be read."""
    for unread in reader.findings.results["commits"].unread:
        raise Unavailable(f"{unread.object}: {unread.found}")


def _record_in(commit: Commit, offset: int) -> str | None:
    if offset < len(commit.statements):
        try:
            return f"log/{orjson.loads(commit.statements[offset])['seq']}"
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None
    offset -= len(commit.statements)
    for named in commit.segments:
        if offset < named.count:
            name = parse_segment_name(named.name)
            return f"{name.writer}/{name.first_seq + offset}"
        offset -= named.count
    return None
