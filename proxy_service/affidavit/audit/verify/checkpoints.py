"""Signed checkpoints against the tree: the kept ones, the head, and those that an auditor brings along.

Source: evidence-format sections 7 and 9, check `checkpoint`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from affidavit.audit.verify.commits import CommitReader, StoredCommit, Unsigned
from affidavit.audit.verify.notes import LogKeys
from affidavit.audit.verify.readable import Readable
from affidavit.audit.verify.report import Findings, Head
from affidavit.audit.verify.tasks import KeptCheckpoint, kept_checkpoint
from affidavit.audit.verify.tree import Tree
from affidavit.clock import MINUTE, Micros, format_time
from affidavit.errors import Malformed, Unavailable, VerificationFailed
from affidavit.evidence.names import checkpoint_name
from affidavit.tlog.checkpoint import Checkpoint

HEAD = "checkpoint"
BEHIND: Micros = 10 * MINUTE  # how long a commit may be unsigned, and the head behind


@dataclass(frozen=True, slots=True)
class Known:
    """A checkpoint that an auditor kept: where it was read from, and its bytes."""

    object: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where an earlier verification ended.

    Attributes:
        stored: The last commit of it.
        root: Of the tree there.
        kept: How many kept checkpoints were met until there.
    """

    stored: StoredCommit
    root: bytes
    kept: int


