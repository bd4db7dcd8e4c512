"""One record with everything: its bytes' hashes, where it lies, where it stands in the log, its fields, its bodies."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from affidavit.audit.timeline import message
from affidavit.audit.timeline.content import Content
from affidavit.audit.timeline.items import Recorded
from affidavit.audit.timeline.standing import Standing
from affidavit.audit.timeline.values import text
from affidavit.cli.rendering import words
from affidavit.cli.rendering.notes import BAD, DOUBTFUL, GOOD
from affidavit.cli.rendering.page import Page
from affidavit.cli.rendering.recorded import harmless, lines_of
from affidavit.clock import format_time
from affidavit.evidence.body import references
from affidavit.tlog.merkle import leaf_hash

_LABEL = 12  # columns
_GUTTER = "│ "


def print_record(page: Page, recorded: Recorded, standing: Standing) -> None:
    """Print one record."""
    page.line(harmless(f"record {recorded.id}  {recorded.kind}  {format_time(recorded.at)}", "bold"))
    _field(page, "sha256", f"{recorded.sha256}, as in the prev of the next record")
    _field(page, "leaf", f"{leaf_hash(recorded.line).hex()}, as in the log's tree")
    if recorded.segment is not None:
        _field(page, "segment", recorded.segment.object)
        _field(page, "", f"sha256 {recorded.segment.sha256}; the writer's signature holds")
    _print_standing(page, standing)
    _quote(page, "fields", message.pretty(dict(recorded.record)))
    for reference in references(recorded.record):
        _print_content(page, recorded.content(reference))
    page.line()


def _print_standing(page: Page, standing: Standing) -> None:
    if standing.commit is None:
        _field(page, "log", standing.doubt or "", DOUBTFUL)
        return
    taken = "" if standing.taken is None else f", taken {format_time(standing.taken)}"
    _field(page, "log", f"position {standing.position} by {standing.commit}{taken}")
    if standing.proved:
        proved = (
            f"signed: an inclusion proof leads to the signed root of the newest checkpoint, {standing.head} records"
        )
        _field(page, "", proved, GOOD)
    else:
        _field(page, "", f"not proved: {standing.doubt}", DOUBTFUL if standing.head or not standing.doubt else BAD)


def _print_content(page: Page, content: Content) -> None:
    reference = content.reference
    kind = f"{text(reference.get('media_type')) or 'bytes'}, {words.size(reference.get('size'))}"
    _field(page, "body", f"{text(reference.get('body'))}, {kind}, class {text(reference.get('class'))}")
    if content.object is not None:
        _field(page, "", f"{content.object}" + (f", salt {content.salt}" if content.salt else ""))
    if content.data is None:
        _field(page, "", f"not here: {content.problem}", DOUBTFUL)
    else:
        _quote(page, "", message.readable(content))


def _field(page: Page, label: str, says: str, style: str = "") -> None:
    page.line(harmless(says, style), Text(f"  {label:{_LABEL}}", "dim", end=""))


def _quote(page: Page, label: str, recorded: str) -> None:
    for name, line in zip(_once(label), lines_of(recorded), strict=False):
        page.line(harmless(line), Text(f"  {name:{_LABEL}}{_GUTTER}", "dim", end=""))


def _once(label: str) -> Iterator[str]:
    yield label
    while True:
        yield ""
