"""A verification's report, for people: one line a check, what it found below it.

Shows names as they are stored, made harmless: a hostile object cannot write on the terminal.

Source: evidence-format section 9, "Output".
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from affidavit.audit.verify.report import PROVED_FALSE, UNREADABLE, CheckResult, Finding, Report

MOST = 20  # findings, and as many notes, of one check; `--json` has more
_COLOURS = {"ok": "green", "FAIL": "bold red", "unchecked": "yellow", "note": "cyan"}
_THINGS = {
    "checkpoint": "checkpoints",
    "tree": "records",
    "commits": "commits",
    "segments": "segments",
    "chains": "records",
    "bodies": "bodies",
    "calls": "calls",
    "approvals": "approvals",
    "masks": "masks",
    "attestations": "attestations",
    "identities": "proofs of who called",
    "gaps": "holes",
    "uncommitted": "segments",
    "strays": "objects",
}


def show(report: Report, console: Console) -> None:
    """Print a report."""
    for check in report.checks:
        console.print(_line(check))
        _show_below(check, console)
    for line in _verdict(report):
        console.print(line)


def _line(check: CheckResult) -> Text:
    line = Text(f"{check.status:<10}", style=_COLOURS[check.status])
    return line.append(f"{check.id:<13}{check.checked} {_THINGS[check.id]}", style="default")


def _show_below(check: CheckResult, console: Console) -> None:
    findings = list(check.findings())
    for finding in findings[:MOST]:
        for line in _finding(finding):
            console.print(line)
    if len(findings) > MOST:
        console.print(Text(f"            and {len(findings) - MOST} more; --json lists them"))
    notes = list(check.all_notes())
    for note in notes[:MOST]:
        console.print(Text(f"            {harmless(note)}", style="dim"))
    if len(notes) > MOST:
        console.print(Text(f"            and {len(notes) - MOST} more; --json lists them", style="dim"))


def _finding(finding: Finding) -> list[Text]:
    where = "  ".join(filter(None, (finding.object, finding.record)))
    return [
        Text(f"            {harmless(where)}", style="bold"),
        Text(f"              expected {harmless(finding.expected)}"),
        Text(f"              found    {harmless(finding.found)}"),
    ]


def _verdict(report: Report) -> list[Text]:
    head = report.head
    lines = [Text(f"as of     {report.as_of}")]
    if head is not None:
        lines.append(Text(f"head      {harmless(head.origin)}, {head.size} records, root {head.root}"))
    if report.status == PROVED_FALSE:
        return [*lines, Text("Something is proved false, missing or forged.", style="bold red")]
    if report.status == UNREADABLE:
        return [*lines, Text("Nothing is proved false, but not everything could be read.", style="yellow")]
    if head is None:
        return [*lines, Text("There is no signed head yet, so nothing is proved.", style="yellow")]
    return [*lines, Text(f"All {head.size} records under the head hold.", style="bold green")]


def harmless(text: str) -> str:
    """Return text with everything that a terminal could take for an order written out."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
