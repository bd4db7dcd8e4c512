"""`affidavit policy replay NEW --over DIR`: which recorded calls another policy would decide differently."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from affidavit.audit.review.calls import Calls, RecordedCall
from affidavit.audit.timeline.reader import Reader
from affidavit.cli.expected_differences import Accepted, accepting, idle, read_accepted
from affidavit.cli.over import add_over, records, since
from affidavit.cli.policy_file import read, read_policy
from affidavit.cli.progress import Bar
from affidavit.cli.rendering.page import Page
from affidavit.cli.rendering.recorded import harmless, joined
from affidavit.cli.rendering.rules import counted, told, verdict
from affidavit.cli.replaying import Difference, Kind, Replay, Tally
from affidavit.cli.show import write_json
from affidavit.clock import Micros, format_time, system_clock
from affidavit.errors import Unavailable

UNREADABLE = 3  # exit status, as `affidavit verify` has it

_DESCRIPTION = """\
Decide every recorded call of a period again, by the rules of NEW, and say which come out differently.

  changed       allowed then and denied now, or the other way round
  undecidable   a rule of NEW reads what was masked, or is gone, and the decision depends on it
  other_rule    decided as before, by a rule of another name; a finding only with --rules

What a rule reads is taken from the records: who it was and in which groups, from where, the arguments as they were
recorded, the claims of the credential. What was masked is never guessed: where the decision is the same whatever it
was, it is decided. What upstreams asked of clients, and budgets, are not replayed.

--expect FILE names differences that somebody answers for, a YAML list:

    - finding: changed
      target: sql.query               # and any of was, was_rule, now, rule, upstream, method, principal, unknown
      now: deny
      by: ana@example.com
      why: Schema changes go through migrations now.

