"""The records of one writer, a segment at a time, each segment checked before anything in it is believed.

Holds names and one segment, however long the chain is. Whether the log holds them is not known here.

Source: evidence-format sections 3, 4, 6 and 8.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson

from affidavit.audit.segments import LAST_KIND, check_segment
from affidavit.audit.timeline.content import SegmentBodies
from affidavit.audit.timeline.items import Damage, Hole, Item, Recorded, StoredSegment
from affidavit.audit.verify.buckets import Buckets
from affidavit.clock import SECOND, Micros, parse_time
from affidavit.errors import AffidavitError, Malformed, Unavailable
from affidavit.evidence.names import parse_segment_name, registration_name
from affidavit.evidence.registration import Registration, parse_registration
from affidavit.evidence.segment import parse_segment
from affidavit.evidence.stored import unpack

_H16_BITS = 64  # of a segment's key, behind its first_seq: the 16 hex digits of its name
_TRIES = 16  # segments that are asked for a time before the search gives up and begins earlier than it must


def opened(writer: str) -> Micros:
    """Return when a writer was opened, cut to seconds, as its id says; 0 where it says no possible time."""
    try:
        return int(datetime.strptime(writer[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) * SECOND
    except ValueError:
        return 0


class Chain:
    """One writer's records, read forward.

    Attributes:
        at: The time of what was read last.
        closed: Whether `writer:closed` was read.
    """

    def __init__(self, buckets: Buckets, writer: str) -> None:
        self.writer = writer
        self.at = opened(writer)
        self.closed = False
        self._buckets = buckets
        self._registration: Registration | None = None
        self._expected: int | None = 0  # the next seq; None where the last segment could not be read
        self._done = -1  # the key of the last segment that was read
        self._strange: set[str] = set()

    def since(self, at: Micros) -> Iterator[Item]:
        """Yield what is there from a time on."""
        keys, damage = self._list()
        yield from damage
        first = 0
        if at > self.at:
            first = max(0, bisect_left(range(len(keys)), at, key=lambda index: self._time_at(keys, index)) - 1)
        yield from (item for item in self._read_all(keys[first:], begins=first == 0) if item.at >= at)

    def around(self, seq: int) -> Iterator[Item]:
        """Yield the segment that should hold a place, and what follows."""
        keys, _ = self._list()
        first = max(0, bisect_left(keys, (seq + 1) << _H16_BITS) - 1)
        return self._read_all(keys[first:], begins=first == 0)

    def newest(self) -> Micros:
        """Return about when something was said last: when its last segment begins."""
        keys, _ = self._list()
        return self._time_at(keys, len(keys) - 1)

    def unchecked(self) -> Iterator[bytes]:
        """Yield the lines of each segment as they lie there, for a search; nothing in them is to be believed."""
        for key in self._list()[0]:
            try:
                yield unpack(self._buckets.evidence.read(self._name(key)) or b"")
            except (Malformed, Unavailable):
                continue

    def news(self) -> Iterator[Item]:
        """Yield what has come since the last reading."""
        keys, damage = self._list()
        yield from damage
        yield from self._read_all(keys[bisect_left(keys, self._done + 1) :], begins=self._done < 0)

    def _list(self) -> tuple[list[int], list[Damage]]:
        keys: list[int] = []
        damage: list[Damage] = []
        folder = f"segment/{self.writer}/"
        try:
            for name, _ in self._buckets.evidence.members(folder):
                try:
                    named = parse_segment_name(folder + name)
                    keys.append(named.first_seq << _H16_BITS | int(named.h16, 16))
                except Malformed:
                    if name not in self._strange:
                        self._strange.add(name)
                        damage.append(self._damaged(folder + name, "no segment has such a name"))
        except Unavailable as error:
            damage.append(self._damaged(folder, str(error)))
        keys.sort()
        return keys, damage

    def _name(self, key: int) -> str:
        h16 = key & (1 << _H16_BITS) - 1
        return f"segment/{self.writer}/{key >> _H16_BITS:012d}-{h16:016x}.ndjson.gz"

    def _read_all(self, keys: list[int], *, begins: bool) -> Iterator[Item]:
        if not begins and self._done < 0:
            self._expected = None
        at, looked_again = 0, False
        while at < len(keys):
            key = keys[at]
            if not looked_again and self._expected is not None and self._expected < key >> _H16_BITS:
                # While a folder grows, a listing may give what came last and not what came just before it (POSIX
                # readdir). What is there now, and is older than what was listed, was there when this listing begins.
                looked_again = True
                again, damage = self._list()
                yield from damage
                keys, at = [one for one in again if self._done < one <= keys[-1]] or keys[at:], 0
                continue
            at += 1
            if self._registration is None and (problem := self._register()) is not None:
                self._done = keys[-1]
                what = f"{problem}; nobody can tell who wrote its {len(keys)} segments, so they are not shown"
                yield self._damaged(registration_name(self.writer), what)
                return
            self._done = max(self._done, key)
            yield from self._read(key)

    def _read(self, key: int) -> Iterator[Item]:
        name, first_seq = self._name(key), key >> _H16_BITS
        assert self._registration is not None  # noqa: S101 whoever reads has registered
        if self._expected is not None and self._expected < first_seq:
            yield Hole(at=self.at, writer=self.writer, first=self._expected, last=first_seq - 1)
        try:
            stored = self._buckets.evidence.read(name)
            if stored is None:
                raise Unavailable("it was there when the folder was listed, and is gone")
            checked, lines = check_segment(name, stored, self._registration)
        except AffidavitError as error:
            self._expected = None
            yield self._damaged(name, str(error))
            return
        segment = StoredSegment(
            object=self._buckets.evidence.object(name),
            sha256=checked.sha256,
            first_seq=first_seq,
            next_seq=checked.next_seq,
            bodies=SegmentBodies(self._buckets, self.writer, first_seq, checked.bodies),
        )
        self._expected = max(self._expected or 0, checked.next_seq)
        for line in lines:
            record = orjson.loads(line)
            self.at = parse_time(record["time"])
            self.closed = self.closed or record["kind"] == LAST_KIND
            yield Recorded(at=self.at, record=record, line=line, segment=segment)

    def _register(self) -> str | None:
        """Read the registration; return why that cannot be done."""
        name = registration_name(self.writer)
        try:
            data = self._buckets.evidence.read(name)
            if data is None:
                return "it is not there"
            self._registration = parse_registration(name, data)
        except (Malformed, Unavailable) as error:
            return str(error)
        return None

    def _time_at(self, keys: list[int], index: int) -> Micros:
        """Return the time of a segment's first record, or of the nearest before it that can be read."""
        for key in reversed(keys[max(0, index + 1 - _TRIES) : index + 1]):
            try:
                stored = self._buckets.evidence.read(self._name(key))
                lines = parse_segment(unpack(stored or b"")).records
                return parse_time(orjson.loads(lines[0])["time"])
            except (AffidavitError, ValueError, KeyError, TypeError):
                continue
        return 0

    def _damaged(self, name: str, why: str) -> Damage:
        return Damage(at=self.at, object=self._buckets.evidence.object(name), why=why)
