"""One stored segment, examined by itself: form, signature, records.

Everything here needs no other segment, so any process may do it. What needs the order of the log is handed on as facts.

Source: evidence-format sections 1, 4, 6 and 9.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.contents import Contents
from affidavit.audit.verify.facts import ABSENT, ALTERED, MALFORMED, UNREADABLE, WHOLE, CallKeys, SegmentFacts
from affidavit.audit.verify.kinds import OPENED, is_known, may_say
from affidavit.audit.verify.readable import Readable
from affidavit.audit.verify.records import Record, RecordReader
from affidavit.audit.verify.rerun import Reruns
from affidavit.audit.verify.telling import Place, Telling, shown
from affidavit.clock import Micros
from affidavit.errors import Malformed, Unavailable, VerificationFailed
from affidavit.evidence.names import parse_segment_name
from affidavit.evidence.segment import Segment, parse_segment
from affidavit.evidence.stored import unpack

ALIVE = "writer:alive"
_LEAF = b"\x00"  # RFC 6962 section 2.1


class Examiner:
    """Examines segments of one copy.

    Args:
        buckets: Where they lie.
        seed: At least 16 bytes, the same in every process that works on this copy.
    """

    def __init__(self, buckets: Buckets, seed: bytes) -> None:
        self._buckets = buckets
        self._keys = CallKeys(seed)
        self._reader = RecordReader()
        self.reruns = Reruns(buckets)

    def committed(self, name: str, sha256: str, count: int, key: bytes, role: str) -> SegmentFacts:
        """Examine a segment that a commit names.

        Args:
            name: Where it stands.
            sha256: Of its stored bytes, as the commit says.
            count: Records in it, as the commit says.
            key: The writer's registered key; empty if there is none.
            role: The writer's registered role; empty if there is none.
        """
        object_ = self._buckets.evidence.object(name)
        stored = read_or_say(self._buckets.evidence, name, "segments")
        if isinstance(stored, SegmentFacts):
            return stored
        if hashlib.sha256(stored).hexdigest() != sha256:
            return SegmentFacts(ALTERED, [], [])
        try:
            segment = open_segment(name, stored)
        except Malformed as error:
            finding = ("segments", object_, None, "a segment under its right name", str(error))
            return SegmentFacts(MALFORMED, [finding], [])
        facts = self.examine(object_, segment, key, role)
        if len(segment.records) != count:
            found = f"{len(segment.records)} records"
            facts.findings.append(("segments", object_, None, f"{count} records, as the commit says", found))
            return SegmentFacts(MALFORMED, facts.findings, facts.unread)
        return facts

    def examine(self, object_: str, segment: Segment, key: bytes, role: str) -> SegmentFacts:
        """Examine an opened segment; arguments as for `committed`."""
        again = self._buckets.bodies.given and bool(segment.bodies) and self.reruns.has_masking(segment.writer)
        telling = Telling(self._keys, object_, role or None, said=[] if again else None)
        records = _Records(segment, self._reader, telling)
        if key and not is_signed(segment, key):
            records.say("segments", 0, "a signature by the writer's registered key", "one that does not verify")
        records.read()
        contents = Contents(self._buckets.bodies, segment, telling, records.times)
        contents.check(blind=records.blind)
        times = records.times or [0]
        return SegmentFacts(
            state=WHOLE,
            findings=telling.findings,
            unread=contents.unread,
            leaves=b"".join(records.leaves),
            prev=records.first_prev,
            last=records.last,
            first_time=times[0],
            last_time=max(times),
            closed=telling.closed,
            blind=records.blind,
            calls=telling.calls.pack(),
            details=telling.details,
            unknown=[(kind, count) for kind, count in records.kinds.items() if not is_known(kind)],
            absent=contents.absent,
            bodies=contents.present,
            bodies_checked=contents.bodies_checked,
            masks_checked=contents.masks_checked,
            masks_unchecked=contents.masks_unchecked,
            said=telling.said or (),
            identities=contents.identities() if telling.identities else (),
        )


def read_or_say(bucket: Readable, name: str, check: str) -> bytes | SegmentFacts:
    """Return an object's bytes, or the facts of one that is not there to be examined."""
    try:
        stored = bucket.read(name)
    except Malformed as error:
        return SegmentFacts(MALFORMED, [(check, bucket.object(name), None, "an object", str(error))], [])
    except Unavailable as error:
        return SegmentFacts(UNREADABLE, [], [(check, bucket.object(name), str(error))])
    return SegmentFacts(ABSENT, [], []) if stored is None else stored


