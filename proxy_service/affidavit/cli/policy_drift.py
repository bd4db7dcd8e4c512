"""`affidavit policy drift --over DIR`: what the rules and what happens no longer have in common."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from affidavit.audit.review.calls import Calls, RecordedCall
from affidavit.audit.review.policies import newest_policy
from affidavit.audit.timeline.reader import Reader
from affidavit.cli.drifting import Drift, Drifting
from affidavit.cli.over import add_over, records, since
from affidavit.cli.policy_file import read_policy
from affidavit.cli.progress import Bar
from affidavit.cli.rendering.page import Page
from affidavit.cli.rendering.recorded import harmless, joined
from affidavit.cli.rendering.rules import counted, told
from affidavit.cli.show import write_json
from affidavit.clock import Micros, format_time, system_clock
from affidavit.errors import Misconfigured, Unavailable
from affidavit.policy.configuration import Configuration
from affidavit.policy.document import load

UNREADABLE = 3  # exit status, as `affidavit verify` has it

_DESCRIPTION = """\
Look back at a period and say what the rules and what happens no longer have in common:

  rules that decided nothing
  tools that were called and that no rule names
  sponsors who are not among people, with what came in their name

The rules are those of FILE, or of the policy file that the gateway loaded last. What a rule decided is taken from the
records, by the rule's name. Rules about what upstreams ask of clients are not judged: records of calls do not name
them.

Exit status: 0 when there is nothing; 1 when there is something; 2 where a file or the command is wrong; 3 when
something could not be read and there is nothing else."""
_READ_BETWEEN = 256  # calls, between two looks at the progress bar
_TITLES = {
    "idle_rule": "Rules that decided nothing",
    "unnamed_tool": "Tools that no rule names",
    "sponsor_without_person": "Sponsors who are not among people",
    "sponsored_by_nobody": "People who sponsored calls and are not among people any more",
}


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "drift",
        help="what the rules and what happens no longer have in common",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the configuration, affidavit.yaml")
    add_over(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look back; return 0, 1 or 3 as the help says."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    configuration = read_policy(arguments.file) if arguments.file else None
    began = since(arguments, system_clock())
    try:
        with records(arguments, errors) as reader, Bar(errors, "reading") as bar:
            drifting = Drifting(configuration or _loaded(reader))
            unread = list(_take(drifting, reader, began, bar))
    except Unavailable as error:
        errors.print(f"affidavit policy drift: {error}")
        return UNREADABLE
    findings = list(drifting.findings())
    status = 1 if findings else UNREADABLE if unread else 0
    if arguments.json:
        write_json(_form(drifting, findings, unread, began) | {"status": status})
    else:
        _show(drifting, findings, unread, began, Page(Console(highlight=False)))
    return status


def _loaded(reader: Reader) -> Configuration:
    text = newest_policy(reader)
    if text is None:
        raise Misconfigured("no policy file is recorded here: give the FILE whose rules are meant")
    return load(Path("the recorded policy file"), text)


def _take(drifting: Drifting, reader: Reader, began: Micros, bar: Bar) -> Iterator[str]:
    for found in Calls(reader, claims=drifting.reads_claims).since(began):
        if not isinstance(found, RecordedCall):
            yield told(found)
            continue
        drifting.take(found)
        if drifting.calls % _READ_BETWEEN == 0:
            bar.move(drifting.calls, None)


def _form(drifting: Drifting, findings: list[Drift], unread: list[str], began: Micros) -> dict[str, Any]:
    return {
        "digest": drifting.configuration.digest,
        "since": format_time(began) if began > 0 else None,
        "calls": drifting.calls,
        "findings": [
            {
                "finding": one.kind,
                "about": one.about,
                "calls": one.calls,
                "says": one.says,
                "record": one.example,
            }
            for one in findings
        ],
        "not_judged": drifting.unjudged(),
        "unreadable": unread,
    }


def _show(drifting: Drifting, findings: list[Drift], unread: list[str], began: Micros, page: Page) -> None:
    title = ""
    for one in findings:
        if one.kind != title:
            title = one.kind
            page.line(harmless(_TITLES[one.kind], "bold"))
        calls = f"{counted(one.calls, 'call')}  " if one.calls else ""
        page.line(joined(harmless(f"{one.about}  ", "cyan"), harmless(f"{calls}{one.says}")), "  ")
        if one.example:
            page.line(harmless(f"for instance {one.example}", "dim"), "    ")
    for name in drifting.unjudged():
        page.line(harmless(f"{name} is about what upstreams ask of clients, and is not judged", "dim"), "· ")
    for sentence in unread:
        page.line(harmless(sentence, "yellow"), "! ")
    page.line(
        f"{counted(drifting.calls, 'call')} since {format_time(began)[:16]}Z, {counted(len(findings), 'finding')}"
    )
