"""One verification, from a copy of the buckets to a report: follow the log once, then judge what is left.

Read this first. Commits are read in order; what needs no order is asked of the pool ahead of time; what needs order is
done here, as the answers come back in the order of the log.

Never writes, never loads the log, never believes what another check has not proved.

Source: evidence-format section 9.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.commit import NamedSegment
from affidavit.audit.verify.again import Again
from affidavit.audit.verify.approvals import Approvals
from affidavit.audit.verify.attestations import Attestations
from affidavit.audit.verify.chains import At, Chains
from affidavit.audit.verify.checkpoints import Checkpoints
from affidavit.audit.verify.commits import CommitChecks, CommitReader, StoredCommit
from affidavit.audit.verify.facts import ABSENT, ALTERED, UNREADABLE, WHOLE, AbsentBodies, SegmentFacts
from affidavit.audit.verify.hearing import Hearing
from affidavit.audit.verify.identities import Identities
from affidavit.audit.verify.pool import Inline, Pool, Processes
from affidavit.audit.verify.registrations import Registered, Registrations
from affidavit.audit.verify.report import Findings, Report
from affidavit.audit.verify.request import Request
from affidavit.audit.verify.rerun import Rerun
from affidavit.audit.verify.salvage import first_altered, first_altered_entry
from affidavit.audit.verify.statements import Statements
from affidavit.audit.verify.strays import Followed, Strays
from affidavit.audit.verify.survey import Survey, survey
from affidavit.audit.verify.tasks import AGAIN, BUNDLE, CHECKPOINT, SEGMENT, Task, Tasks
from affidavit.audit.verify.threads import Threads
from affidavit.audit.verify.tree import Tree
from affidavit.audit.verify.waiting import Waiting
from affidavit.audit.verify.walk import Walk
from affidavit.clock import MINUTE, Micros, format_time
from affidavit.errors import Unavailable
from affidavit.evidence.names import commit_name, parse_segment_name
from affidavit.tlog.merkle import leaf_hash

JOB_RECORDS = 1_000  # about, in one job
JOBS_AHEAD = 16  # that were asked for and not taken yet
_WEIGHT = {CHECKPOINT: 50, BUNDLE: 100}  # of a task, as so many records


def verify(request: Request) -> Report:
    """Verify a copy; whatever is in it, what comes back is a report.

    Raises:
        Unavailable: The work could not be done at all, for want of memory or processes.
    """
    return Verification(request).run()


@dataclass(slots=True)
class Step:
    """A commit whose work was asked for."""

    stored: StoredCommit
    tickets: list[int]
    bundles: list[tuple[int, int]]


@dataclass(slots=True)
class Verification:
    """One verification; `increments` has one of a part of a log."""

    request: Request
    findings: Findings = field(default_factory=Findings)
    seen: Survey = field(default_factory=Survey)
    unknown: Counter[str] = field(default_factory=Counter)
    disposed: int = 0
    masks_unchecked: int = 0
    later: int = 0
    identities: Identities = field(default_factory=Identities)
    again: Again = field(default_factory=Again)
    _again: list[Task] = field(default_factory=list)
    unreadable: bool = False
    tasks: Tasks = field(init=False)
    walk: Walk = field(init=False)
    tree: Tree = field(init=False)
    checkpoints: Checkpoints = field(init=False)
    registrations: Registrations = field(init=False)
    approvals: Approvals = field(init=False)
    attestations: Attestations = field(init=False)
    chains: Chains = field(init=False)
    statements: Statements = field(init=False)
    commits: CommitChecks = field(init=False)
    reader: CommitReader = field(init=False)

    def __post_init__(self) -> None:
        buckets, keys, findings = self.request.buckets, self.request.keys, self.findings
        self.tasks = Tasks(buckets, keys, self.request.seed)
        self.walk = Walk(buckets.evidence)
        self.tree = Tree(findings, buckets.log, self._locate_entry)
        self.checkpoints = Checkpoints(findings, keys, self.tree)
        self.registrations = Registrations(buckets.evidence, keys.origin, findings)
        self.approvals = Approvals(findings)
        self.attestations = Attestations(findings)
        hearing = Hearing(findings, self.registrations, self.approvals, self.seen, self._examine_now)
        self.chains = Chains(findings, self.registrations, hearing)
        self.statements = Statements(findings, self.chains, self.attestations)
        self.commits = CommitChecks(findings, self.chains, self.statements)
        self.reader = CommitReader(buckets.evidence, findings)

    def run(self) -> Report:
        """Verify all of it."""
        as_of = self.begin()
        self.read(as_of)
        return self.finish(as_of)

    def begin(self) -> Micros:
        """Read what is signed and look ahead; return the time at which everything is judged."""
        request = self.request
        self.checkpoints.read_head(request.buckets.log)
        self.checkpoints.bring(request.known)
        survey(request.buckets.evidence, self.seen)
        return self.as_of

    @property
    def as_of(self) -> Micros:
        """The time at which everything is judged, once it was looked ahead."""
        request = self.request
        return request.as_of if request.as_of != "commit" else self.seen.last_time or request.now

    def read(self, as_of: Micros) -> None:
        """Follow the log."""
        pool = self._pool()
        try:
            self._follow(pool, as_of)
        finally:
            pool.close()

    def finish(self, as_of: Micros) -> Report:
        """Judge what is left, and report."""
        self._finish(as_of)
        return self.report(as_of)

    def report(self, as_of: Micros) -> Report:
        """Return what was found so far."""
        results = tuple(self.findings.results.values())
        return Report(as_of=format_time(as_of), checks=results, head=self.checkpoints.form())

    def _pool(self) -> Pool:
        request = self.request
        form = request.buckets.form()
        if form is None:
            return Threads(self.tasks)
        if self.seen.size - self.walk.begin <= request.small:
            return Inline(self.tasks)
        return Processes((form, [str(key) for key in request.keys.keys], request.seed))

    # Following the log.

    def next(self) -> StoredCommit | None:
        """Return the next commit to follow."""
        return self.reader.read()

    def _follow(self, pool: Pool, as_of: Micros) -> None:
        ahead: deque[Step | int] = deque()  # and tickets of segments that are looked at again
        jobs = 0
        while True:
            while jobs < JOBS_AHEAD and (stored := self.next()) is not None:
                asked = self._ask(pool, stored)
                ahead.append(asked)
                jobs += len(asked.tickets)
            if not ahead:
                return
            step = ahead.popleft()
            if isinstance(step, int):
                self._take_again(*_results(pool, [step]))
                jobs -= 1
                continue
            self.take(step, _results(pool, step.tickets))
            jobs -= len(step.tickets)
            self.walk.end = step.stored.commit.size
            self.later += step.stored.commit.time > as_of + MINUTE
            self.request.progress(step.stored.commit.size, self.seen.size)
            ahead.extend(pool.submit([task]) for task in self._again)
            jobs += len(self._again)
            self._again.clear()

    def _ask(self, pool: Pool, stored: StoredCommit) -> Step:
        """Ask for all the work on a commit that needs no order."""
        commit = stored.commit
        bundles = self.tree.bundle_tasks(commit.start, commit.size)
        jobs: list[list[Task]] = [[]]
        room = JOB_RECORDS
        for task in self._tasks_of(stored, bundles):
            weight = task[3] if task[0] == SEGMENT else _WEIGHT[task[0]]
            if room < weight and jobs[-1]:
                jobs.append([])
                room = JOB_RECORDS
            jobs[-1].append(task)
            room -= weight
        return Step(stored, [pool.submit(job) for job in jobs], bundles)

    def _tasks_of(self, stored: StoredCommit, bundles: list[tuple[int, int]]) -> Iterator[Task]:
        for named in stored.commit.segments:
            yield _segment_task(named, self.registrations.of(parse_segment_name(named.name).writer))
        yield CHECKPOINT, stored.commit.size
        for index, width in bundles:
            yield BUNDLE, index, width

    def take(self, step: Step, results: Iterator[Any]) -> None:
        """Take a commit, and the answers about it, in the order of the log."""
        stored = step.stored
        self.commits.begin(stored)
        self.tree.add(b"".join(leaf_hash(text.encode()) for text in stored.commit.statements))
        at = At(stored.object, stored.commit.time)
        for named in stored.commit.segments:
            self._take_segment(named, SegmentFacts(*next(results)), at)
        self.chains.end_commit(at)
        self.commits.end(stored)
        self.checkpoints.meet(stored, next(results))
        for index, _ in step.bundles:
            self.tree.check_bundles(index, next(results))

    def _take_segment(self, named: NamedSegment, facts: SegmentFacts, at: At) -> None:
        findings = self.findings
        findings.count("segments")
        findings.fail_all(facts.findings)
        for unread in facts.unread:
            findings.unread(*unread)
        if facts.state in (ABSENT, ALTERED):
            self._fail_segment(named, facts)
        self.unreadable = self.unreadable or facts.state == UNREADABLE
        self.chains.take(named, facts, at)
        if (again := self.again.take(named, facts)) is not None:
            self._again.append((AGAIN, *again))
        name = parse_segment_name(named.name)
        findings.fail_all(self.identities.take(name, f"evidence/{named.name}", facts))
        if facts.state == WHOLE:
            self.tree.add(facts.leaves)
        else:
            self.tree.skip(named.count)
        findings.count("bodies", facts.bodies_checked)
        findings.count("masks", facts.masks_checked)
        self.masks_unchecked += facts.masks_unchecked
        self.unknown.update(dict(facts.unknown))
        for absent in facts.absent:
            self._judge_absent(AbsentBodies(*absent))

    def _take_again(self, form: tuple[Any, ...]) -> None:
        rerun = Rerun(*form)
        self.again.add(rerun)
        self.findings.count("masks", rerun.checked)
        self.findings.fail_all(rerun.findings)

    def _fail_segment(self, named: NamedSegment, facts: SegmentFacts) -> None:
        name = parse_segment_name(named.name)
        last = name.first_seq + named.count - 1
        offset = self._locate_record(named) if facts.state == ALTERED else None
        found = "absent" if facts.state == ABSENT else "other bytes"
        if offset is None:
            found += f" (records {name.first_seq} to {last})"
        record = f"{name.writer}/{name.first_seq + (offset or 0)}"
        self.findings.fail("segments", f"evidence/{named.name}", record, f"bytes of hash {named.sha256}", found)

    def _judge_absent(self, absent: AbsentBodies) -> None:
        ends = self.seen.retention.ends(absent.retention_class, absent.time)
        if ends is not None and ends <= self.request.now:
            self.disposed += absent.bodies
            return
        until = "kept for ever" if ends is None else f"kept until {format_time(ends)}"
        object_ = f"bodies/{absent.retention_class}/{absent.name}"
        self.findings.fail("bodies", object_, absent.record, f"{absent.bodies} bodies, {until}", "absent")

    def _examine_now(self, named: NamedSegment, registered: Registered | None) -> SegmentFacts:
        return SegmentFacts(*self.tasks.do(_segment_task(named, registered)))

    def _locate_record(self, named: NamedSegment) -> int | None:
        """Return which record of an altered segment was hit, as far as the served tiles can tell."""
        leaves = self.tree.served_leaves(self.tree.size, named.count) if self.tree.ends_at is None else None
        return None if leaves is None else first_altered(self.request.buckets.evidence, named.name, leaves)

    def _locate_entry(self, path: str, start: int, leaves: bytes) -> tuple[int, str | None] | None:
        log = self.request.buckets.log
        place = first_altered_entry(log, path, leaves) if log else None
        return None if place is None else (start + place, self.walk.record_at(start + place))

    # Judging what is left.

    def _finish(self, as_of: Micros) -> None:
        for index, width in self.tree.finish():
            self.tree.check_bundles(index, self.tasks.do((BUNDLE, index, width)))
        truncated = not self.reader.broken and self._find_break()
        waits = True  # where the log cannot be followed to its end, or a segment not be read, a step may be there
        if not (self.reader.broken or truncated):
            waiting = self._look_around(as_of)
            waits = self.chains.finish(as_of, waiting.heard) or waiting.behind_a_hole or self.unreadable
        else:
            for check in ("tree", "uncommitted", "strays"):
                self.findings.unread(check, None, f"the commits cannot be followed beyond {self.walk.end} records")
        self.chains.list_calls()
        self.approvals.finish(as_of, hole_waits=waits)
        self.attestations.finish()
        self.checkpoints.finish(as_of, self.walk.end, broken=self.reader.broken)
        self._add_notes(as_of)

    def _find_break(self) -> bool:
        """Tell whether the log went on beyond the last commit that is there, and say so if it did."""
        try:
            landed, commit, signed = self.walk.beyond()
        except Unavailable as error:
            self.findings.unread("commits", "evidence/commit/", str(error))
            return True
        head = self.checkpoints.head
        if signed is not None and self.tasks.do((CHECKPOINT, signed))[0] != "ok":
            signed = None  # anybody may have put it there
        if signed is None and head is not None and head.size > landed:
            signed = head.size
        if signed is None:
            return False  # a commit alone that is not reached proves nothing but itself
        found = "absent" if commit is None else f"absent, while evidence/{commit_name(commit)} is there"
        expected = f"the commit that begins at {landed}, since the log was signed at {signed}"
        self.findings.fail("commits", f"evidence/{commit_name(landed)}", None, expected, found)
        return True

    def _look_around(self, as_of: Micros) -> Waiting:
        """Look at what no commit names."""
        buckets, walk = self.request.buckets, self.walk
        followed = Followed(
            commits=self.findings.results["commits"].checked,
            kept=self.checkpoints.met,
            size=walk.end,
            landed=walk.landed,
            starts=walk.starts,
        )
        strays = Strays(self.findings, buckets, self.chains, self.tree, followed, walk.bodies_of)
        waiting = Waiting(
            self.findings, buckets, self.chains, self.tasks.examiner, as_of, walk.segments_of, strays.noise
        )
        try:
            self.look(waiting, strays, as_of)
        except Unavailable as error:
            self.findings.unread("strays", None, str(error))
        return waiting

    def look(self, waiting: Waiting, strays: Strays, as_of: Micros) -> None:
        """Look at all of it; raises `Unavailable`."""
        del as_of  # whatever its age
        waiting.look(strays.writers())
        strays.bodies = waiting.bodies
        strays.look()

    def _add_notes(self, as_of: Micros) -> None:
        note, unread = self.findings.note, self.findings.unread
        self.unknown.update(self.statements.unknown)
        for kind, count in sorted(self.unknown.items()):
            note("chains", f"{count} records of the kind {kind}, which this version does not know")
        if self.disposed:
            note("bodies", f"{self.disposed} bodies are disposed: the period of their class is over")
        if self.later:
            note("commits", f"{self.later} commits are later than {format_time(as_of)}, as of which this is judged")
        if self.tree.ends_at is not None:
            unread("tree", None, f"the records from log position {self.tree.ends_at} on cannot be had")
        if self.request.buckets.log is None:
            unread("tree", "log/", "no log bucket was given")
        if not self.request.buckets.bodies.given:
            unread("bodies", "bodies/", "no body buckets were given")
            unread("masks", "bodies/", "no body buckets were given")
        if self.masks_unchecked:
            note("masks", f"{self.masks_unchecked} masks are in headers or in bodies that are gone, and not checked")
        self._add_identities()
        if self.again.notes:
            note("masks", f"{self.again.notes} findings are of detectors that the recording version did not have yet")
        if self.again.unchecked:
            note("masks", f"{self.again.unchecked} bodies are gone, or of calls that began before what was read")

    def _add_identities(self) -> None:
        self.findings.count("identities", self.identities.checked)
        if self.identities.unchecked:
            self.findings.note(
                "identities", f"{self.identities.unchecked} proofs are of chains or bodies that were not read"
            )


def _results(pool: Pool, tickets: list[int]) -> Iterator[Any]:
    for ticket in tickets:
        yield from pool.result(ticket)


def _segment_task(named: NamedSegment, registered: Registered | None) -> Task:
    key, role = (registered.key, registered.role) if registered else (b"", "")
    return SEGMENT, named.name, named.sha256, named.count, key, role
