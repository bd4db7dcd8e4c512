"""Calls of one chain, in the order of `seq`: each begun one ends exactly once.

Keeps what is open, and eight bytes for each call that has ended.

Source: evidence-format sections 5 and 9, `calls`; the last sentence of `approvals`.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.audit.verify.facts import CallEvent, unpack_events
from affidavit.audit.verify.report import RawFinding
from affidavit.audit.verify.shapes import each, flag, members, number, pack, row, unpack, wrong

MOST_SAVED = 65_536  # ended calls of one chain, 0.7 MB as JSON; twice as many may be
_FIRST_SLOTS = 8  # most writers say little
_Wrong = tuple[str, str, str] | None  # check, expected, found
_ANSWERED = 1  # the last bit of a key, which is always even


class CallSet:
    """Keys of calls that have ended, and whether by an answer: open addressing in one array of int64."""

    def __init__(self) -> None:
        self._slots = array("q", bytes(8 * _FIRST_SLOTS))
        self._mask = _FIRST_SLOTS - 1
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, key: int, *, answered: bool) -> None:
        """Put in a key that is not in it."""
        if 3 * self._count > 2 * self._mask:
            self._grow()
        self._put(key | answered)
        self._count += 1

    def find(self, key: int) -> bool | None:
        """Return whether a call was answered; None if it is not in it."""
        slots, mask = self._slots, self._mask
        at = key >> 1 & mask
        while (slot := slots[at]) != 0:
            if slot & ~_ANSWERED == key:
                return bool(slot & _ANSWERED)
            at = at + 1 & mask
        return None

    def save(self) -> bytes:
        """Return what is in it, 8 bytes each, in no order."""
        values = array("q", (value for value in self._slots if value))
        if sys.byteorder == "big":
            values.byteswap()
        return values.tobytes()

    @classmethod
    def of(cls, saved: bytes) -> CallSet:
        """Return the set that `save` gave."""
        values = array("q")
        values.frombytes(saved)
        if sys.byteorder == "big":
            values.byteswap()
        calls = cls()
        for value in values:
            calls.add(value & ~_ANSWERED, answered=bool(value & _ANSWERED))
        return calls

    def _put(self, value: int) -> None:
        slots, mask = self._slots, self._mask
        at = value >> 1 & mask
        while slots[at] != 0:
            at = at + 1 & mask
        slots[at] = value

    def _grow(self) -> None:
        old = self._slots
        self._mask = 2 * self._mask + 1
        self._slots = array("q", bytes(8 * (self._mask + 1)))
        for value in old:
            if value:
                self._put(value)


@dataclass(slots=True)
class OpenCall:
    """A call that has begun.

    Attributes:
        seq: Of its `call:requested`.
        events: How many were seen.
        to_refuse: Its policy does not allow it.
        loose: Records of its chain are missing since it began, so its events and its end may be among them.
    """

    seq: int
    events: int = 0
    to_refuse: bool = False
    loose: bool = False


class Calls:
    """The calls of one chain."""

    def __init__(self, writer: str) -> None:
        self._writer = writer
        self._ended = CallSet()
        self._before = CallSet()  # those that ended longest ago, where all would be too many to save
        self._gaps = False  # records were missing, so a call may have begun or ended there
        self.open: dict[int, OpenCall] = {}
        self.begun = 0

    def save(self) -> dict[str, Any]:
        """Return what is known as JSON: all that is open, and of what has ended the newest `MOST_SAVED` at least."""
        before, ended = self._before, self._ended
        if len(ended) > MOST_SAVED:
            before, ended = ended, CallSet()
        return {
            "ended": [pack(before.save()), pack(ended.save())],
            "gaps": self._gaps,
            "open": [
                [pack(key.to_bytes(8, "big")), call.seq, call.events, call.to_refuse, call.loose]
                for key, call in self.open.items()
            ],
        }

    @classmethod
    def restore(cls, writer: str, saved: Any) -> Calls:
        """Go on from what `save` gave; raises `Malformed`."""
        calls = cls(writer)
        ended, gaps, open_ = members(saved, "ended", "gaps", "open")
        calls._before, calls._ended = (CallSet.of(unpack(one, 8)) for one in row(ended, 2))
        calls._gaps = flag(gaps)
        for key, seq, events, to_refuse, loose in each(open_, lambda one: row(one, 5)):
            call = OpenCall(number(seq), number(events), flag(to_refuse), flag(loose))
            calls.open[_key(key)] = call
        return calls

    def miss(self) -> None:
        """Take note that records are missing here."""
        self._gaps = True
        for call in self.open.values():
            call.loose = True

    def feed(self, packed: bytes, first_seq: int, object_: str) -> Iterator[RawFinding]:
        """Take the events of the next segment; yield what is wrong."""
        for key, code, offset, event in unpack_events(packed):
            wrong = _STEPS[code](self, key, first_seq + offset, event)
            if wrong is not None:
                check, expected, found = wrong
                yield check, object_, f"{self._writer}/{first_seq + offset}", expected, found

    def close(self) -> Iterator[tuple[int, OpenCall]]:
        """Yield what is still open when the chain ends, loose ones left out; forget all."""
        for call in self.open.values():
            if not call.loose:
                yield call.seq, call
        self.open = {}
        self._ended, self._before = CallSet(), CallSet()

    def requested(self, key: int, seq: int, _: int) -> _Wrong:
        """`call:requested` of a call that may go on."""
        return self._begin(key, OpenCall(seq))

    def requested_to_refuse(self, key: int, seq: int, _: int) -> _Wrong:
        """`call:requested` of a call that must end in a refusal."""
        return self._begin(key, OpenCall(seq, to_refuse=True))

    def _find(self, key: int) -> bool | None:
        """Return whether a call that has ended was answered; None if it has not ended."""
        found = self._ended.find(key)
        return self._before.find(key) if found is None and len(self._before) else found

    def _begin(self, key: int, call: OpenCall) -> _Wrong:
        if key in self.open or self._find(key) is not None:
            return "calls", "one call:requested for each call, before its end", "this call was there before"
        self.open[key] = call
        self.begun += 1
        return None

    def streamed(self, key: int, _: int, event: int) -> _Wrong:
        """`call:streamed`: the next event of an open call."""
        call = self.open.get(key)
        if call is None:
            if self._find(key) is not None:
                return "calls", "no event after the end of a call", f"event {event}"
            return None if self._gaps else ("calls", "an event of a call that was requested", "no such call")
        if event != call.events and not (call.loose and event > call.events):
            return "calls", f"event {call.events}", f"event {event}"
        call.events, call.loose = event + 1, False  # what goes on after a gap had its end not in it
        return self._must_not_go_on(call)

    def answered(self, key: int, _: int, __: int) -> _Wrong:
        """`call:answered`: the end."""
        call = self.open.pop(key, None)
        if call is not None:
            self._ended.add(key, answered=True)
            return self._must_not_go_on(call)
        if self._find(key) is not None:
            return "calls", "exactly one end of a call", "another call:answered"
        if not self._gaps:
            return "calls", "the answer to a call that was requested", "no such call"
        self._ended.add(key, answered=True)
        return None

    def refused(self, key: int, _: int, __: int) -> _Wrong:
        """`call:refused`: the end, of a call that was begun or not."""
        call = self.open.pop(key, None)
        if call is None:
            if self._find(key) is not None:
                return "calls", "exactly one end of a call", "another call:refused"
            self.begun += 1  # a call that is refused at once begins and ends here
        self._ended.add(key, answered=False)
        return None

    def withheld(self, key: int, _: int, __: int) -> _Wrong:
        """`call:withheld`: only after an answer."""
        call, answered = self.open.get(key), self._find(key)
        missed = self._gaps and answered is None and (call is None or call.loose)
        return None if answered or missed else ("calls", "its call:answered before call:withheld", "none")

    @staticmethod
    def _must_not_go_on(call: OpenCall) -> _Wrong:
        if not call.to_refuse:
            return None
        return "approvals", "a call:refused, because its policy does not allow the call", "it went on"


def _key(saved: Any) -> int:
    key = int.from_bytes(unpack(saved, 8), "big")
    if not 0 < key < 1 << 63:
        raise wrong("key of a call")
    return key


_STEPS: Mapping[int, Callable[[Calls, int, int, int], _Wrong]] = {
    CallEvent.REQUESTED: Calls.requested,
    CallEvent.REQUESTED_TO_REFUSE: Calls.requested_to_refuse,
    CallEvent.STREAMED: Calls.streamed,
    CallEvent.ANSWERED: Calls.answered,
    CallEvent.REFUSED: Calls.refused,
    CallEvent.WITHHELD: Calls.withheld,
}
