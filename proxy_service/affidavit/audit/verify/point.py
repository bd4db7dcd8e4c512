"""A point that a verification reached, and all that it must know there to go on later without what lies before.

What lies before it is not looked at again: that is for a verification from the beginning. That the log still begins
with it, is: the checkpoint that was signed for it must be kept unchanged, the commit that ends there too, and every
later root must follow from the tree that is remembered.

Bounded by what goes on: chains that live, calls and approvals that are open, the tree's right edge, the failures that
were found. Of calls that have ended, those that a chain ended longest ago are forgotten beyond `calls.MOST_SAVED`; of
chains and approvals that have, those that did so over `ended.REMEMBERED` ago.

Source: evidence-format section 9, "Memory is bounded".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from affidavit.audit.verify.approvals import Approvals
from affidavit.audit.verify.attestations import Attestations
from affidavit.audit.verify.chains import Chains
from affidavit.audit.verify.checkpoints import Checkpoints, Resumed
from affidavit.audit.verify.commits import CommitChecks, StoredCommit
from affidavit.audit.verify.report import Findings, RawFinding
from affidavit.audit.verify.retention import Retention
from affidavit.audit.verify.shapes import members, moment, number, sha, text, wrong
from affidavit.audit.verify.statements import Statements
from affidavit.audit.verify.survey import Survey
from affidavit.audit.verify.tree import Tree
from affidavit.clock import Micros, format_time
from affidavit.errors import Malformed
from affidavit.evidence.canonical import decode, encode

_VERSION = 1
_SEED_LENGTHS = range(16, 65)  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a verification ended.

    Attributes:
        origin: The log's.
        size: Of the log there; a commit ends there, and a checkpoint is kept for it.
        root: That checkpoint's, which followed from the records; hex.
        time: Of that commit.
        made: When the verification was made.
        seed: That of its request, which what is remembered of calls depends on; hex.
        parts: What each check remembers, in a form of its own.
    """

    origin: str
    size: int
    root: str
    time: Micros
    made: Micros
    seed: str
    parts: Mapping[str, Any]

    @property
    def day(self) -> str:
        """The UTC day of the commit."""
        return format_time(self.time)[:10]

    def encode(self) -> bytes:
        """Return it as canonical JSON."""
        return encode(
            {
                "made": self.made,
                "origin": self.origin,
                "parts": self.parts,
                "root": self.root,
                "seed": self.seed,
                "size": self.size,
                "time": self.time,
                "v": _VERSION,
            }
        )

    def with_proved(self, proved: Sequence[RawFinding]) -> Point:
        """Return the same point, with more that is proved false."""
        findings = Findings()
        findings.restore(self.parts["findings"])
        findings.fail_all(proved)
        return replace(self, parts={**self.parts, "findings": findings.save(Findings().failures())})

    @classmethod
    def parse(cls, data: bytes) -> Point:
        """Return what `encode` gave; what the parts hold is read by whoever goes on from it.

        Raises:
            Malformed: It is not exactly that.
        """
        made, origin, parts, root, seed, size, time, version = members(
            decode(data), "made", "origin", "parts", "root", "seed", "size", "time", "v"
        )
        if version != _VERSION or type(parts) is not dict:
            raise wrong("version 1")
        try:
            if len(bytes.fromhex(text(seed))) not in _SEED_LENGTHS:
                raise wrong("seed")
        except ValueError as error:
            raise wrong("seed") from error
        return cls(
            origin=text(origin),
            size=number(size),
            root=sha(root),
            time=moment(time),
            made=moment(made),
            seed=seed,
            parts=parts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The checks that read the log in order, between two commits."""

    findings: Findings
    tree: Tree
    checkpoints: Checkpoints
    approvals: Approvals
    attestations: Attestations
    chains: Chains
    statements: Statements
    commits: CommitChecks

    def save(self, stored: StoredCommit, retention: Retention, after: Mapping[str, int]) -> dict[str, Any]:
        """Return what they remember after a commit; `after` as for `Findings.save`."""
        time = stored.commit.time
        lasting = Findings()
        lasting.restore(self.findings.save(after))
        lasting.fail_all(self.chains.last_words(time))
        lasting.fail_all(self.approvals.last_words(time))
        return {
            "approvals": self.approvals.save(time),
            "attestations": self.attestations.save(),
            "chains": self.chains.save(time),
            "commit": stored.save(),
            "findings": lasting.save(Findings().failures()),
            "kept": self.checkpoints.kept,
            "retention": retention.save(),
            "statements": self.statements.save(),
            "tree": self.tree.save(),
        }

    def restore(self, point: Point, seen: Survey) -> Resumed:
        """Go on from a point; raises `Malformed`, and then they are of no more use."""
        approvals, attestations, chains, commit, findings, kept, retention, statements, tree = members(
            dict(point.parts),
            "approvals",
            "attestations",
            "chains",
            "commit",
            "findings",
            "kept",
            "retention",
            "statements",
            "tree",
        )
        stored = StoredCommit.restore(commit)
        self.tree.restore(tree, point.size)
        root = self.tree.root()
        if (
            root is None
            or root.hex() != point.root
            or (stored.commit.size, stored.commit.time) != (point.size, point.time)
        ):
            raise Malformed("a point of verification contradicts itself", code="bad_point")
        self.approvals.restore(approvals)
        self.attestations.restore(attestations)
        self.chains.restore(chains)
        self.statements.restore(statements)
        self.commits.before = stored
        seen.retention = Retention.restore(retention)
        Findings().restore(findings)
        return Resumed(stored, root, number(kept))
