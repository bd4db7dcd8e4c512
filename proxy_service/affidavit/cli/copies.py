"""Copies of buckets that a command line names, `gs://…`: made first, then read as any other folder.

What refers is copied before what is referred to, so a log that grows meanwhile is whole in the copy. Never asks which
buckets there are: their names follow from that of the evidence bucket and from what the log says of its classes.

Source: architecture "Ports"; AUDITORS.md (in which order a log that grows is copied).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from affidavit.adapters.embedded.directory import Scratch
from affidavit.adapters.embedded.disk import Disk, mend
from affidavit.audit.verify.checkpoints import HEAD
from affidavit.audit.verify.classes import HEADER_BYTES, mentioned_classes, stated_classes
from affidavit.audit.verify.examine import read_segment
from affidavit.audit.verify.walk import CHECKPOINT_NAME, COMMIT_NAME
from affidavit.cli.progress import Bar
from affidavit.cli.sources import CloudBucket, Sources, is_cloud
from affidavit.errors import Malformed, Misconfigured, Unavailable, VerificationFailed
from affidavit.evidence.names import parse_bodies_name, parse_registration_name, parse_segment_name, registration_name
from affidavit.evidence.registration import parse_registration
from affidavit.tlog.tiles import parse_path
from affidavit.wiring.cloud import load_cloud

MARK = "copy-of"  # a file in a copy that says of what

_NAMED = re.compile(rb'segment/[^"]+|[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}')  # segments, and writers beside them


@contextlib.contextmanager
def local(
    arguments: argparse.Namespace, sources: Sources, environment: Mapping[str, str], console: Console
) -> Iterator[Any]:
    """Give the arguments with folders in place of buckets, while the block lasts.

    Raises:
        Misconfigured: The folder for the copy will not do, or the libraries of Google Cloud are not there.
        Unavailable: Not everything could be copied.
    """
    if not sources.given:
        if arguments.copy is not None:
            raise Misconfigured("--copy is for buckets: give gs://NAME")
        yield arguments
        return
    mirrors = load_cloud("mirrors").open_mirrors(environment)
    with _root(arguments.copy, sources) as root:
        copying = _Copying(sources, mirrors.open, root, console)
        try:
            copying.run()
        except Misconfigured as error:
            raise Unavailable(str(error)) from error
        yield copying.arguments(arguments)


@dataclass(slots=True)
class _Copying:
    sources: Sources
    open_mirror: Callable[..., Any]
    root: Path
    console: Console
    scratch: Scratch = field(init=False)
    classes: set[str] = field(default_factory=set)
    mentioned: dict[str, set[str]] = field(default_factory=dict)  # class to segments, where no commit states it
    set_aside: int = 0
    copied: int = 0

    def __post_init__(self) -> None:
        (self.root / "tmp").mkdir(exist_ok=True)
        (self.root / "bodies").mkdir(exist_ok=True)
        self.scratch = Scratch(self.root / "tmp", Disk())
        self.scratch.sweep(float("inf"))
        self.classes = set(self.sources.bodies)

    def run(self) -> None:
        with Bar(self.console, "copying") as bar:
            if self.sources.log:
                self._copy(self.sources.log, "log", _is_of_log, bar)
            if self.sources.evidence:
                self._copy(self.sources.evidence, "evidence", _is_of_evidence, bar)
                self.classes |= self._meant()
            for retention_class in sorted(self.classes):
                if bucket := self.sources.bucket_of(retention_class):
                    self._copy(bucket, f"bodies/{retention_class}", _is_of_bodies, bar)
        if self.set_aside:
            self.console.print(
                f"affidavit: {self.set_aside} objects that this copy had are no longer in their buckets, or are "
                f"others there; they are kept in {self.root / 'removed'}"
            )

    def arguments(self, given: argparse.Namespace) -> argparse.Namespace:
        """Return the arguments with the copies in place of the buckets."""
        bodies = [text for text in given.bodies if not is_cloud(text)]
        if self.classes or self.sources.prefix:
            bodies.append(str(self.root / "bodies"))
        evidence = self.root / "evidence" if self.sources.evidence else given.evidence
        log = self.root / "log" if self.sources.log else given.log
        folder = None if isinstance(given.dir, CloudBucket) else given.dir
        return argparse.Namespace(**{**vars(given), "dir": folder, "evidence": evidence, "log": log, "bodies": bodies})

    def _note_classes(self, name: str, path: Path) -> None:
        if COMMIT_NAME.fullmatch(name):
            self.classes |= stated_classes(path.read_bytes())
        elif _parses(parse_segment_name, name):
            with path.open("rb") as file:
                for retention_class in mentioned_classes(file.read(HEADER_BYTES)) - self.classes:
                    self.mentioned.setdefault(retention_class, set()).add(name)

    def _meant(self) -> set[str]:
        """Return the classes that no commit states and a segment mentions that is in the log, or that may yet be.

        Noise may mention any, and the bucket that would have its name may be anybody's: it is not asked for.
        """
        waiting = {name: segments for name, segments in self.mentioned.items() if name not in self.classes}
        wanted = {name.encode() for segments in waiting.values() for name in segments}
        wanted |= {_writer_of(name).encode() for segments in waiting.values() for name in segments}
        spoken_of: set[bytes] = set()
        for path in (self.root / "evidence" / "commit").glob("*") if waiting else ():
            spoken_of |= wanted.intersection(_NAMED.findall(path.read_bytes()))
        return {
            name
            for name, segments in waiting.items()
            if any(one.encode() in spoken_of for one in segments)
            or any(_writer_of(one).encode() in spoken_of and self._is_signed(one) for one in segments)
        }

    def _is_signed(self, name: str) -> bool:
        registered = registration_name(_writer_of(name))
        evidence = self.root / "evidence"
        try:
            key = parse_registration(registered, (evidence / registered).read_bytes()).key
            read_segment((evidence / name).read_bytes()).verify(key)
        except (Malformed, VerificationFailed, OSError):
            return False
        return True

    def _copy(self, bucket: str, label: str, is_of_format: Callable[[str], bool], bar: Bar) -> None:
        def seen(name: str, path: Path) -> None:
            self.copied += 1
            bar.move(self.copied, None)
            if label == "evidence":
                self._note_classes(name, path)

        # The log can be derived again, so of what is no longer served nothing is lost.
        aside = None if label == "log" else self.root / "removed" / label
        folder = self.root / label
        mirror = self.open_mirror(bucket, folder, aside=aside, scratch=self.scratch, is_of_format=is_of_format)
        mirror.update(seen)
        self.set_aside += mirror.set_aside


@contextlib.contextmanager
def _root(copy: Path | None, sources: Sources) -> Iterator[Path]:
    """Give the folder for the copies: one that is kept, and used by nobody else meanwhile, or one that is not kept."""
    if copy is None:
        with tempfile.TemporaryDirectory(prefix="affidavit-") as root:
            yield Path(root)
        return
    try:
        copy.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (copy / MARK).exists() and any(copy.iterdir()):
            raise Misconfigured(f"--copy {copy}: this folder is not empty, and no earlier copy")
        file = (copy / MARK).open("a+", encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"--copy {copy}: {mend(error)}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Misconfigured(f"--copy {copy}: another command is copying there just now") from error
        file.seek(0)
        of = file.read()
        if of not in {"", sources.mark()}:
            raise Misconfigured(f"--copy {copy}: it is a copy of {', '.join(of.split())}")
        if not of:
            file.write(sources.mark())
            file.flush()
        yield copy


def _is_of_evidence(name: str) -> bool:
    if COMMIT_NAME.fullmatch(name) or CHECKPOINT_NAME.fullmatch(name):
        return True
    return _parses(parse_segment_name, name) or _parses(parse_registration_name, name)


def _is_of_bodies(name: str) -> bool:
    return _parses(parse_bodies_name, name)


def _is_of_log(name: str) -> bool:
    return name == HEAD or _parses(parse_path, name)


def _writer_of(segment: str) -> str:
    return parse_segment_name(segment).writer


def _parses(parse: Callable[[str], object], name: str) -> bool:
    try:
        parse(name)
    except Malformed:
        return False
    return True
