"""The chain of commits: each follows the one before, and says of the chains exactly what is so.

Source: evidence-format sections 7 and 9, check `commits`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.commit import LOG_WRITER, ZERO_HASH, Commit, parse_commit
from affidavit.audit.verify.chains import Chains
from affidavit.audit.verify.readable import Readable
from affidavit.audit.verify.records import Record
from affidavit.audit.verify.report import Findings
from affidavit.audit.verify.shapes import moment, number, row, sha
from affidavit.audit.verify.statements import COMMITTED, Statements
from affidavit.audit.verify.telling import shown
from affidavit.clock import Micros, format_time
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.names import commit_name
from affidavit.evidence.stored import sha256_hex


@dataclass(frozen=True, slots=True)
class StoredCommit:
    """A commit with the hash of its stored bytes."""

    commit: Commit
    sha256: str

    @property
    def object(self) -> str:
        """Its name in findings."""
        return f"evidence/{self.commit.name}"

    def save(self) -> list[Any]:
        """Return as JSON what the next one is held against."""
        return [self.commit.start, self.commit.size, self.commit.time, self.sha256]

    @classmethod
    def restore(cls, saved: Any) -> StoredCommit:
        """Return what `save` gave, as a commit that says nothing; raises `Malformed`."""
        start, size, time, sha256 = row(saved, 4)
        return cls(
            Commit(
                previous=ZERO_HASH,
                start=number(start),
                size=number(size),
                time=moment(time),
                statements=(),
                segments=(),
                writers={},
            ),
            sha(sha256),
        )


@dataclass(slots=True)
class CommitReader:
    """Reads commits one after the other, from the first.

    Attributes:
        next: Where the next one begins.
        broken: One is missing or could not be read, so whatever comes after it is not followed.
    """

    evidence: Readable
    findings: Findings
    next: int = 0
    broken: bool = False

    def read(self) -> StoredCommit | None:
        """Return the next commit, None where there is none, or none that can be followed."""
        if self.broken:
            return None
        name = commit_name(self.next)
        object_ = self.evidence.object(name)
        try:
            data = self.evidence.read(name)
            if data is None:
                return None
            commit = read_commit(data, self.next)
        except Unavailable as error:
            self.findings.unread("commits", object_, str(error))
        except Malformed as error:
            self.findings.fail("commits", object_, None, "a commit that can be followed", str(error))
        else:
            self.next = commit.size
            return StoredCommit(commit, sha256_hex(data))
        self.broken = True
        return None


def read_commit(data: bytes, start: int) -> Commit:
    """Return the commit that begins at a position; raises `Malformed`."""
    try:
        commit = parse_commit(data)
    except (TypeError, RecursionError) as error:  # nested deeper than anything can be printed
        raise Malformed("it is nested too deep", code="bad_commit") from error
    if commit.start != start:
        raise Malformed(f"it begins at {commit.start}, and its name says {start}", code="bad_commit")
    return commit


def check_unchanged(evidence: Readable, stored: StoredCommit, findings: Findings) -> None:
    """Check that a commit that was verified before is there, and is the same."""
    object_ = f"evidence/{commit_name(stored.commit.start)}"
    try:
        data = evidence.read(commit_name(stored.commit.start))
    except Unavailable as error:
        findings.unread("commits", object_, str(error))
        return
    except Malformed as error:
        findings.fail("commits", object_, None, "a commit that was verified before", str(error))
        return
    found = "absent" if data is None else sha256_hex(data)
    if found != stored.sha256:
        findings.fail("commits", object_, None, f"what was verified before, the hash {stored.sha256}", found)


@dataclass(slots=True)
class CommitChecks:
    """Holds each commit against the one before and against what the chains say.

    Attributes:
        before: The one that was checked last.
    """

    findings: Findings
    chains: Chains
    statements: Statements
    before: StoredCommit | None = None
    _heard: list[Record | None] = field(default_factory=list)

    def begin(self, stored: StoredCommit) -> None:
        """Check what does not depend on what the commit holds, then hear its statements."""
        commit, object_, before = stored.commit, stored.object, self.before
        self.findings.count("commits")
        previous = before.sha256 if before else ZERO_HASH
        if commit.previous != previous:
            self.findings.fail("commits", object_, None, f"`previous` {previous}", commit.previous)
        if before is not None and commit.time < before.commit.time:
            expected = f"a time not before {format_time(before.commit.time)}"
            self.findings.fail("commits", object_, None, expected, format_time(commit.time))
        first_seq = self.statements.next_seq
        self._heard = [self.statements.hear(text, commit, object_) for text in commit.statements]
        self._check_committed(stored, first_seq)
        if before is None and not self.statements.retained:
            self.findings.note("commits", f"{object_} states no log:retention, so no body may ever be absent")

    def end(self, stored: StoredCommit) -> None:
        """Check what the commit says of the chains, now that its segments have their places."""
        self.statements.end_commit()
        self._check_writers(stored)
        self.before = stored

    def _check_committed(self, stored: StoredCommit, first_seq: int) -> None:
        before = self.before
        kinds = [record["kind"] if record else None for record in self._heard]
        places = [at for at, kind in enumerate(kinds) if kind == COMMITTED]
        if places != ([] if before is None else [0]):
            expected = "exactly one log:committed, first" if before else "no log:committed in the first commit"
            self.findings.fail(
                "commits", stored.object, f"{LOG_WRITER}/{first_seq}", expected, f"{len(places)} of them"
            )
        elif before is not None and (record := self._heard[0]) is not None:
            said = record["start"], record["until"], record["commit_sha256"]
            true = before.commit.start, before.commit.size, before.sha256
            if said != true:
                record_id = f"{LOG_WRITER}/{first_seq}"
                self.findings.fail("commits", stored.object, record_id, f"log:committed of {true}", shown(said))
        if kinds == [COMMITTED] and not stored.commit.segments:
            self.findings.fail("commits", stored.object, None, "a commit that holds more than log:committed", "no more")

    def _check_writers(self, stored: StoredCommit) -> None:
        said = {writer: (place.next_seq, place.last) for writer, place in stored.commit.writers.items()}
        true = {LOG_WRITER: (self.statements.next_seq, self.statements.last)}
        unheard: list[str] = []
        for writer, next_seq, last in self.chains.expected_writers():
            if last is not None:
                true[writer] = next_seq, last
            elif writer in said:
                # Of a segment that cannot be read nobody knows the last hash; it is not held against the commit too.
                true[writer] = next_seq, said[writer][1]
            else:
                unheard.append(writer)
        for writer in unheard:
            self.chains.stop_expecting(writer)
        if said == true:
            return
        for writer in sorted(said.keys() | true.keys()):
            if said.get(writer) != true.get(writer):
                expected, found = _place(true.get(writer)), _place(said.get(writer))
                self.findings.fail("commits", stored.object, None, f"in `writers` for {writer} {expected}", found)


def _place(place: tuple[int, str] | None) -> str:
    return "nothing" if place is None else f"next_seq {place[0]}, last {place[1]}"


@dataclass(slots=True)
class Unsigned:
    """Commits at the end that no kept checkpoint covers yet."""

    findings: Findings
    _waiting: list[StoredCommit] = field(default_factory=list)

    def add(self, stored: StoredCommit) -> None:
        """Take note of a commit without a kept checkpoint."""
        self._waiting.append(stored)

    def signed(self) -> None:
        """Take note that a later commit has one: those before it should have, too."""
        for stored in self._waiting:
            name = f"evidence/checkpoint/{stored.commit.size:020d}"
            self.findings.fail("checkpoint", name, None, f"the kept checkpoint of {stored.object}", "absent")
        self._waiting.clear()

    def finish(self, as_of: Micros, allowed: Micros) -> None:
        """Judge what is left."""
        young = 0
        for stored in self._waiting:
            if as_of - stored.commit.time > allowed:
                expected = "a kept checkpoint within 10 minutes"
                found = f"none since {format_time(stored.commit.time)}"
                self.findings.fail("commits", stored.object, None, expected, found)
            else:
                young += stored.commit.size - stored.commit.start
        if young:
            self.findings.note("commits", f"{young} records of the newest commits are not signed yet, so not verified")
