"""What the log has said so far about chains that a commit's `writers` no longer tell: lost ones, holes, retention.

Read backwards from the newest commit, a slice at a time, because all of it is rarely needed at once: a writer that was
opened after the oldest commit that was read, and is in none of those, is new. Keeps one short string for each writer
that has ended; nothing else grows.

Source: evidence-format sections 5 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from affidavit.audit.chains import Vouching
from affidavit.audit.commit import Commit, parse_commit
from affidavit.audit.statements import read_statement
from affidavit.clock import MINUTE, SECOND, Micros
from affidavit.errors import VerificationFailed
from affidavit.evidence.names import commit_name
from affidavit.evidence.stored import sha256_hex

Hole = tuple[int, int]  # from, to, both inclusive

_WRITER = slice(len("segment/"), len("segment/") + 33)  # of a segment's name, whose form was checked


class History:
    """Past commits, as far back as they were read, and every one that was added since.

    Attributes:
        mentioned: Writers with a committed record or a statement about them.
        lost: Writers stated lost, and the next `seq` of each.
        holes: Stated holes that are not filled.
        retention: What was last stated, None if that was not read yet.
        vouched: Key sets that were stated.
        last_segments: For each wanted writer the segment that ends at its `next_seq`.
    """

    def __init__(self, newest: Commit | None, read: Callable[[str], bytes | None]) -> None:
        self._read = read
        self._next = newest
        self._wanted = {writer: at.next_seq for writer, at in newest.writers.items()} if newest else {}
        self._wanted.pop("log", None)
        self._late_until: dict[str, int] = {}
        self._filled: dict[str, list[Hole]] = {}
        self._reached: Micros = newest.time if newest else 0
        self.mentioned: set[str] = set()
        self.lost: dict[str, int] = {}
        self.holes: dict[str, list[Hole]] = {}
        self.retention: dict[str, Any] | None = None
        self.vouched: set[Vouching] = set()
        self.last_segments: dict[str, str] = {}

    @property
    def complete(self) -> bool:
        """Whether all commits were read."""
        return self._next is None

    @property
    def knows_the_living(self) -> bool:
        """Whether the last segment of every chain that goes on was met."""
        return self.complete or not self._wanted

    def is_new(self, writer: str, opened: Micros) -> bool:
        """Tell whether nothing of a writer was ever committed, False if that is not known yet."""
        # A record is never older than its writer, and at most a minute younger than its commit.
        return writer not in self.mentioned and (self.complete or self._reached < opened - MINUTE - SECOND)

    def walk(self, commits: int) -> None:
        """Read so many commits further back.

        Raises:
            VerificationFailed: A commit is missing, or is not what the one after it says.
        """
        for _ in range(commits):
            if self._next is None:
                return
            commit = self._next
            self._take_back(commit)
            self._reached = min(self._reached, commit.time)
            self._next = self._before(commit)

    def add(self, commit: Commit) -> None:
        """Take note of the next commit."""
        self._mention(commit)
        for statement in map(read_statement, commit.statements):
            self._hear(statement)

    def _hear(self, statement: dict[str, Any]) -> None:
        kind, about = statement["kind"], statement.get("about", "")
        if kind == "log:retention":
            self.retention = statement["classes"]
        elif kind == "issuer:keys":
            self.vouched.add(_vouching(statement))
        elif kind == "log:gap":
            self.holes.setdefault(about, []).append((statement["from"], statement["to"]))
        elif kind == "log:writer_lost":
            self.lost[about] = statement["from"]
        elif kind == "log:late":
            self._fill(about, (statement["from"], statement["to"]))
            if about in self.lost:
                self.lost[about] = max(self.lost[about], statement["to"] + 1)

    def _fill(self, about: str, part: Hole) -> None:
        self.holes[about] = [rest for hole in self.holes.get(about, []) for rest in without(hole, part)]
        if not self.holes[about]:
            del self.holes[about]
        if not self.complete:
            self._filled.setdefault(about, []).append(part)

    def _take_back(self, commit: Commit) -> None:
        self._mention(commit)
        for statement in reversed([read_statement(text) for text in commit.statements]):
            self._hear_back(statement)
        for segment in reversed(commit.segments):
            writer = segment.name[_WRITER]
            if self._wanted.get(writer) == int(segment.name[_WRITER.stop + 1 : _WRITER.stop + 13]) + segment.count:
                self.last_segments[writer] = segment.name
                del self._wanted[writer]

    def _hear_back(self, statement: dict[str, Any]) -> None:
        kind, about = statement["kind"], statement.get("about", "")
        if kind == "log:retention":
            self.retention = self.retention or statement["classes"]
        elif kind == "issuer:keys":
            self.vouched.add(_vouching(statement))
        elif kind == "log:late":
            self._late_until[about] = max(self._late_until.get(about, 0), statement["to"] + 1)
            self._filled.setdefault(about, []).append((statement["from"], statement["to"]))
        elif kind == "log:writer_lost":
            self.lost[about] = max(statement["from"], self._late_until.get(about, 0), self.lost.get(about, 0))
        elif kind == "log:gap":
            holes = [(statement["from"], statement["to"])]
            for part in self._filled.get(about, []):
                holes = [rest for hole in holes for rest in without(hole, part)]
            if holes:
                self.holes.setdefault(about, []).extend(holes)

    def _mention(self, commit: Commit) -> None:
        self.mentioned.update({segment.name[_WRITER] for segment in commit.segments})

    def _before(self, commit: Commit) -> Commit | None:
        """Return the commit before one; its first statement says where that begins."""
        if commit.start == 0:
            return None
        name = commit_name(_start_of_the_one_before(commit))
        data = self._read(name)
        if data is None or sha256_hex(data) != commit.previous:
            raise VerificationFailed(f"evidence/{name} is missing or is not what evidence/{commit.name} says it is")
        return parse_commit(data)


def _start_of_the_one_before(commit: Commit) -> int:
    first = read_statement(commit.statements[0]) if commit.statements else {}
    if first.get("kind") != "log:committed":
        raise VerificationFailed(f"evidence/{commit.name} does not begin with a log:committed")
    return int(first["start"])


def _vouching(statement: dict[str, Any]) -> Vouching:
    return Vouching(issuer=statement["issuer"], keys=statement["keys"])


def without(hole: Hole, part: Hole) -> list[Hole]:
    """Return what of a hole is left when a part was filled."""
    first, last = hole
    rest = [(first, min(last, part[0] - 1)), (max(first, part[1] + 1), last)]
    return [piece for piece in rest if piece[0] <= piece[1]] if part[0] <= last and part[1] >= first else [hole]