@dataclass(slots=True)
class Checkpoints:
    """Collects what is signed, and holds it against each commit's size and root.

    Attributes:
        head: The served checkpoint, None where none is or it is not valid.
        kept: How many kept ones were met, by earlier verifications too.
        met: How many by this one.
        signed: The last commit that was signed for the root that follows from the records.
    """

    findings: Findings
    keys: LogKeys
    tree: Tree
    head: Checkpoint | None = None
    kept: int = 0
    met: int = 0
    signed: StoredCommit | None = None
    _known: dict[int, list[tuple[str, Checkpoint]]] = field(default_factory=dict)
    _unsigned: Unsigned = field(init=False)
    _beyond_head: StoredCommit | None = None
    _head_met: bool = False
    _head_read: bool = True
    _head_absent: bool = False
    _deviates: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        self._unsigned = Unsigned(self.findings)

    def read_head(self, log: Readable | None) -> None:
        """Read the head, before anything else, so that nothing that is written meanwhile makes it look too new."""
        if log is None:
            self.findings.unread("checkpoint", f"log/{HEAD}", "no log bucket was given")
            self._head_read = False
            return
        try:
            raw = log.read(HEAD)
            if raw is None:
                self._head_absent = True
                return
            self.findings.count("checkpoint")
            self.head, witnesses = self.keys.open_head(raw)
        except Unavailable as error:
            self.findings.unread("checkpoint", f"log/{HEAD}", str(error))
            self._head_read = False
        except (Malformed, VerificationFailed) as error:
            self.findings.fail("checkpoint", f"log/{HEAD}", None, "a checkpoint signed by the log", str(error))
        else:
            if witnesses:
                self.findings.note("checkpoint", f"log/{HEAD} carries {witnesses} lines of witnesses, not checked here")

    def bring(self, known: Sequence[Known]) -> None:
        """Take the checkpoints that an auditor kept."""
        for one in known:
            self.findings.count("checkpoint")
            try:
                checkpoint = self.keys.open(one.raw)
            except (Malformed, VerificationFailed) as error:
                self.findings.fail("checkpoint", one.object, None, "a checkpoint signed by the log", str(error))
            else:
                self._known.setdefault(checkpoint.size, []).append((one.object, checkpoint))

    def resume(self, evidence: Readable, point: Resumed) -> None:
        """Go on from an earlier verification: the log still has what was signed for it then, and the head follows.

        Call it before the first `meet`, after `read_head`.
        """
        self.kept = point.kept
        size, root = point.stored.commit.size, point.root
        object_ = f"evidence/{checkpoint_name(size)}"
        self.findings.count("checkpoint")
        state, why, signed_size, signed_root = kept_checkpoint(evidence, self.keys, size)
        if state == "unread":
            self.findings.unread("checkpoint", object_, why)
        elif (state, signed_size, signed_root) != ("ok", size, root):
            found = {"ok": f"one of size {signed_size} and root {signed_root.hex()}"}.get(state, why or state)
            self.findings.fail("checkpoint", object_, None, f"what was verified before, the root {root.hex()}", found)
        head = self.head
        if head is None or head.size < size:
            self._meet_behind(evidence, point)
        elif head.size == size:
            self._head_met = True
            self._compare(f"log/{HEAD}", head, root, size)

    def _meet_behind(self, evidence: Readable, point: Resumed) -> None:
        """Hold a head that is behind the point against what is kept for its size, or note that there is none."""
        size = self.head.size if self.head else 0
        self._beyond_head = CommitReader(evidence, Findings(), next=size).read() or point.stored
        if self.head is None:
            return
        self._head_met = True
        state, why, _, root = kept_checkpoint(evidence, self.keys, size)
        if state == "unread":
            self.findings.unread("checkpoint", f"evidence/{checkpoint_name(size)}", why)
        elif (state, root) != ("ok", self.head.root):
            expected = f"the text of evidence/{checkpoint_name(size)}"
            found = "another" if state == "ok" else f"that one is {state}"
            self.findings.fail("checkpoint", f"log/{HEAD}", None, expected, found)

    def meet(self, stored: StoredCommit, kept: KeptCheckpoint) -> None:
        """Hold what is signed for one commit's size against the tree, which has that size now."""
        size, root = stored.commit.size, self.tree.root()
        self._meet_kept(stored, kept, root)
        for object_, checkpoint in self._known.pop(size, ()):
            self._compare(object_, checkpoint, root, size)
        if self.head is None or size > self.head.size:
            self._beyond_head = self._beyond_head or stored
        elif size == self.head.size:
            self._head_met = True
            self._compare(f"log/{HEAD}", self.head, root, size)
            if kept[0] != "unread" and (kept[0], kept[3]) != ("ok", self.head.root):
                expected = f"the text of evidence/{checkpoint_name(size)}"
                found = "another" if kept[0] == "ok" else f"that one is {kept[0]}"
                self.findings.fail("checkpoint", f"log/{HEAD}", None, expected, found)

    def finish(self, as_of: Micros, end: int, *, broken: bool) -> None:
        """Judge what has no commit, and what is late.

        Args:
            as_of: The time at which it is judged.
            end: Where the commits end that could be followed.
            broken: There seem to be more commits, of which nothing is known.
        """
        self._unsigned.finish(as_of, BEHIND)
        for size, known in self._known.items():
            for object_, _ in known:
                if not broken or size <= end:
                    expected = f"a log in which a commit ends at {size}"
                    self.findings.fail("checkpoint", object_, None, expected, f"one of {end} records, where none does")
        if not self._head_met and self.head is not None and (not broken or self.head.size <= end):
            expected = f"a commit that ends at {self.head.size}"
            self.findings.fail("checkpoint", f"log/{HEAD}", None, expected, "none")
        if self._head_absent and self.kept > 1:
            # Between the first kept checkpoint and the first head is a moment; later, somebody took the head away.
            why = f"there is no head, though {self.kept} checkpoints are kept: it is missing from this copy"
            self.findings.unread("checkpoint", f"log/{HEAD}", why)
        if self._head_read and self._beyond_head is not None:
            behind = self._beyond_head.commit.time
            if as_of - behind > BEHIND:
                found = f"{self.head.size} records" if self.head else "no head"
                expected = f"a head that covers {self._beyond_head.object}, of {format_time(behind)}"
                self.findings.fail("checkpoint", f"log/{HEAD}", None, expected, found)

    def form(self) -> Head | None:
        """Return the head for the report."""
        if self.head is None:
            return None
        return Head(origin=self.head.origin, size=self.head.size, root=self.head.root.hex())

    def _meet_kept(self, stored: StoredCommit, kept: KeptCheckpoint, root: bytes | None) -> None:
        size, (state, why, signed_size, signed_root) = stored.commit.size, kept
        object_ = f"evidence/{checkpoint_name(size)}"
        if state == "absent":
            self._unsigned.add(stored)
            return
        self.kept += 1
        self.met += 1
        self.findings.count("checkpoint")
        self._unsigned.signed()
        if state == "unread":
            self.findings.unread("checkpoint", object_, why)
        elif state == "wrong":
            self.findings.fail("checkpoint", object_, None, "a checkpoint signed by the log alone", why)
        elif signed_size != size:
            self.findings.fail("checkpoint", object_, None, f"the size {size}", str(signed_size))
        elif root is not None and signed_root != root:
            self.findings.fail("tree", object_, None, f"the root {root.hex()}", signed_root.hex())
            self._deviates = self._deviates or (object_, signed_root.hex())
        elif root is not None:
            self._agree(stored, object_)

    def _agree(self, stored: StoredCommit, object_: str) -> None:
        self.signed = stored
        if self._deviates is not None:
            # This root follows from the records, and so does every one before it; the other does not.
            expected = f"a root that {object_} is consistent with"
            self.findings.fail("checkpoint", self._deviates[0], None, expected, self._deviates[1])
            self._deviates = None

    def _compare(self, object_: str, checkpoint: Checkpoint, root: bytes | None, size: int) -> None:
        if root is not None and checkpoint.root != root:
            self.findings.fail("tree", object_, None, f"the root {root.hex()}", checkpoint.root.hex())
            if object_ != f"log/{HEAD}":
                expected = f"a checkpoint that is consistent with evidence/{checkpoint_name(size)}"
                self.findings.fail("checkpoint", object_, None, expected, f"the root {checkpoint.root.hex()}")