Exit status: 0 when there are only those; 1 when there are others, or when an entry matches nothing; 2 where a file or
the command is wrong; 3 when something could not be read and nothing else is wrong."""
_READ_BETWEEN = 256  # calls, between two looks at the progress bar
_KINDS: tuple[Kind, ...] = ("changed", "undecidable")


@dataclass(slots=True)
class _Outcome:
    replay: Replay
    accepted: list[Accepted]
    kinds: tuple[Kind, ...]
    since: Micros
    unread: list[str] = field(default_factory=list)
    unadmitted: int = 0

    def findings(self) -> Iterator[tuple[Difference, Tally, Accepted | None]]:
        for found, tally in self.replay.of(*self.kinds):
            yield found, tally, accepting(found, self.accepted)


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "replay",
        help="which recorded calls another policy would decide differently",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="NEW", help="the configuration whose rules decide")
    add_over(parser)
    parser.add_argument("--expect", type=Path, metavar="FILE", help="differences that are known and accepted, YAML")
    parser.add_argument("--rules", action="store_true", help="calls that another rule decides alike are findings, too")
    parser.add_argument(
        "--attribute",
        action="store_true",
        help="who somebody is, NEW's issuers, people and sponsors say, from the recorded claims; else the record does",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay; return 0, 1 or 3 as the help says."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    configuration = read_policy(arguments.file)
    accepted = read_accepted(read(arguments.expect), str(arguments.expect)) if arguments.expect else []
    began = since(arguments, system_clock())
    kinds: tuple[Kind, ...] = (*_KINDS, "other_rule") if arguments.rules else _KINDS
    outcome = _Outcome(Replay(configuration, attributes=arguments.attribute), accepted, kinds, began)
    try:
        with records(arguments, errors) as reader, Bar(errors, "replaying") as bar:
            _replay(outcome, reader, bar)
    except Unavailable as error:
        errors.print(f"affidavit policy replay: {error}")
        return UNREADABLE
    return _answer(outcome, as_json=arguments.json)


def _replay(outcome: _Outcome, reader: Reader, bar: Bar) -> None:
    reader.commits.survey(outcome.since)
    admitted = reader.commits.admitted
    replay = outcome.replay
    for found in Calls(reader, claims=replay.reads_claims).since(outcome.since):
        if isinstance(found, RecordedCall):
            replay.take(found)
            outcome.unadmitted += found.record.writer not in admitted
            if replay.calls % _READ_BETWEEN == 0:
                bar.move(replay.calls, None)
        else:
            outcome.unread.append(told(found))


def _answer(outcome: _Outcome, *, as_json: bool) -> int:
    findings = list(outcome.findings())
    left = sum(entry is None for _, _, entry in findings)
    gone = idle(outcome.accepted)
    status = 1 if left or gone else UNREADABLE if outcome.unread else 0
    if as_json:
        write_json({**_form(outcome, findings, gone), "status": status})
    else:
        _show(outcome, findings, gone, Page(Console(highlight=False)))
    return status


def _form(
    outcome: _Outcome, findings: list[tuple[Difference, Tally, Accepted | None]], gone: list[Accepted]
) -> dict[str, Any]:
    replay = outcome.replay
    return {
        "digest": replay.configuration.digest,
        "since": format_time(outcome.since) if outcome.since > 0 else None,
        "calls": replay.calls,
        "same": replay.same,
        "never_decided": replay.unasked,
        "of_writers_not_admitted": outcome.unadmitted,
        "findings": [_finding(*one) for one in findings],
        "expected_and_absent": [{"line": entry.line, "by": entry.by, "why": entry.why} for entry in gone],
        "unreadable": outcome.unread,
    }


def _finding(found: Difference, tally: Tally, accepted: Accepted | None) -> dict[str, Any]:
    return {
        "finding": found.kind,
        "was": found.was,
        "was_rule": found.was_rule,
        "now": found.now,
        "rule": found.rule,
        "upstream": found.upstream,
        "method": found.method,
        "target": found.target,
        "principal": found.principal,
        "unknown": found.unknown,
        "calls": tally.count,
        "first": format_time(tally.first),
        "last": format_time(tally.last),
        "records": tally.examples,
        "accepted": None if accepted is None else {"by": accepted.by, "why": accepted.why},
    }


def _show(
    outcome: _Outcome,
    findings: list[tuple[Difference, Tally, Accepted | None]],
    gone: list[Accepted],
    page: Page,
) -> None:
    for finding in findings:
        _show_finding(*finding, page)
    for entry in gone:
        page.line(
            harmless(f"expected by {entry.by} on line {entry.line}, and it does not occur: take it out", "red"), "✗ "
        )
    for unread in outcome.unread:
        page.line(harmless(unread, "yellow"), "! ")
    if outcome.unadmitted:
        page.line(harmless(f"{counted(outcome.unadmitted, 'call')} of writers that the log has not admitted"), "! ")
    page.line(_total(outcome, sum(tally.count for _, tally, _ in findings)))


def _total(outcome: _Outcome, different: int) -> str:
    replay = outcome.replay
    hidden = replay.calls - replay.same - replay.unasked - different
    parts = [
        f"{counted(replay.calls, 'call')} since {format_time(outcome.since)[:16]}Z",
        f"{replay.same:,} decided as before",
        f"{hidden:,} by a rule of another name" if hidden else "",
        f"{replay.unasked:,} refused before any rule was asked" if replay.unasked else "",
        f"{different:,} not as before",
    ]
    return ", ".join(filter(None, parts))


def _show_finding(found: Difference, tally: Tally, accepted: Accepted | None, page: Page) -> None:
    mark = harmless("· ", "dim") if accepted else harmless("? ", "yellow") if found.kind == "undecidable" else None
    method = found.method if found.method != "tools/call" else ""
    what = " · ".join(filter(None, (found.upstream, method, found.target)))
    page.line(
        joined(
            harmless(f"{counted(tally.count, 'call')}  ", "bold"),
            harmless(what, "bold"),
            harmless(f"  {found.principal}"),
        ),
        mark or harmless("✗ ", "red"),
    )
    page.line(joined(verdict(found.was, 16), harmless(found.was_rule)), "  then  ")
    page.line(joined(verdict(found.now, 16), harmless(found.rule)), "  now   ")
    if found.unknown:
        page.line(harmless(f"it depends on {found.unknown}", "yellow"), "        ")
    if accepted:
        page.line(harmless(f"accepted by {accepted.by}: {accepted.why}", "dim"), "        ")
    more = f" and {tally.count - len(tally.examples):,} more" if tally.count > len(tally.examples) else ""
    page.line(harmless(", ".join(tally.examples) + more, "dim"), "        ")
    page.line()
