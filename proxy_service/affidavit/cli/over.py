"""`--over DIR|gs://BUCKET`: the recorded calls that a command looks back at, and since when."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from affidavit.audit.timeline.reader import Reader
from affidavit.audit.verify.buckets import Buckets
from affidavit.cli.copies import local
from affidavit.cli.folder import open_buckets
from affidavit.cli.show import moment
from affidavit.cli.sources import Sources, place
from affidavit.clock import Micros
from affidavit.errors import Misconfigured

_LONG = "90d"


def add_over(parser: argparse.ArgumentParser) -> None:
    """Add what says over which records a command goes."""
    parser.add_argument(
        "--over",
        dest="dir",
        required=True,
        type=place,
        metavar="DIR|gs://BUCKET",
        help="the data folder, a copy of it, or an evidence bucket whose siblings are named alike",
    )
    parser.add_argument(
        "--since", default=_LONG, metavar="WHEN", help="2026-11-25T03:50, or 10m, 2h, 3d ago (default: %(default)s)"
    )
    parser.add_argument("--copy", type=Path, metavar="DIR", help="keep the copies of buckets here for the next time")
    parser.add_argument("--log", type=place, metavar="gs://BUCKET", help="the log bucket, where it is named otherwise")
    parser.add_argument(
        "--bodies",
        action="append",
        default=[],
        metavar="CLASS=gs://BUCKET",
        help="the body bucket of a class, where it is named otherwise; may be given again",
    )
    parser.set_defaults(evidence=None)


@contextlib.contextmanager
def records(arguments: argparse.Namespace, console: Console) -> Iterator[Reader]:
    """Give a reader of the records while the block lasts.

    Raises:
        Misconfigured: What the arguments name is no data folder, or does not fit together.
        Unavailable: Not everything could be copied.
    """
    if isinstance(arguments.dir, Path) and (arguments.bodies or arguments.log):
        raise Misconfigured("--bodies and --log go with a bucket: of a data folder, they are known")
    sources = Sources.of(arguments)
    with local(arguments, sources, os.environ, console) as copied:
        yield Reader(_buckets(copied))


def since(arguments: argparse.Namespace, now: Micros) -> Micros:
    """Return the beginning of the period; raises `Misconfigured`."""
    return moment(arguments.since, now)


def _buckets(copied: Any) -> Buckets:
    if copied.dir is not None:
        return open_buckets(copied.dir)
    return Buckets.of(str(copied.evidence), copied.bodies, {}, str(copied.log or ""))