def open_segment(name: str, stored: bytes) -> Segment:
    """Return the segment in stored bytes, if its header is that of the name; raises `Malformed`."""
    named = parse_segment_name(name)
    segment = read_segment(stored)
    if (segment.writer, segment.first_seq) != (named.writer, named.first_seq):
        raise Malformed("the header is of another writer or place than the name", code="bad_name")
    return segment


def read_segment(stored: bytes) -> Segment:
    """Return the segment in stored bytes, whatever its name; raises `Malformed`."""
    try:
        return parse_segment(unpack(stored))
    except (TypeError, RecursionError) as error:  # JSON that is nested deeper than anything can be printed
        raise Malformed("its header is nested too deep", code="bad_segment") from error


def is_signed(segment: Segment, key: bytes) -> bool:
    """Tell whether a segment's signature is by a key of 32 raw bytes."""
    try:
        segment.verify(_public_key(key))
    except VerificationFailed:
        return False
    return True


@lru_cache(maxsize=64)
def _public_key(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


@dataclass(slots=True)
class _Records:
    """The records of one segment, read in their order."""

    segment: Segment
    reader: RecordReader
    telling: Telling
    leaves: list[bytes] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    times: list[Micros] = field(default_factory=list)
    first_prev: str | None = None
    last: str = ""
    blind: bool = False

    def say(self, check: str, offset: int, expected: str, found: str) -> None:
        """Say that a record is not what it must be."""
        record = f"{self.segment.writer}/{self.segment.first_seq + offset}"
        self.telling.findings.append((check, self.telling.object, record, expected, found))

    def read(self) -> None:
        """Read all of them."""
        segment, telling = self.segment, self.telling
        prev: str | None = None
        place = Place(segment.writer, segment.first_seq)
        for offset, line in enumerate(segment.records):
            self.leaves.append(hashlib.sha256(_LEAF + line).digest())
            self.last = hashlib.sha256(line).hexdigest()
            try:
                record, references = self.reader.read(line)
            except Malformed as error:
                self.say("segments", offset, "a canonical record", str(error))
                self.blind = True
            else:
                place.offset, place.sha256, place.time = offset, self.last, self._time(record, offset)
                if self._stands(record, offset, prev):
                    telling.mention(references, place)
                    telling.hear(record, place)
            prev = self.last

    def _stands(self, record: Record, offset: int, prev: str | None) -> bool:
        """Hold a record's own fields against where it stands; tell whether it can be listened to."""
        if prev is None and offset == 0:
            self._begins(record)
        elif record.get("prev") != prev:
            self.say("chains", offset, f"the `prev` {prev}", shown(record.get("prev")))
        seq, writer = record.get("seq"), record.get("writer")
        if seq != self.segment.first_seq + offset or type(seq) is not int or writer != self.segment.writer:
            self.say("chains", offset, "the next place of this chain", f"{shown(writer)}, seq {shown(seq)}")
        if not self.reader.has_form(record):
            self.say("segments", offset, "`v` 1, 16 bytes of `salt`, a `kind`", "another form")
            self.blind = True
            return False
        self._check_kind(record["kind"], offset)
        return True

    def _begins(self, record: Record) -> None:
        prev = record.get("prev")
        self.first_prev = prev if type(prev) is str else ""
        if prev != self.segment.prev:
            self.say("segments", 0, "in the header the `prev` of the first record", self.segment.prev)

    def _check_kind(self, kind: str, offset: int) -> None:
        if self.telling.closed:
            self.say("chains", offset, "nothing after writer:closed", kind)
        if (kind == OPENED) != (self.segment.first_seq + offset == 0):
            self.say("chains", offset, f"{OPENED} at seq 0, and only there", kind)
        if kind not in self.kinds:
            self.kinds[kind] = 0
            role = self.telling.role
            if role is not None and not may_say(role, kind):
                self.say("chains", offset, f"a kind that the role {role} may say", kind)
        self.kinds[kind] += 1

    def _time(self, record: Record, offset: int) -> Micros:
        try:
            at = self.reader.time(record.get("time"))
        except ValueError:
            self.say("chains", offset, "a time", shown(record.get("time")))
            at = self.times[-1] if self.times else 0
        if self.times and at < self.times[-1]:
            self.say("chains", offset, "a time not before that of the record before it", str(record["time"]))
        self.times.append(at)
        return at
