"""Entries of a timeline for people: a block for each call that did something, a line for everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rich.text import Text

from affidavit.audit.timeline import message
from affidavit.audit.timeline.content import Content
from affidavit.audit.timeline.entries import CallEntry, Entry, Note
from affidavit.audit.timeline.items import Hole
from affidavit.audit.timeline.values import mapping, number, text
from affidavit.cli.rendering import words
from affidavit.cli.rendering.notes import BAD, DOUBTFUL, GOOD, HOUSEKEEPING, QUIET, line_of
from affidavit.cli.rendering.page import Page
from affidavit.cli.rendering.recorded import Fold, harmless, joined
from affidavit.clock import Micros, format_time

ASKED = Fold(lines=40, characters=4_000)
ANSWERED = Fold(lines=12, characters=2_000)

_TIME = slice(11, 23)  # of RFC 3339: hours to milliseconds
_DATE = slice(0, 10)
_MARGIN = " " * 14  # what stands below a time and a mark
_LABEL = 9  # columns
_WIDEST_NAME = 24  # of an argument that stands beside its value
_GUTTER = "│ "
_MARKS = {GOOD: "+", BAD: "✗", DOUBTFUL: "!", QUIET: "·"}
_CLIENT_ERRORS = 400  # HTTP: from here on a status is a failure


@dataclass(slots=True)
class EntryPrinter:
    """Prints entries.

    Attributes:
        all_of: What to run in order to see all of a record.
        asked, answered: How much is shown of what was said.
        everything: Whether housekeeping is shown, too.
    """

    page: Page
    all_of: Callable[[str], str]
    asked: Fold = ASKED
    answered: Fold = ANSWERED
    everything: bool = False
    _date: str = field(default="")
    _gap: bool = field(default=True)

    def print(self, entry: Entry) -> None:
        """Print one entry."""
        if isinstance(entry, Note):
            if self.everything or entry.kind not in HOUSEKEEPING:
                self._note(entry)
        elif isinstance(entry, CallEntry):
            self._call(entry)
        elif isinstance(entry, Hole):
            many = f"records {entry.first} to {entry.last} of {entry.writer} are not here"
            one = f"record {entry.first} of {entry.writer} is not here"
            self._line(entry.at, "!", BAD, harmless(one if entry.first == entry.last else many, BAD))
        else:
            self._line(entry.at, "!", BAD, harmless(f"{entry.object} cannot be shown: {entry.why}", BAD))

    def _line(self, at: Micros, mark: str, style: str, says: Text) -> None:
        time = format_time(at) if at else ""
        if time and time[_DATE] != self._date:
            self._date = time[_DATE]
            self.page.line(Text(f"{self._date} (UTC)", "bold"))
        self.page.line(says, joined(Text(f"{time[_TIME]:12} ", "dim"), Text(f"{mark} ", style)))
        self._gap = False

    def _part(self) -> None:
        """Keep what takes several lines apart from its neighbours."""
        if not self._gap:
            self.page.line()
        self._gap = True

    def _note(self, note: Note) -> None:
        line = line_of(note)
        where = "" if line.style == QUIET else f"  {note.id}"
        says = joined(harmless(line.says, line.style), harmless(where, "dim"))
        self._line(note.at, _MARKS[line.style], line.style, says)
        for call in note.interrupted:
            self.page.line(harmless(f"no outcome is recorded of call {call}", DOUBTFUL), _MARGIN + "  ")
        self._doubt(note.admitted)

    def _call(self, entry: CallEntry) -> None:
        mark, style = _mark(entry)
        if not (entry.acts or entry.refused or entry.unended):
            self._brief(entry, mark, style)
            return
        self._part()
        self._line(entry.at, mark, style, _title(entry, style))
        if entry.begun is not None:
            self._who(entry)
        if entry.asked is not None and not entry.resumed:
            self._asked(entry)
        self._outcome(entry, style)
        if entry.begun is not None and entry.begun.get("policy"):
            self._labelled("rule", harmless(words.rule(entry.begun["policy"])))
        if entry.begun is not None and entry.begun.get("credential"):
            self._labelled("shown", harmless(words.credential(entry.begun["credential"])))
        until = "" if entry.first == entry.last else f" to {entry.last.rpartition('/')[2]}"
        self._labelled("record", harmless(f"{entry.first}{until}", "dim"))
        session = words.short(entry.facts.get("session")) or "none"
        self._labelled("session", harmless(f"{session}, call {entry.call}", "dim"))
        self._doubt(entry.admitted)
        self._part()

    def _brief(self, entry: CallEntry, mark: str, style: str) -> None:
        """Print a call that only keeps the conversation going."""
        facts, ended = entry.facts, entry.ended or {}
        writer = entry.first.partition("/")[0]
        by = text(mapping(facts.get("client")).get("name")) or words.who(mapping(facts.get("principal")), writer)
        style = QUIET if style == GOOD else style
        asked = harmless(f"{text(facts.get('upstream'))} · {text(facts.get('method'))} by {by}", QUIET)
        says = joined(asked, harmless(f": {_result(entry)}" if ended else ": …", style))
        self._line(entry.at, _MARKS[QUIET] if style == QUIET else mark, style, says)
        self._doubt(entry.admitted)

    def _who(self, entry: CallEntry) -> None:
        facts = entry.facts
        principal = mapping(facts.get("principal"))
        if not principal:
            self._labelled("who", harmless("not known: the call ended before anybody was authenticated"))
            return
        self._labelled("who", harmless(words.who(principal, entry.first.partition("/")[0])))
        if entry.resumed:
            return
        protocol = text(facts.get("protocol"))
        self._labelled("through", harmless(f"{words.client(mapping(facts.get('client')))}, {protocol}"))

    def _asked(self, entry: CallEntry) -> None:
        assert entry.asked is not None  # noqa: S101 the caller has looked
        asked = message.arguments(entry.asked)
        if asked is None:
            self._content("asked", entry.asked, self.asked, entry.first)
            return
        label = "asked"
        for name, value in asked.items():
            said = value if type(value) is str else message.pretty(value)
            beside = f"{name}: " if len(name) <= _WIDEST_NAME else "  "
            if beside == "  ":
                self.page.line(harmless(f"{name}:", "cyan"), _label(label, drawn=True))
                label = ""
            label = self._quoted(label, said, self.asked, entry.first, beside=beside)

    def _outcome(self, entry: CallEntry, style: str) -> None:
        if entry.ended is None:
            waiting = f"{entry.events:,} events so far; " if entry.events else ""
            self._labelled("answer", harmless(waiting + (entry.unended or "it goes on"), DOUBTFUL))
            return
        if entry.refused:
            code, reason = text(entry.ended.get("code")), text(entry.ended.get("reason"))
            self._labelled("refused", harmless(f"{code}: {reason}", style))
            self._labelled("", harmless("Nothing was sent to the upstream.", style))
            return
        self._labelled("answer", harmless(_result(entry), style))
        if entry.said is not None:
            answer = message.answer(entry.said)
            if entry.said.data is None or not answer.parts:
                self._content("", entry.said, self.answered, entry.last)
            for part in answer.parts:
                self._quoted("", part, self.answered, entry.last)

    def _content(self, label: str, content: Content, fold: Fold, record: str) -> None:
        if content.data is None:
            self._labelled(label, harmless(f"{words.size(content.reference.get('size'))}: {content.problem}", DOUBTFUL))
        elif content.data:
            self._quoted(label, message.readable(content), fold, record)

    def _quoted(self, label: str, said: str, fold: Fold, record: str, *, beside: str = "") -> str:
        """Print recorded text behind the gutter; return the label of what follows."""
        lines, left = fold.cut(said)
        for line in lines:
            self.page.line(harmless(line), joined(_label(label, drawn=True), harmless(beside, "cyan")))
            label, beside = "", " " * len(beside)
        if left:
            self.page.line(Text(f"… {left}: {self.all_of(record)}", "italic dim"), _label(label, drawn=True))
        return ""

    def _labelled(self, label: str, says: Text) -> None:
        self.page.line(says, _label(label))

    def _doubt(self, admitted: bool) -> None:  # noqa: FBT001
        if not admitted:
            self.page.line(Text("not in the log: its writer has not been admitted", DOUBTFUL), _MARGIN + " ")


def _label(label: str, *, drawn: bool = False) -> Text:
    return Text(f"{_MARGIN} {label:{_LABEL}}{_GUTTER if drawn else ''}", "dim", end="")


def _mark(entry: CallEntry) -> tuple[str, str]:
    """Return the mark of a call, and its colour."""
    ended = entry.ended
    if ended is None:
        return ("?", DOUBTFUL) if entry.unended else ("…", DOUBTFUL)
    if entry.refused:
        return "✗", BAD
    failed = (number(ended.get("status")) or 0) >= _CLIENT_ERRORS or ended.get("outcome") != "answered"
    told = entry.said is not None and message.answer(entry.said).failed
    return ("!", DOUBTFUL) if failed or told else ("✓", GOOD)


def _title(entry: CallEntry, style: str) -> Text:
    facts = entry.facts
    method, target = text(facts.get("method")), text(facts.get("target"))
    named = [text(facts.get("upstream")), method if method != "tools/call" else "", target]
    says = harmless(" · ".join(filter(None, named)) or "a request that was not understood", f"bold {style}")
    return joined(says, Text(", which began earlier" if entry.resumed else "", style))


def _result(entry: CallEntry) -> str:
    return ", ".join(_results(entry))


def _results(entry: CallEntry) -> Iterator[str]:
    ended = entry.ended or {}
    outcome = text(ended.get("outcome"))
    yield f"{text(ended.get('status')) if not number(ended.get('status')) else ended['status']} {outcome}".strip()
    if entry.said is not None and outcome == "answered" and message.answer(entry.said).failed:
        yield "with an error"
    if entry.events:
        yield f"{entry.events:,} event{'s' * (entry.events != 1)}"
    upstream = number(ended.get("upstream_us"))
    yield f"after {words.duration(ended.get('duration_us'))}" + (
        f" ({words.duration(upstream)} upstream)" if upstream else ""
    )
    if entry.said is not None and not entry.events:
        yield words.size(entry.said.reference.get("size"))
