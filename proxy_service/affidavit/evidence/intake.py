"""What was published becomes what is stored: each object is checked, then created under its name.

Takes objects in any order and any number of times. What fails a check is kept in the quarantine, loudly, and never
asked for again. The handler of the cloud function `write_evidence`, and a step of the embedded worker.

Never changes a byte; never decides what enters the log.

Source: evidence-format sections 1, 2 and 6.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from affidavit.errors import Malformed, VerificationFailed
from affidavit.evidence.body import decode_bodies
from affidavit.evidence.names import RETENTION_CLASS, parse_bodies_name, parse_segment_name
from affidavit.evidence.names import registration_name as name_of_registration
from affidavit.evidence.ports import EvidenceObject, EvidenceStore
from affidavit.evidence.registration import Registration, parse_registration
from affidavit.evidence.segment import MAX_RECORD_BYTES, Segment, parse_segment
from affidavit.evidence.stored import unpack

QUARANTINED = "evidence_quarantined"  # the alarm's stable name
KNOWN_WRITERS = 256  # registrations kept in memory; others are read again

_PLAIN_NAME = re.compile(r"(?!(?:.*/)?\.)[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*", re.ASCII)
_LONGEST = 500  # characters; Cloud Storage takes names of 1,024 bytes

_diagnostics = logging.getLogger("affidavit.intake")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where objects go: the evidence bucket, a bucket for each retention class, and where the failed ones lie."""

    evidence: EvidenceStore
    bodies: Callable[[str], EvidenceStore]
    quarantine: EvidenceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a delivery.

    Attributes:
        created: Names in the evidence bucket that were free and are now taken by what was delivered.
        early: Segments and bodies whose writer is not registered yet: deliver them again later, or `refuse` them where
            nothing can come later.
        refused: Names, as they claim them, of objects that are in the quarantine now.
    """

    created: tuple[str, ...]
    early: tuple[EvidenceObject, ...]
    refused: tuple[str, ...]


class Intake:
    """Checks and stores deliveries of one log; any number of threads may deliver at once.

    Args:
        stores: Where objects go.
        origin: The log's name; a registration for another log is refused.
    """

    def __init__(self, stores: Stores, *, origin: str) -> None:
        self._stores = stores
        self._origin = origin
        self._writers: OrderedDict[str, Registration] = OrderedDict()
        self._writers_lock = threading.Lock()

    def take(self, objects: Iterable[EvidenceObject]) -> Taken:
        """Check objects and create them.

        Raises:
            Unavailable, OutcomeUnknown: Not everything is stored; delivering all of it again is right.
        """
        bodies: list[EvidenceObject] = []
        registrations: dict[str, bytes] = {}
        segments: list[EvidenceObject] = []
        refused: list[str] = []
        for one in objects:
            if one.bucket == "evidence" and one.name.startswith("segment/"):
                segments.append(one)
            elif not self._sound(one):
                refused.append(one.name)
            elif one.bucket == "body":
                bodies.append(one)
            else:
                registrations[one.name] = one.data
        created = self._register(registrations, refused)
        # Before the segments that need them.
        early = self._store_bodies(bodies, refused)
        behind, sound = self._checked(segments, refused)
        early += behind
        taken = self._stores.evidence.create(sound) if sound else frozenset()
        created += [name for name in sound if name not in taken]
        return Taken(created=tuple(created), early=tuple(early), refused=tuple(refused))

    def refuse(self, objects: Sequence[EvidenceObject], why: str) -> None:
        """Keep objects in the quarantine instead of storing them; raises as `take` does."""
        for one in objects:
            self._quarantine(one, why)

    def _register(self, registrations: Mapping[str, bytes], refused: list[str]) -> list[str]:
        if not registrations:
            return []
        taken = self._stores.evidence.create(registrations)
        for name in taken:
            # The name does not hold the content's hash: "taken" is "done" only if the same is there.
            if self._stores.evidence.read(name) != registrations[name]:
                one = EvidenceObject("evidence", "", name, registrations[name])
                self._quarantine(one, "another registration of this writer is stored already")
                refused.append(name)
        return [name for name in registrations if name not in taken]

    def _store_bodies(self, bodies: Iterable[EvidenceObject], refused: list[str]) -> list[EvidenceObject]:
        """Create bodies objects of registered writers, and return the others: nobody signs those, and they stay."""
        early: list[EvidenceObject] = []
        sound: dict[str, dict[str, bytes]] = {}
        for one in bodies:
            try:
                registration = self._registration(parse_bodies_name(one.name).writer)
            except Malformed as error:
                self._quarantine(one, str(error))
                refused.append(one.name)
                continue
            if registration is None:
                early.append(one)
            else:
                sound.setdefault(one.retention_class, {})[one.name] = one.data
        for retention_class, named in sound.items():
            self._stores.bodies(retention_class).create(named)
        return early

    def _checked(
        self, segments: Iterable[EvidenceObject], refused: list[str]
    ) -> tuple[list[EvidenceObject], dict[str, bytes]]:
        early: list[EvidenceObject] = []
        sound: dict[str, bytes] = {}
        for one in segments:
            try:
                segment = _read_segment(one)
                registration = self._registration(segment.writer)
                if registration is None:
                    early.append(one)
                    continue
                segment.verify(registration.key)
            except (Malformed, VerificationFailed) as error:
                self._quarantine(one, str(error))
                refused.append(one.name)
            else:
                sound[one.name] = one.data
        return early, sound

    def _registration(self, writer: str) -> Registration | None:
        with self._writers_lock:
            known = self._writers.get(writer)
            if known is not None:
                self._writers.move_to_end(writer)
                return known
        # Nothing is held while the store is asked: two that ask at once are told the same.
        name = name_of_registration(writer)
        data = self._stores.evidence.read(name)
        if data is None:
            return None
        known = self._parse_registration(name, data)
        with self._writers_lock:
            self._writers[writer] = known
            if len(self._writers) > KNOWN_WRITERS:
                self._writers.popitem(last=False)
        return known

    def _parse_registration(self, name: str, data: bytes) -> Registration:
        registration = parse_registration(name, data)
        if registration.origin != self._origin:
            raise Malformed("a registration for another log", code="wrong_origin")
        return registration

    def _sound(self, one: EvidenceObject) -> bool:
        try:
            if one.bucket == "body":
                _check_bodies(one)
            else:
                self._parse_registration(one.name, one.data)
        except Malformed as error:
            self._quarantine(one, str(error))
            return False
        return True

    def _quarantine(self, one: EvidenceObject, why: str) -> None:
        keep(self._stores.quarantine, f"{one.bucket}/{one.retention_class or '-'}/{one.name}", one.data, why)


def keep(quarantine: EvidenceStore, name: str, data: bytes, why: str) -> None:
    """Put bytes in the quarantine under a name of their own, and say so.

    Two different contents may claim one name, so the content's hash is part of where it lies; what claims a name that
    no store would take lies under that hash alone.

    Raises:
        Unavailable, OutcomeUnknown: It may not be there.
    """
    h16 = hashlib.sha256(data).hexdigest()[:16]
    is_plain = len(name) <= _LONGEST and _PLAIN_NAME.fullmatch(name)
    place = f"{name}.{h16}" if is_plain else f"unnamed/{h16}"
    quarantine.create({place: data})
    shown = {"alarm": QUARANTINED, "object": place}
    _diagnostics.error("an object is in quarantine: %.200r: %.500s", name, why, extra=shown)


def _check_bodies(one: EvidenceObject) -> None:
    if not RETENTION_CLASS.fullmatch(one.retention_class):
        raise Malformed("a bodies object of no retention class", code="bad_class")
    if not parse_bodies_name(one.name).matches(one.data):
        raise Malformed("a bodies object does not hash to its name", code="bad_name")
    for _ in decode_bodies(unpack(one.data), retention_class=one.retention_class):
        pass  # each line is checked as it is read


def _read_segment(one: EvidenceObject) -> Segment:
    named = parse_segment_name(one.name)
    if not named.matches(one.data):
        raise Malformed("a segment does not hash to its name", code="bad_name")
    segment = parse_segment(unpack(one.data))
    if (segment.writer, segment.first_seq) != (named.writer, named.first_seq):
        raise Malformed("a segment is not of the writer and place that its name says", code="bad_name")
    if any(len(record) > MAX_RECORD_BYTES for record in segment.records):
        raise Malformed("a record is longer than a log entry may be", code="record_too_long")
    return segment
