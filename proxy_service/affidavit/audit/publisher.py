"""Tiles, kept checkpoints and the head: everything that follows from the commits.

A pure function of them but for the signature, so after a stop anywhere the next publisher derives what is missing.
Signs only what it has derived itself, from the last checkpoint that was kept on: a tree that does not begin with that
one is never signed.

Source: evidence-format section 7; C2SP tlog-tiles, tlog-checkpoint, signed-note.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from affidavit.audit.commit import Commit, parse_commit
from affidavit.audit.ports import HeadStore, Signer
from affidavit.errors import Conflict, Malformed, VerificationFailed
from affidavit.evidence.names import checkpoint_name
from affidavit.evidence.ports import EvidenceStore
from affidavit.evidence.segment import parse_segment
from affidavit.evidence.stored import sha256_hex, unpack
from affidavit.tlog.builder import TreeBuilder
from affidavit.tlog.checkpoint import Checkpoint, open_checkpoint
from affidavit.tlog.note import Note, VerifierKey, sign

ATTEMPTS = 10  # to swap the head; each that fails means that somebody else did

_diagnostics = logging.getLogger("affidavit.publisher")

Records = Mapping[str, Sequence[bytes]]  # a segment's name to its records


class Publisher:
    """Publishes commits in their order.

    Args:
        store: The evidence bucket.
        heads: The log bucket.
        signer: The log's key; its name is the origin.
        known_keys: Earlier keys of the log, whose checkpoints are still believed.
    """

    def __init__(
        self, *, store: EvidenceStore, heads: HeadStore, signer: Signer, known_keys: Sequence[VerifierKey] = ()
    ) -> None:
        self._store = store
        self._heads = heads
        self._signer = signer
        self._origin = signer.verifier_key.name
        self._keys = [signer.verifier_key, *known_keys]
        self._builder = TreeBuilder()

    @property
    def size(self) -> int:
        """Leaves that are published."""
        return self._builder.size

    def resume(self) -> None:
        """Go on from the newest kept checkpoint; tiles that are gone are derived again, from the first commit on.

        Raises:
            VerificationFailed: What is stored contradicts itself; nothing was signed.
        """
        raw = self._newest_kept()
        if raw is None:
            self._builder = TreeBuilder()
            return
        kept = open_checkpoint(raw, origin=self._origin, keys=self._keys)
        try:
            self._builder = TreeBuilder.resume(self._heads.tile, size=kept.size, root=kept.root)
        except VerificationFailed as error:
            _diagnostics.warning("the tiles are derived again from the evidence: %s", error)
            self._builder = self._derive(kept)
        self._serve(kept, raw)

    def publish(self, commit: Commit, records: Records) -> None:
        """Derive a commit's tiles, keep its checkpoint, move the head.

        Args:
            commit: The next one; it is stored.
            records: Of its segments, as far as they are at hand; the others are read.

        Raises:
            VerificationFailed: What is stored contradicts the commits; nothing was signed.
            Unavailable, OutcomeUnknown: Not all is published; `resume` before going on.
        """
        if commit.start != self._builder.size:
            raise VerificationFailed(f"evidence/{commit.name} does not begin where the published log ends")
        full = dict(self._builder.append([*self._entries(commit, records)]))
        self._put({**full, **dict(self._builder.partials())})
        checkpoint = Checkpoint(origin=self._origin, size=self._builder.size, root=self._builder.root())
        self._serve(checkpoint, self._keep(checkpoint))
        self._heads.drop_partials(full)

    def _keep(self, checkpoint: Checkpoint) -> bytes:
        name = checkpoint_name(checkpoint.size)
        note = sign(checkpoint.text(), self._signer.verifier_key, self._signer.sign).encode()
        if not self._store.create({name: note}):
            return note
        kept = self._store.read(name) or b""
        if open_checkpoint(kept, origin=self._origin, keys=self._keys) != checkpoint:
            raise VerificationFailed(f"evidence/{name} is signed for another root than the commits give")
        return kept

    def _serve(self, checkpoint: Checkpoint, note: bytes) -> None:
        for _ in range(ATTEMPTS):
            stored = self._heads.head()
            served = self._believed(stored)
            if served is not None and served.size == checkpoint.size and served != checkpoint:
                raise VerificationFailed("log/checkpoint is signed for another root than the commits give")
            if served is not None and served.size >= checkpoint.size:
                return
            try:
                self._heads.swap(stored, note)
            except Conflict:
                continue
            return
        raise VerificationFailed("log/checkpoint changes all the time, and not by publishing")

    def _believed(self, stored: bytes | None) -> Checkpoint | None:
        if stored is None:
            return None
        try:
            return open_checkpoint(stored, origin=self._origin, keys=self._keys)
        except (Malformed, VerificationFailed) as error:
            _diagnostics.error("log/checkpoint is not this log's and is replaced: %s", error)
            return None

    def _newest_kept(self) -> bytes | None:
        served = _unverified_size(self._heads.head())  # a hint where to begin to list, nothing more
        for start in dict.fromkeys((checkpoint_name(served), "")):
            names = list(self._store.names("checkpoint/", start))
            if names:
                return self._store.read(names[-1])
        return None

    def _derive(self, kept: Checkpoint) -> TreeBuilder:
        builder = TreeBuilder()
        for name in self._store.names("commit/"):
            commit = parse_commit(self._store.read(name) or b"")
            if builder.size == kept.size or commit.start != builder.size:
                break
            self._put(dict(builder.append([*self._entries(commit, {})])))
        if (builder.size, builder.root()) != (kept.size, kept.root):
            raise VerificationFailed(f"the commits do not give the tree of evidence/{checkpoint_name(kept.size)}")
        self._put(dict(builder.partials()))
        return builder

    def _put(self, tiles: Mapping[str, bytes]) -> None:
        try:
            self._heads.put_tiles(tiles)
        except Conflict as error:
            raise VerificationFailed(str(error)) from error

    def _entries(self, commit: Commit, records: Records) -> Iterator[bytes]:
        for statement in commit.statements:
            yield statement.encode()
        for segment in commit.segments:
            at_hand = records.get(segment.name)
            yield from self._read(segment.name, segment.sha256) if at_hand is None else at_hand

    def _read(self, name: str, sha256: str) -> Sequence[bytes]:
        stored = self._store.read(name)
        if stored is None or sha256_hex(stored) != sha256:
            raise VerificationFailed(f"evidence/{name} is missing or is not what its commit names")
        return parse_segment(unpack(stored)).records


def _unverified_size(head: bytes | None) -> int:
    try:
        return Checkpoint.parse(Note.parse(head or b"").unverified_text).size
    except Malformed:
        return 0
