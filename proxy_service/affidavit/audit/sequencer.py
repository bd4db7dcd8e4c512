"""Gives every segment its place in the log, once: commit first, then all that follows from it.

Any number of sequencers may run at once: creating the commit is the one decision, and whoever loses reads the winner's
and starts again. What is in memory follows from what is stored; after any error it is thrown away and read again.

Never alters or deletes evidence, never signs a tree that it has not derived, never chooses a side of a fork.

Source: evidence-format sections 3, 5, 7 and 8.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from affidavit.audit.batch import MAX_LEAVES, Batch
from affidavit.audit.chains import Told
from affidavit.audit.commit import LOG_WRITER, Commit, commit_hash, parse_commit
from affidavit.audit.known import WALK, Admit, Known
from affidavit.audit.ports import BodyPresence, HeadStore, Signer
from affidavit.audit.publisher import Publisher
from affidavit.audit.selection import Selection
from affidavit.audit.statements import LogChain
from affidavit.clock import SECOND, Micros
from affidavit.errors import VerificationFailed
from affidavit.evidence.names import commit_name
from affidavit.evidence.ports import EvidenceStore
from affidavit.evidence.writer import Randomness

SWEEP_EVERY: Micros = 60 * SECOND  # between looks at everything that is stored, where news come as they happen
CLOCK_BEHIND: Micros = 60 * SECOND  # against the last commit; more is said

_diagnostics = logging.getLogger("affidavit.sequencer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequencing:
    """What a sequencer needs.

    Attributes:
        store: The evidence bucket.
        has_body: Whether a bodies object is there.
        heads: The log bucket.
        signer: The log's key; its name is the origin.
        admit: Decides whether a writer may speak in the log.
        retention: Class to days, stated in the log.
        random: Where salts come from.
        walk: Commits that one run reads back, at most, to learn of chains that have ended.
    """

    store: EvidenceStore
    has_body: BodyPresence
    heads: HeadStore
    signer: Signer
    admit: Admit
    retention: Mapping[str, int]
    random: Randomness
    walk: int = WALK


@dataclass(slots=True)
class _State:
    """What follows from the stored commits; thrown away after any error."""

    known: Known
    publisher: Publisher
    newest: Commit | None = None
    hash: str = ""
    swept: Micros | None = None


class Sequencer:
    """The log's one decision maker, or one of several that agree."""

    def __init__(self, parts: Sequencing) -> None:
        self._parts = parts
        self._told = Told()
        self._state: _State | None = None

    @property
    def size(self) -> int:
        """Leaves committed, as of the last run."""
        return self._state.newest.size if self._state and self._state.newest else 0

    @property
    def oldest_waiting(self) -> Micros | None:
        """When the oldest record was made that a run has seen and not committed; None if there is none."""
        return self._state.known.oldest_waiting() if self._state else None

    def run(self, now: Micros, news: Iterable[str] | None = None) -> int:
        """Commit and publish all that can be committed now.

        Args:
            now: The time.
            news: Names that were created in the evidence bucket since the last run; everything is looked for now and
                then all the same. None: look for everything at once.

        Returns:
            Leaves that were added to the log, by whomever.

        Raises:
            Unavailable, OutcomeUnknown: Not all was done; the next run goes on from what is stored.
            VerificationFailed: What is stored contradicts itself; nothing was signed, and somebody must look.
        """
        # Whatever goes wrong below, the next run reads again what is stored.
        state, self._state = self._state or self._load(), None
        added = self._run(state, now, news)
        self._state = state
        return added

    def _run(self, state: _State, now: Micros, news: Iterable[str] | None) -> int:
        before = state.newest.size if state.newest else 0
        self._follow(state)
        self._look(state, now, news)
        while (batch := self._select(state, now)) is not None:
            commit = batch.commit(state.newest, state.hash)
            data = commit.encode()
            # Commit first. If we stop here, the next run derives the same tiles from this commit; tiles written before
            # it could never be replaced.
            if self._parts.store.create({commit.name: data}):
                self._follow(state)
            else:
                self._apply(state, commit, data)
        state.known.reader.records.clear()
        return (state.newest.size if state.newest else 0) - before

    def _load(self) -> _State:
        parts = self._parts
        publisher = Publisher(store=parts.store, heads=parts.heads, signer=parts.signer)
        publisher.resume()
        newest, data = self._commit_that_ends_at(publisher.size)
        known = Known(
            store=parts.store,
            has_body=parts.has_body,
            origin=parts.signer.verifier_key.name,
            admit=parts.admit,
            newest=newest,
            told=self._told,
            walk=parts.walk,
        )
        return _State(known=known, publisher=publisher, newest=newest, hash=commit_hash(data))

    def _commit_that_ends_at(self, size: int) -> tuple[Commit | None, bytes]:
        if size == 0:
            return None, b""
        near = commit_name(max(0, size - 2 * MAX_LEAVES))  # a commit is hardly ever longer; this is to list less
        for start in (near, ""):
            names = [name for name in self._parts.store.names("commit/", start) if name < commit_name(size)]
            data = self._parts.store.read(names[-1]) if names else None
            if data is not None and (commit := parse_commit(data)).size == size:
                return commit, data
        raise VerificationFailed(f"no commit ends at {size}, for which a checkpoint is signed")

    def _follow(self, state: _State) -> None:
        """Take over the commits that others made, or that were made before a stop."""
        while (data := self._parts.store.read(commit_name(state.newest.size if state.newest else 0))) is not None:
            commit = parse_commit(data)
            self._check(state, commit)
            self._apply(state, commit, data)

    @staticmethod
    def _check(state: _State, commit: Commit) -> None:
        before = state.newest
        follows = before is None or (commit.previous == state.hash and commit.time >= before.time)
        if not follows or LOG_WRITER not in commit.writers:
            raise VerificationFailed(f"evidence/{commit.name} does not follow the commit before it")

    def _apply(self, state: _State, commit: Commit, data: bytes) -> None:
        records = state.known.reader.records
        state.newest, state.hash = commit, commit_hash(data)
        state.known.apply(commit)
        state.publisher.publish(commit, records)
        records.clear()

    def _look(self, state: _State, now: Micros, news: Iterable[str] | None) -> None:
        due = news is None or state.swept is None or not 0 <= now - state.swept < SWEEP_EVERY
        if due:
            state.swept = now
            state.known.sweep(now)
        else:
            state.known.hear(news or ())

    def _select(self, state: _State, now: Micros) -> Batch | None:
        newest = state.newest
        time = max(now, newest.time) if newest else now
        if time - now > CLOCK_BEHIND and self._told.is_new("the clock"):
            _diagnostics.error("the clock is %s s behind the last commit: set it", (time - now) // SECOND)
        place = newest.writers[LOG_WRITER] if newest else None
        log = LogChain(place, time=time, random=self._parts.random)
        batch = Batch(time=time, log=log, vouched=set(state.known.history.vouched))
        if newest is not None:
            batch.log.say("log:committed", start=newest.start, until=newest.size, commit_sha256=state.hash)
        state.known.meet()
        self._state_retention(state, batch)
        selection = Selection(reader=state.known.reader)
        for chain in state.known.in_order():
            selection.take_from(chain, batch)
        state.known.fill_holes(selection, batch)
        return batch if batch.worthwhile else None

    def _state_retention(self, state: _State, batch: Batch) -> None:
        classes, stated = dict(self._parts.retention), state.known.history.retention
        if state.newest is None or (stated is not None and stated != classes):
            batch.log.say("log:retention", classes=classes)
            batch.worthwhile = True
