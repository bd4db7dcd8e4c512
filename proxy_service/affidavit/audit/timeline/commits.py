"""The commits of a log, found by time and read forward: what the log itself states, and whom it has admitted.

Never checks that one commit follows from another; `affidavit verify` does.

Source: evidence-format section 7.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from affidavit.audit.commit import LOG_WRITER, Commit, parse_commit
from affidavit.audit.statements import read_statement
from affidavit.audit.timeline.items import Damage, Item, Recorded
from affidavit.audit.verify.buckets import Buckets
from affidavit.clock import Micros, parse_time
from affidavit.errors import AffidavitError, Malformed, Unavailable
from affidavit.evidence.names import commit_name

ADMITTED = "log:writer_admitted"

_FOLDER = "commit/"
_NAME_LENGTH = len(commit_name(0)) - len(_FOLDER)
_TRIES = 16  # commits that are asked for a time before the search gives up and begins earlier than it must


@dataclass(frozen=True, slots=True)
class StoredCommit:
    """A commit that could be read, with its exact bytes."""

    commit: Commit
    data: bytes


class Commits:
    """The commits of one evidence bucket, as they were listed.

    Attributes:
        admitted: Writers that a commit which was read admits, or lists as going on.
        at: The time of the commit that was read last.
    """

    def __init__(self, buckets: Buckets) -> None:
        self._evidence = buckets.evidence
        self._starts = array("Q")
        self._next = 0
        self.admitted: set[str] = set()
        self.at: Micros = 0
        self.list()

    def list(self) -> None:
        """Look what commits there are."""
        starts = self._listed()
        if starts and starts[-1] >= self._next:
            # While a folder grows, a listing may give what came last and not what came just before it (POSIX readdir).
            # Whatever is older than the last of this listing is in another one that begins now.
            newest = starts[-1]
            starts = [start for start in self._listed() if start <= newest]
        self._starts = array("Q", starts)

    def _listed(self) -> Sequence[int]:
        starts = [_start(name) for name, _ in self._evidence.members(_FOLDER)]
        return sorted(start for start in starts if start is not None)

    def __len__(self) -> int:
        return len(self._starts)

    def newest(self) -> Micros:
        """Return the time of the newest commit, 0 where there is none."""
        return self._time(len(self) - 1)

    def survey(self, since: Micros) -> None:
        """Learn who was admitted, as far as it matters for records from a time on."""
        for index in range(self.first_since(since), len(self)):
            found = self.read(index)
            if isinstance(found, StoredCommit):
                self._hear(found.commit)

    def statements(self, since: Micros) -> Iterator[Item]:
        """Yield what the log states from a time on."""
        for index in range(self.first_since(since), len(self)):
            yield from (item for item in self._said(index) if item.at >= since)
        self._next = self._after_last()

    def news(self) -> Iterator[Item]:
        """Yield what the log has stated since the last reading."""
        self.list()
        for index in range(bisect_left(self._starts, self._next), len(self)):
            yield from self._said(index)
        self._next = self._after_last()

    def first_since(self, at: Micros) -> int:
        """Return the first commit that is not older than a time, or one before it."""
        return bisect_left(range(len(self)), at, key=self._time) if at > 0 else 0

    def first_saying(self, seq: int) -> int:
        """Return the first commit after which the log has said its statement `seq`."""
        return bisect_left(range(len(self)), seq + 1, key=self._said_until)

    def read(self, index: int) -> StoredCommit | Damage:
        """Return a commit by its place among those listed."""
        start = self._starts[index]
        try:
            return self._stored(start)
        except (Malformed, Unavailable) as error:
            return Damage(at=self.at, object=self._evidence.object(commit_name(start)), why=str(error))

    def records(self, found: StoredCommit) -> Iterator[Item]:
        """Yield the statements of a commit as records."""
        object_ = self._evidence.object(found.commit.name)
        for text in found.commit.statements:
            try:
                record = read_statement(text)
                at = parse_time(record["time"])
                int(record["seq"])
            except (AffidavitError, KeyError, TypeError, ValueError) as error:
                yield Damage(at=found.commit.time, object=object_, why=f"one of its statements is no record: {error}")
                continue
            yield Recorded(at=at, record=record, line=text.encode(), segment=None, commit=object_)

    def _stored(self, start: int) -> StoredCommit:
        data = self._evidence.read(commit_name(start))
        if data is None:
            raise Unavailable("it was there when the folder was listed, and is gone")
        commit = parse_commit(data)
        if commit.start != start:
            raise Malformed("it begins at another place than its name says", code="bad_commit")
        return StoredCommit(commit, data)

    def _said(self, index: int) -> Iterator[Item]:
        found = self.read(index)
        if isinstance(found, Damage):
            yield found
            return
        self.at = found.commit.time
        self._hear(found.commit)
        yield from self.records(found)

    def _hear(self, commit: Commit) -> None:
        self.admitted.update(commit.writers)
        for text in commit.statements:
            if ADMITTED in text:
                try:
                    statement = read_statement(text)
                except Malformed:
                    continue
                if statement["kind"] == ADMITTED:
                    self.admitted.add(statement["about"])

    def _time(self, index: int) -> Micros:
        found = self._nearest(index)
        return found.time if found else 0

    def _said_until(self, index: int) -> int:
        found = self._nearest(index)
        return found.writers[LOG_WRITER].next_seq if found and LOG_WRITER in found.writers else 0

    def _nearest(self, index: int) -> Commit | None:
        """Return a commit, or the nearest before it that can be read."""
        for nearest in range(index, max(-1, index - _TRIES), -1):
            found = self.read(nearest)
            if isinstance(found, StoredCommit):
                return found.commit
        return None

    def _after_last(self) -> int:
        return self._starts[-1] + 1 if self._starts else 0


def _start(name: str) -> int | None:
    """Return the position that a commit's name says; what has another name is no commit."""
    digits = name.removesuffix(".json")
    if len(name) != _NAME_LENGTH or not digits.isdigit() or not digits.isascii():
        return None
    start = int(digits)
    return start if commit_name(start) == _FOLDER + name and start < 1 << 63 else None
