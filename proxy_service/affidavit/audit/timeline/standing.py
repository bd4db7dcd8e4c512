"""Where a record stands in the log: which commit took it, at which position, under which signature, and the proof.

An inclusion proof ties one record to a signed root. That everything else is there and right, `affidavit verify` tells.

Source: evidence-format section 7; RFC 9162 section 2.1.3.2; C2SP tlog-checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

from affidavit.audit.timeline.commits import Commits, StoredCommit
from affidavit.audit.timeline.items import Recorded
from affidavit.audit.verify.buckets import Buckets
from affidavit.clock import MINUTE, Micros
from affidavit.errors import AffidavitError, Malformed, VerificationFailed
from affidavit.evidence.names import checkpoint_name
from affidavit.tlog.checkpoint import Checkpoint, open_checkpoint
from affidavit.tlog.merkle import leaf_hash
from affidavit.tlog.note import VerifierKey
from affidavit.tlog.proof import inclusion_proof, verify_inclusion

_HEAD = "checkpoint"
_LONGEST_KEY = 1_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the log says of one record.

    Attributes:
        commit: Which commit took it, as findings name it; None while it waits.
        taken: When.
        position: In the log, 0-based.
        checkpoint: The kept checkpoint of that commit, as findings name it.
        head: Size of the newest checkpoint, once its signature was found valid.
        proved: Whether an inclusion proof leads from the record to the head's root.
        doubt: Why it is not proved.
    """

    commit: str | None = None
    taken: Micros | None = None
    position: int | None = None
    checkpoint: str | None = None
    head: int | None = None
    proved: bool = False
    doubt: str | None = None


class Log:
    """The log of a data folder, with the key to believe; None where there is none."""

    def __init__(self, buckets: Buckets, commits: Commits, key: VerifierKey | None) -> None:
        self._buckets = buckets
        self._commits = commits
        self._key = key

    def standing(self, record: Recorded) -> Standing:
        """Return where a record stands."""
        place = self._place(record)
        if place is None:
            return Standing(doubt="no commit has taken it yet")
        commit, position = place
        evidence = self._buckets.evidence
        known = Standing(
            commit=evidence.object(commit.commit.name),
            taken=commit.commit.time,
            position=position,
            checkpoint=evidence.object(checkpoint_name(commit.commit.size)),
        )
        return self._proved(record, known, position)

    def _proved(self, record: Recorded, known: Standing, position: int) -> Standing:
        head = None
        try:
            head = self._head()
            if position >= head.size:
                raise VerificationFailed(f"the newest checkpoint, of {head.size} records, does not reach it yet")
            self._prove(record, position, head)
        except AffidavitError as error:
            return _with(known, head, doubt=str(error))
        return _with(known, head, doubt=None)

    def _head(self) -> Checkpoint:
        if self._key is None:
            raise VerificationFailed("there is no verifier key to check the checkpoint's signature with")
        raw = self._buckets.log.read(_HEAD) if self._buckets.log else None
        if raw is None:
            raise VerificationFailed("the log has no checkpoint yet")
        return open_checkpoint(raw, origin=self._key.name, keys=[self._key])

    def _prove(self, record: Recorded, position: int, head: Checkpoint) -> None:
        assert self._buckets.log is not None  # noqa: S101 the head was read from it
        proof = inclusion_proof(self._buckets.log.read, position, head.size)
        verify_inclusion(leaf=leaf_hash(record.line), index=position, size=head.size, proof=proof, root=head.root)

    def _place(self, record: Recorded) -> tuple[StoredCommit, int] | None:
        # A record is at most a minute younger than the commit that takes it (evidence-format section 4).
        for index in range(self._commits.first_since(record.at - MINUTE), len(self._commits)):
            found = self._commits.read(index)
            if isinstance(found, StoredCommit):
                position = _position(found, record)
                if position is not None:
                    return found, position
        return None


def _position(found: StoredCommit, record: Recorded) -> int | None:
    commit = found.commit
    if record.segment is None:
        line = record.line.decode()
        return commit.start + commit.statements.index(line) if line in commit.statements else None
    position = commit.start + len(commit.statements)
    for segment in commit.segments:
        if segment.sha256 == record.segment.sha256:
            return position + record.seq - record.segment.first_seq
        position += segment.count
    return None


def _with(known: Standing, head: Checkpoint | None, *, doubt: str | None) -> Standing:
    return Standing(
        commit=known.commit,
        taken=known.taken,
        position=known.position,
        checkpoint=known.checkpoint,
        head=head.size if head else None,
        proved=doubt is None,
        doubt=doubt,
    )


def read_key(text: str) -> VerifierKey:
    """Return the key that a `log.vkey` file holds; raises `Malformed`."""
    if len(text) > _LONGEST_KEY:
        raise Malformed("a verifier key is one line", code="bad_verifier_key")
    return VerifierKey.parse(text.removesuffix("\n"))
