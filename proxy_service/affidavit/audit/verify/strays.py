"""Objects that nothing explains: orphaned, noise, or proof that something was removed.

Source: evidence-format sections 2, 8 and 9, check `strays`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.chains import Chains
from affidavit.audit.verify.checkpoints import HEAD
from affidavit.audit.verify.readable import Readable
from affidavit.audit.verify.registrations import read_registration
from affidavit.audit.verify.report import Findings
from affidavit.audit.verify.tree import Tree
from affidavit.audit.verify.walk import CHECKPOINT_NAME, COMMIT_NAME, positions
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.names import WRITER_ID, parse_bodies_name, parse_registration_name
from affidavit.tlog.tiles import FULL_WIDTH, TileName, entries_path, parse_path, tile_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How far the log was followed.

    Attributes:
        commits: How many there are.
        kept: How many kept checkpoints were met.
        size: Where the last commit ends.
        landed: Gives where it ends by now, if commits were added meanwhile.
        starts: Gives where every commit begins, and the end of the last, by reading them once more.
    """

    commits: int
    kept: int
    size: int
    landed: Callable[[], int]
    starts: Callable[[], Iterator[int]]


@dataclass(slots=True)
class Strays:
    """Goes through all that is stored.

    Attributes:
        bodies: Bodies objects that stored segments name without being committed, as findings name them.
        bodies_of: Gives all bodies objects that the committed segments of some writers name, as findings name them.
    """

    findings: Findings
    buckets: Buckets
    chains: Chains
    tree: Tree
    followed: Followed
    bodies_of: Callable[[frozenset[str]], set[str]]
    bodies: set[str] = field(default_factory=set)

    def noise(self, object_: str, why: str) -> None:
        """List an object that is of no use and no harm."""
        self.findings.count("strays")
        self.findings.note("strays", f"{object_}: noise, {why}")

    def orphan(self, object_: str, why: str) -> None:
        """List an object that lost, or never had, what it belongs to."""
        self.findings.count("strays")
        self.findings.note("strays", f"{object_}: orphaned, {why}")

    def look(self) -> None:
        """Go through everything but the segments of admitted writers."""
        self._top()
        self._registrations()
        self._positions("commit/", COMMIT_NAME, self.followed.commits, self._judge_commits)
        self._positions("checkpoint/", CHECKPOINT_NAME, self.followed.kept, self._judge_checkpoints)
        for object_ in self.buckets.bodies.strange():
            self.noise(object_, "no bucket of a retention class")
        for retention_class in self.buckets.bodies.classes():
            self._bodies(retention_class)
        if self.buckets.log is not None:
            self._log(self.buckets.log)

    def look_on(self, size: int) -> None:
        """Go through what nothing explains and some check fails for, from where an earlier verification ended.

        What no check fails for is not listed: noise, and what is orphaned.
        """
        self._positions("commit/", COMMIT_NAME, self.followed.commits, self._judge_commits, size)
        self._positions("checkpoint/", CHECKPOINT_NAME, self.followed.kept, self._judge_checkpoints, size + 1)
        if self.buckets.log is not None:
            for folder, start in _edges(size):
                self._log(self.buckets.log, folder, start)

    def writers(self) -> Iterator[str]:
        """Yield the writers that have a segment folder; whatever else lies there is noise."""
        for name, is_folder in self.buckets.evidence.members("segment/"):
            if is_folder and WRITER_ID.fullmatch(name):
                yield name
            elif is_folder:
                self._all_noise(f"segment/{name}/", "not in a writer's folder")
            else:
                self.noise(f"evidence/segment/{name}", "not in a writer's folder")

    def _top(self) -> None:
        for name, is_folder in self.buckets.evidence.members(""):
            if not is_folder:
                self.noise(f"evidence/{name}", "not a name of the format")
            elif name not in ("writer", "segment", "commit", "checkpoint"):
                self._all_noise(f"{name}/", "not a name of the format")

    def _all_noise(self, folder: str, why: str) -> None:
        for name in self.buckets.evidence.names(folder):
            self.noise(f"evidence/{name}", why)

    def _registrations(self) -> None:
        for name in self.buckets.evidence.names("writer/"):
            try:
                writer = parse_registration_name(name)
                chain = self.chains.all.get(writer)
                if chain is not None and chain.next_seq:
                    continue
                read_registration(self.buckets.evidence, writer)
                self.orphan(f"evidence/{name}", "no record of this writer is in the log")
            except Malformed as error:
                self.noise(f"evidence/{name}", f"no registration: {error}")
            except Unavailable as error:
                self.findings.unread("strays", f"evidence/{name}", str(error))

    def _positions(
        self,
        folder: str,
        form: re.Pattern[str],
        expected: int,
        judge: Callable[[list[int]], None],
        begin: int = 0,
    ) -> None:
        """Count objects that are named by a position; where there are more than were met, look which."""
        count = 0
        for name in self.buckets.evidence.names(folder, f"{folder}{begin:020d}" if begin else ""):
            if form.fullmatch(name):
                count += 1
            else:
                self.noise(f"evidence/{name}", "not a name of the format")
        if count != expected:
            judge(sorted(positions(self.buckets.evidence, folder, form, begin)))

    def _judge_commits(self, found: list[int]) -> None:
        known = set(self.followed.starts())
        for start in found:
            if start not in known:
                expected = f"commits that follow one another, up to {self.followed.size}"
                self.findings.fail(
                    "commits", f"evidence/commit/{start:020d}.json", None, expected, "one that is not reached"
                )

    def _judge_checkpoints(self, found: list[int]) -> None:
        known = set(self.followed.starts())
        for size in found:
            if size not in known or size == 0:
                object_ = f"evidence/checkpoint/{size:020d}"
                self.findings.fail("checkpoint", object_, None, f"a commit that ends at {size}", "none")

    def _bodies(self, retention_class: str) -> None:
        bucket = self.buckets.bodies.of(retention_class)
        unexplained: set[str] = set()
        for writer, is_folder in bucket.members(""):
            chain = self.chains.all.get(writer)
            if not is_folder:
                self.noise(bucket.object(writer), "not a name of the format")
            elif chain is None or not chain.admitted:
                for name in bucket.names(f"{writer}/"):
                    self.noise(bucket.object(name), "of a writer that was never admitted")
            elif self._count_bodies(bucket, writer) != chain.bodies.get(retention_class, 0):
                unexplained.add(writer)
        if unexplained:
            explained = self.bodies_of(frozenset(unexplained))
            for writer in sorted(unexplained):
                self._orphans(bucket, writer, explained)

    def _count_bodies(self, bucket: Readable, writer: str) -> int:
        """Count the bodies objects of a writer that no stored segment which waits names."""
        return sum(bucket.object(name) not in self.bodies for name in bucket.names(f"{writer}/"))

    def _orphans(self, bucket: Readable, writer: str, explained: set[str]) -> None:
        for name in sorted(bucket.names(f"{writer}/")):
            object_ = bucket.object(name)
            if object_ in explained or object_ in self.bodies:
                continue
            try:
                parse_bodies_name(name)
            except Malformed:
                self.noise(object_, "not a name of the format")
            else:
                self.orphan(object_, "no segment names it")

    def _log(self, log: Readable, folder: str = "", start: str = "") -> None:
        for name in log.names(folder, start):
            if name == HEAD:
                continue
            try:
                tile = parse_path(name)
            except Malformed:
                self.noise(log.object(name), "not a name of the format")
                continue
            if not self._is_derived(tile):
                size = self.followed.size
                self.findings.fail("tree", log.object(name), None, f"only tiles of a tree of {size} leaves", "another")

    def _is_derived(self, tile: TileName) -> bool:
        # A tile beyond the tree may have been written while this ran, for commits that were made meanwhile.
        # It was listed before this is asked, and its commit was there before it was.
        return (
            self.tree.ends_at is not None
            or tile.min_size <= self.followed.size
            or tile.min_size <= self.followed.landed()
        )


def _edges(size: int) -> Iterator[tuple[str, str]]:
    """Yield, for each kind of tile, the folder that holds the one at the right edge, and where it begins there.

    Tiles beyond that folder, of which none can be derived for a long time, are for a verification from the beginning.
    """
    index = size // FULL_WIDTH
    yield _edge(entries_path(index))
    level = 0
    while size >> 8 * level:
        yield _edge(tile_path(level, size >> 8 * (level + 1)))
        level += 1
    yield _edge(tile_path(level, 0))


def _edge(path: str) -> tuple[str, str]:
    return path[: path.rindex("/") + 1], path
