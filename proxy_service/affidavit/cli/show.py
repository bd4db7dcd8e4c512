"""`affidavit show DIR [WHICH]`: the timeline of everything or of a session, or all that is recorded of one call."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from affidavit.audit.timeline import finding
from affidavit.audit.timeline.entries import CallEntry, Entry
from affidavit.audit.timeline.forms import form, record_form
from affidavit.audit.timeline.items import Damage, Hole, Item, Recorded
from affidavit.audit.timeline.reader import Reader
from affidavit.audit.timeline.recent import LastCalls, last_calls
from affidavit.audit.timeline.standing import Log
from affidavit.audit.timeline.weave import Weaver
from affidavit.cli.folder import log_key, open_buckets
from affidavit.cli.rendering.entries import ANSWERED, ASKED, EntryPrinter
from affidavit.cli.rendering.page import Page
from affidavit.cli.rendering.recorded import ALL
from affidavit.cli.rendering.records import print_record
from affidavit.clock import SECOND, Micros, system_clock
from affidavit.errors import AffidavitError, Misconfigured
from affidavit.mcp.strict_json import print_json
from affidavit.policy.fields import duration

KEPT = 64 * 1024  # bytes of what was said that an entry holds while it waits; people are shown less

_DESCRIPTION = """\
Show who did what, through what, what came back, and which rule let it.

    affidavit show DIR                    everything, in the order of its times
    affidavit show DIR --last 20          the last calls
    affidavit show DIR 459e3dab39a8       one session; the beginning of its name is enough
    affidavit show DIR 20261125T035139Z-aa69ea0b77e7b03b/13
                                          one record, and all others of its call, with hashes and proof
    affidavit show DIR 01a210d4-a2ae-70c8-9dc9-25b80fb477e1
                                          one call

Times are UTC. What was recorded is shown as it stands; characters that would control a terminal are shown as escapes.
Segments are checked against their writers' keys before they are shown; `affidavit verify DIR` checks everything."""
_SESSION = re.compile(r"[0-9a-z:_-]{4,}", re.ASCII)
_CANDIDATES = 20  # sessions that are listed where several begin alike
_TROUBLE = 1  # exit status: something could not be shown


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "show",
        help="show what happened",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DIR", help="the data folder, or a copy of it")
    parser.add_argument("which", nargs="?", metavar="WHICH", help="a record, a call or a session")
    parser.add_argument("--last", type=number(1), metavar="N", help="only the last N calls")
    parser.add_argument("--since", metavar="WHEN", help="only what is newer: 2026-11-25T03:50, or 10m, 2h, 3d ago")
    parser.add_argument("--full", action="store_true", help="fold nothing, however long it is")
    parser.add_argument("--all", action="store_true", help="housekeeping, too: signs of life, commits")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with nothing left out")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show; return 1 where something that is there could not be shown."""
    reader = Reader(open_buckets(arguments.data))
    which: str | None = arguments.which
    if which is not None and finding.CALL_ID.fullmatch(which.lower()):
        which = which.lower()  # other programs write a UUID in capitals
    if which is not None and (finding.RECORD_ID.fullmatch(which) or finding.CALL_ID.fullmatch(which)):
        return _show_call(reader, which, arguments)
    session = None if which is None else _session(reader, which)
    since = 0 if arguments.since is None else moment(arguments.since, system_clock())
    keep = None if arguments.json or arguments.full else KEPT
    return _show(_entries(reader, session, since, keep, arguments.last), arguments)


def printer(page: Page, arguments: argparse.Namespace) -> EntryPrinter:
    """Return what prints entries as a command line asks for it."""
    folder = shlex.quote(str(arguments.data))
    return EntryPrinter(
        page,
        lambda record: f"affidavit show {folder} {record}",
        asked=ALL if arguments.full else ASKED,
        answered=ALL if arguments.full else ANSWERED,
        everything=arguments.all,
    )


def write_json(entry: dict[str, Any]) -> None:
    """Print one JSON object as a line."""
    sys.stdout.buffer.write(print_json(entry) + b"\n")


def _entries(reader: Reader, session: str | None, since: Micros, keep: int | None, last: int | None) -> Iterable[Entry]:
    def new_weaver() -> Weaver:
        return Weaver(reader.commits.admitted.__contains__, session=session, keep=keep)

    if last is None:
        return _woven(reader, new_weaver(), since)
    if session is None and since == 0:
        weaver, entries = last_calls(reader, new_weaver, last)
        return _last([*entries, *weaver.rest()], last)
    return _last(_woven(reader, new_weaver(), since), last)


