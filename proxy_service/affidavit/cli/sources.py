"""Which buckets a command line of `verify` names, `gs://…`, and which follow from their names.

Source: architecture "Configuration"; terraform/README.md (names).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affidavit.errors import Misconfigured
from affidavit.evidence.names import RETENTION_CLASS

SCHEME = "gs://"
EVIDENCE = "-evidence"

_BUCKET = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CloudBucket:
    """A bucket that a command line names."""

    name: str

    def __str__(self) -> str:
        return SCHEME + self.name


Place = Path | CloudBucket


def place(text: str) -> Place:
    """Return a folder, or a bucket where the text begins with `gs://`; raises `argparse.ArgumentTypeError`."""
    if not text.startswith(SCHEME):
        return Path(text)
    found = _BUCKET.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text}: a bucket reads gs://NAME")
    return CloudBucket(found[1])


@dataclass(frozen=True, slots=True)
class Sources:
    """The buckets to copy.

    Attributes:
        prefix: What the names of the body buckets begin with; None where none are taken for granted.
        elsewhere: Classes whose bucket is given as a folder.
    """

    evidence: str | None
    log: str | None
    bodies: Mapping[str, str]
    prefix: str | None
    elsewhere: frozenset[str]

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Sources:
        """Return what the arguments name.

        Raises:
            Misconfigured: They do not fit together.
        """
        whole = arguments.dir.name if isinstance(arguments.dir, CloudBucket) else None
        if whole is not None and arguments.evidence is not None:
            raise Misconfigured(f"{arguments.dir} and --evidence both name the evidence")
        bodies, elsewhere = _bodies(arguments.bodies)
        evidence, log = _cloud(arguments.evidence), _cloud(arguments.log)
        if whole is None:
            return cls(evidence, log, bodies, None, elsewhere)
        prefix = whole.removesuffix(EVIDENCE) if whole.endswith(EVIDENCE) else None
        if prefix is None and (arguments.log is None or not arguments.bodies):
            raise Misconfigured(
                f"{arguments.dir}: its siblings are not known, since its name does not end in {EVIDENCE}. Give them "
                "with --log and --bodies"
            )
        if arguments.log is None:
            log = f"{prefix}-log"
        return cls(whole, log, bodies, prefix, elsewhere)

    @property
    def given(self) -> bool:
        """Whether there is anything to copy."""
        return bool(self.evidence or self.log or self.bodies)

    def bucket_of(self, retention_class: str) -> str | None:
        """Return the bucket to copy for a class, None where there is none."""
        if retention_class in self.elsewhere:
            return None
        return self.bodies.get(retention_class) or (self.prefix and f"{self.prefix}-body-{retention_class}")

    def mark(self) -> str:
        """Return what tells copies of one log from those of another."""
        return "".join(f"{SCHEME}{name}\n" for name in (self.evidence, self.log) if name)


def _cloud(given: Place | None) -> str | None:
    return given.name if isinstance(given, CloudBucket) else None


def is_cloud(text: str) -> bool:
    """Tell whether a value of `--bodies` names a bucket."""
    return text.rpartition("=")[2].startswith(SCHEME)


def _bodies(given: list[str]) -> tuple[dict[str, str], frozenset[str]]:
    """Return class to bucket, and the classes for which a folder is given."""
    buckets: dict[str, str] = {}
    elsewhere: set[str] = set()
    for text in given:
        retention_class, separator, where = text.partition("=")
        if not is_cloud(text):
            elsewhere |= {retention_class} if separator and RETENTION_CLASS.fullmatch(retention_class) else set()
            continue
        found = _BUCKET.fullmatch(where)
        if not (RETENTION_CLASS.fullmatch(retention_class) and found):
            raise Misconfigured(f"--bodies {text}: say whose bucket it is: --bodies CLASS=gs://NAME")
        buckets[retention_class] = found[1]
    return buckets, frozenset(elsewhere)
