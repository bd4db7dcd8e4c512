"""Records woven into entries: the records of a call become one entry, in the order in which calls began.

An entry waits for its call's end, but not for long: a call that goes on is an entry at once, and its end another. So
memory is bounded by calls that are open at the same time, and a live reader sees a slow call while it runs.

Source: evidence-format section 5.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import orjson

from affidavit.audit.timeline.content import Content
from affidavit.audit.timeline.entries import REFUSED, CallEntry, Entry, Fields, Note
from affidavit.audit.timeline.items import Item, Recorded
from affidavit.audit.timeline.values import mapping, text
from affidavit.clock import SECOND, Micros

PATIENCE: Micros = 10 * SECOND  # how long an entry waits for its call's end; a live reader gives less
MOST_WAITING = 2_000  # entries

_REQUESTED, _STREAMED, _ANSWERED, _WITHHELD = "call:requested", "call:streamed", "call:answered", "call:withheld"
_REMEMBERED = 1_000  # calls that have ended; what is said of one after its end comes soon
_CLOSED, _LOST = "writer:closed", "log:writer_lost"
_GATEWAY_GONE = "its gateway was gone before an outcome was recorded"
_NO_OUTCOME = "no outcome is recorded so far"


@dataclass(slots=True)
class _OpenCall:
    """A call while it is being read."""

    call: str
    at: Micros
    writer: str
    begun: Fields | None
    asked: Content | None
    first: str
    last: str
    admitted: bool
    ended: Fields | None = None
    said: Content | None = None
    events: int = 0
    shown: bool = False
    unended: str | None = None

    def entry(self) -> CallEntry:
        return CallEntry(
            at=self.at,
            call=self.call,
            begun=self.begun,
            ended=self.ended,
            asked=self.asked,
            said=self.said,
            events=self.events,
            first=self.first,
            last=self.last,
            resumed=self.shown,
            unended=self.unended,
            admitted=self.admitted,
        )


@dataclass(slots=True)
class Weaver:
    """Makes entries of what is read.

    Attributes:
        admitted: Tells whether the log has admitted a writer.
        session: Of whose calls alone entries are made; None for all.
        keep: How many bytes of what was said an entry holds, at most; None for all.
        patience: How long an entry waits for its call's end.
    """

    admitted: Callable[[str], bool]
    session: str | None = None
    keep: int | None = None
    patience: Micros = PATIENCE
    _waiting: deque[_OpenCall | Entry] = field(default_factory=deque)
    _open: dict[tuple[str, str], _OpenCall] = field(default_factory=dict)
    _ended: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def take(self, item: Item) -> None:
        """Take the next thing that was read."""
        if not isinstance(item, Recorded):
            self._waiting.append(item)
            return
        call = text(item.record.get("call"))
        if item.kind in (_REQUESTED, REFUSED, _STREAMED, _ANSWERED) and call:
            self._take_call(item, call)
        elif self._is_wanted(item):
            self._waiting.append(self._note(item))

    def ready(self, now: Micros) -> Iterator[Entry]:
        """Yield the entries that need not wait any longer at a time."""
        while self._waiting:
            first = self._waiting[0]
            if isinstance(first, _OpenCall):
                waits = first.ended is None and first.unended is None and now - first.at < self.patience
                if waits and len(self._waiting) < MOST_WAITING:
                    return
                self._waiting.popleft()
                yield self._show(first)
            else:
                self._waiting.popleft()
                yield first

    def rest(self) -> Iterator[Entry]:
        """Yield what still waits when nothing more will be read; calls without an end say so."""
        for call in self._open.values():
            call.unended = _NO_OUTCOME
        began_before = [call.entry() for call in self._open.values() if call.shown]
        while self._waiting:
            first = self._waiting.popleft()
            yield self._show(first) if isinstance(first, _OpenCall) else first
        yield from began_before

    def _show(self, call: _OpenCall) -> CallEntry:
        entry = call.entry()
        call.shown = True
        return entry

    def _take_call(self, item: Recorded, call: str) -> None:
        known = self._open.get((item.writer, call))
        if known is None:
            if not self._is_wanted(item):
                return
            known = self._begin(item, call)
            if not known.shown:
                self._waiting.append(known)
        elif known.shown and item.kind != _STREAMED:
            known.at = item.at
            self._waiting.append(known)
        self._go_on(known, item)

    def _begin(self, item: Recorded, call: str) -> _OpenCall:
        begins = item.kind in (_REQUESTED, REFUSED)
        request = mapping(item.record.get("request")) if begins else {}
        known = _OpenCall(
            call=call,
            at=item.at,
            writer=item.writer,
            begun=item.record if begins else None,
            asked=item.content(request).kept(self.keep) if request else None,
            first=item.id,
            last=item.id,
            admitted=self.admitted(item.writer),
            # What streams on from before our beginning is an entry only when it ends.
            shown=item.kind == _STREAMED,
        )
        if item.kind != REFUSED:
            self._open[item.writer, call] = known
        return known

    def _go_on(self, known: _OpenCall, item: Recorded) -> None:
        known.last = item.id
        response = mapping(item.record.get("response"))
        if item.kind == _STREAMED:
            known.events += 1
            content = item.content(response).kept(self.keep)
            if known.said is None or not _answers(known.said):
                known.said = content
        elif item.kind != _REQUESTED:
            known.ended = item.record
            if response:
                known.said = item.content(response).kept(self.keep)
            self._open.pop((item.writer, known.call), None)
            self._ended.append(known.call)

    def _note(self, item: Recorded) -> Note:
        ends = {_CLOSED: item.writer, _LOST: text(item.record.get("about"))}.get(item.kind)
        interrupted = [known for known in self._open.values() if known.writer == ends] if ends else []
        for known in interrupted:
            known.unended = _GATEWAY_GONE
            del self._open[known.writer, known.call]
        return Note(
            at=item.at,
            id=item.id,
            record=item.record,
            admitted=item.segment is None or self.admitted(item.writer),
            interrupted=tuple(known.call for known in interrupted),
        )

    def _is_wanted(self, item: Recorded) -> bool:
        if self.session is None:
            return True
        if item.kind == _WITHHELD:
            return text(item.record.get("call")) in self._ended
        return item.record.get("session") == self.session


def _answers(content: Content) -> bool:
    """Tell whether a streamed message is the answer, and not a notice or a request on the way to it."""
    if content.data is None or not content.whole:
        return True
    try:
        message = orjson.loads(content.data)
    except orjson.JSONDecodeError:
        return False
    return type(message) is dict and ("result" in message or "error" in message)
