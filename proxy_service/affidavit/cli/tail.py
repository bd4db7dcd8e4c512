"""`affidavit tail DIR`: the timeline while it is being written, committed or not."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from affidavit.audit.timeline.entries import Entry
from affidavit.audit.timeline.forms import form
from affidavit.audit.timeline.reader import Reader
from affidavit.audit.timeline.recent import last_calls
from affidavit.audit.timeline.weave import Weaver
from affidavit.cli.folder import open_buckets
from affidavit.cli.rendering.page import Page
from affidavit.cli.show import KEPT, number, printer, write_json
from affidavit.clock import SECOND, Clock, Micros, system_clock

EVERY = 0.3  # seconds between looks at the folder
_SHARE = 5  # the part of its time that a look may take of a large folder: a fifth
_PATIENCE: Micros = SECOND  # then a call that goes on is shown while it does


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "tail",
        help="follow what happens",
        description="Show the last calls, then everything as it is recorded, until Ctrl-C. See `affidavit show`.",
    )
    parser.add_argument("data", type=Path, metavar="DIR", help="the data folder")
    parser.add_argument(
        "--last", type=number(0), default=10, metavar="N", help="begin N calls back (default: %(default)s)"
    )
    parser.add_argument("--full", action="store_true", help="fold nothing, however long it is")
    parser.add_argument("--all", action="store_true", help="housekeeping, too: signs of life, commits")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with nothing left out")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Follow until interrupted."""
    reader = Reader(open_buckets(arguments.data))
    to_people = printer(Page(Console(highlight=False)), arguments)

    def show(entries: Iterable[Entry]) -> None:
        for entry in entries:
            if arguments.json:
                write_json(form(entry))
            else:
                to_people.print(entry)
        sys.stdout.flush()

    keep = None if arguments.json or arguments.full else KEPT
    follow(reader, show, system_clock, time.sleep, last=arguments.last, keep=keep)
    return 0


def follow(
    reader: Reader,
    show: Callable[[Iterable[Entry]], None],
    clock: Clock,
    sleep: Callable[[float], None],
    *,
    last: int,
    keep: int | None,
) -> None:
    """Show the last calls, then what comes, until `sleep` raises."""

    def new_weaver() -> Weaver:
        return Weaver(reader.commits.admitted.__contains__, keep=keep, patience=_PATIENCE)

    weaver, entries = last_calls(reader, new_weaver, last)
    show(entries)
    while True:
        begun = time.monotonic()
        for item in reader.news():
            weaver.take(item)
        show(weaver.ready(clock()))
        sleep(max(EVERY, (time.monotonic() - begun) * _SHARE))