def _woven(reader: Reader, weaver: Weaver, since: Micros) -> Iterator[Entry]:
    for item in reader.since(since):
        weaver.take(item)
        yield from weaver.ready(item.at)
    yield from weaver.rest()


def _last(entries: Iterable[Entry], calls: int) -> list[Entry]:
    last = LastCalls(calls)
    for entry in entries:
        last.add(entry)
    return last.entries()


def _show(entries: Iterable[Entry], arguments: argparse.Namespace) -> int:
    page = Page(Console(highlight=False))
    to_people = printer(page, arguments)
    calls = refused = troubles = 0
    for entry in entries:
        if arguments.json:
            write_json(form(entry))
        else:
            to_people.print(entry)
        calls += isinstance(entry, CallEntry) and not entry.resumed
        refused += isinstance(entry, CallEntry) and entry.refused
        troubles += isinstance(entry, Damage | Hole)
    if not arguments.json:
        page.line()
        trouble = f", {troubles:,} that cannot be shown" if troubles else ""
        page.line(f"{calls:,} call{'s' * (calls != 1)}, {refused:,} refused{trouble}")
    return _TROUBLE if troubles else 0


def _show_call(reader: Reader, which: str, arguments: argparse.Namespace) -> int:
    found = _found(reader, which)
    log = Log(open_buckets(arguments.data), reader.commits, log_key(arguments.data))
    records = [item for item in found if isinstance(item, Recorded)]
    if arguments.json:
        for record in records:
            write_json(record_form(record, log.standing(record)))
    else:
        page = Page(Console(highlight=False))
        if "call" in records[0].record:
            _print_call(reader, found, page, arguments)
        for record in records:
            print_record(page, record, log.standing(record))
    return 0 if len(records) == len(found) else _TROUBLE


def _print_call(reader: Reader, found: list[Item], page: Page, arguments: argparse.Namespace) -> None:
    """Print the call that records are of, and what of it cannot be shown."""
    arguments.full = True
    reader.commits.survey(min(item.at for item in found))
    weaver = Weaver(reader.commits.admitted.__contains__)
    for item in found:
        weaver.take(item)
    to_people = printer(page, arguments)
    for entry in weaver.rest():
        to_people.print(entry)


def _found(reader: Reader, which: str) -> list[Item]:
    named = finding.RECORD_ID.fullmatch(which)
    if named is None:
        found = finding.records_of_call(reader, which)
        if not found:
            raise AffidavitError(f"no record of a call {which} is here")
        return found
    one = finding.record(reader, named[1], int(named[2]))
    if one is None:
        raise AffidavitError(f"no record {which} is here, or its segment is damaged (`affidavit verify` tells)")
    call = one.record.get("call")
    if type(call) is not str or not finding.CALL_ID.fullmatch(call):
        return [one]
    return finding.records_of_call(reader, call, one.writer) or [one]


def _session(reader: Reader, prefix: str) -> str:
    if not _SESSION.fullmatch(prefix):
        raise Misconfigured(
            f"{prefix!r} names nothing: give a record (20261125T035139Z-aa69ea0b77e7b03b/13), a call's id, or at least "
            "four characters of a session"
        )
    found = sorted(finding.sessions(reader, prefix))
    if len(found) == 1:
        return found[0]
    if not found:
        raise AffidavitError(f"no session that begins with {prefix} is here")
    listed = "".join(f"\n  {session.rpartition(':')[2]}" for session in found[:_CANDIDATES])
    more = f"\n  and {len(found) - _CANDIDATES} more" if len(found) > _CANDIDATES else ""
    raise AffidavitError(f"{len(found)} sessions begin with {prefix}:{listed}{more}")


def moment(text: str, now: Micros) -> Micros:
    """Return the time that `--since` names: a time, or how long ago; raises `Misconfigured`."""
    try:
        return now - duration(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"--since {text!r}: give a time as in 2026-11-25T03:50, or 10m, 2h, 3d ago") from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * SECOND)


def number(least: int) -> Callable[[str], int]:
    """Return what reads an option that is a number, and not less than that."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} on")
        return int(text)

    return read
