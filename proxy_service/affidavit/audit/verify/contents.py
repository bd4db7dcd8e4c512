"""The bodies of one segment: is what was said there, and is it what the records say of it?

Source: evidence-format sections 4, 5 (`policy:loaded`, `tool:defined`, `masks`), 6 and 9.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from affidavit.audit.verify.bodies import Mention, check_bodies, first_mentions
from affidavit.audit.verify.facts import AbsentBodies
from affidavit.audit.verify.identities import Said, pick
from affidavit.audit.verify.masks import RECORDED, find_tokens, is_checkable, read_entries
from affidavit.audit.verify.readable import ReadableBodies
from affidavit.audit.verify.salvage import first_wrong
from affidavit.audit.verify.telling import Telling, body_of, shown
from affidavit.clock import Micros
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.names import bodies_name
from affidavit.evidence.segment import Segment
from affidavit.evidence.stored import unpack


@dataclass(slots=True)
class Contents:
    """What one segment's records refer to.

    Attributes:
        times: Of the records that could be read, in order.
        absent: Forms of `AbsentBodies`.
        present: Classes whose bodies object is there.
    """

    buckets: ReadableBodies
    segment: Segment
    telling: Telling
    times: list[Micros]
    unread: list[tuple[str, str, str]] = field(default_factory=list)
    absent: list[tuple[Any, ...]] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    bodies_checked: int = 0
    masks_checked: int = 0
    masks_unchecked: int = 0
    _kept: dict[str, bytes] = field(default_factory=dict)

    def check(self, *, blind: bool) -> None:
        """Check all of them; `blind` says that some records could not be read, so more may be mentioned."""
        by_class, contradictions = first_mentions(self.telling.mentions)
        for first, other in contradictions:
            self._say("bodies", other.offset, f"the size {first.size}, as {self._id(first)} says", str(other.size))
        if set(by_class) != set(self.segment.bodies) and not blind:
            expected = f"the bodies objects of {', '.join(sorted(by_class)) or 'no class'}"
            self._say("segments", 0, expected, ", ".join(sorted(self.segment.bodies)) or "none")
        if self.buckets.given and not blind:
            for retention_class, sha256 in self.segment.bodies.items():
                if retention_class in by_class:
                    self._open(retention_class, sha256, by_class[retention_class])
            self._check_digests()
            self._check_masks()

    def identities(self) -> list[Said]:
        """Return what was said of credentials and keys."""
        return pick(self.telling.identities, self._kept)

    def _say(self, check: str, offset: int, expected: str, found: str) -> None:
        record = f"{self.segment.writer}/{self.segment.first_seq + offset}"
        self.telling.findings.append((check, self.telling.object, record, expected, found))

    def _fail(self, object_: str, mention: Mention | None, expected: str, found: str) -> None:
        record = None if mention is None else self._id(mention)
        self.telling.findings.append(("bodies", object_, record, expected, found))

    def _id(self, mention: Mention) -> str:
        return f"{self.segment.writer}/{self.segment.first_seq + mention.offset}"

    def _open(self, retention_class: str, sha256: str, expected: list[Mention]) -> None:
        bucket = self.buckets.of(retention_class)
        name = bodies_name(self.segment.writer, self.segment.first_seq, sha256)
        object_ = bucket.object(name)
        try:
            stored = bucket.read(name)
        except Unavailable as error:
            self.unread.append(("bodies", object_, str(error)))
            return
        except Malformed as error:  # a folder, a pipe, or longer than any object: there are no bytes to look into
            self._fail(object_, expected[0], f"the bodies object of hash {sha256}", str(error))
            return
        if stored is None:
            self._miss(retention_class, name, expected)
            return
        self.present.append(retention_class)
        try:
            unpacked = _unpack(stored, sha256)
        except Malformed as error:
            self._fail(object_, first_wrong(stored, expected), f"the bodies object of hash {sha256}", str(error))
        else:
            self._compare(object_, unpacked, expected)

    def _compare(self, object_: str, unpacked: bytes, expected: list[Mention]) -> None:
        kept, wrong = check_bodies(unpacked, expected, self._wanted())
        self._kept |= kept
        self.bodies_checked += len(expected)
        for mention, found in wrong:
            what = "no more" if mention is None else f"the body {mention.body} of {mention.size} bytes"
            self._fail(object_, mention, what, found)

    def _wanted(self) -> set[str]:
        wanted = {body for _, body, _, _ in self.telling.digests}
        wanted.update(body for *_, body in self.telling.identities)
        for _, masks, content in self.telling.masked:
            wanted.update(filter(None, (body_of(masks), body_of(content))))
        return wanted

    def _miss(self, retention_class: str, name: str, expected: list[Mention]) -> None:
        last = max(one.offset for one in self.telling.mentions if one.retention_class == retention_class)
        record = f"{self.segment.writer}/{self.segment.first_seq + last}"
        self.absent.append(tuple(AbsentBodies(retention_class, name, len(expected), record, self.times[last])))

    def _check_digests(self) -> None:
        for offset, body, digest, what in self.telling.digests:
            if body in self._kept and hashlib.sha256(self._kept[body]).hexdigest() != digest:
                self._say("chains", offset, f"in `digest` the SHA-256 of the bytes in `{what}`", digest)

    def _check_masks(self) -> None:
        for offset, masks, content in self.telling.masked:
            try:
                entries = self._mask_entries(masks)
            except Malformed as error:
                self._say("masks", offset, "a list of masks", str(error))
                continue
            if entries is None:
                self.masks_unchecked += 1
            for entry in entries or ():
                self._check_mask(entry, content, offset)

    def _mask_entries(self, masks: Any) -> list[dict[str, Any]] | None:
        """Return the entries, None when they are in a body that is not there; raises `Malformed`."""
        body = body_of(masks)
        if body is None:
            return read_entries(masks)
        if body not in self._kept:
            return None
        try:
            return read_entries(orjson.loads(self._kept[body]))
        except orjson.JSONDecodeError as error:
            raise Malformed("the body with the masks is not JSON", code="bad_masks") from error

    def _check_mask(self, entry: dict[str, Any], content: Any, offset: int) -> None:
        if entry["view"] != RECORDED:
            return
        body = body_of(content)
        recorded = self._kept.get(body or "")
        if not is_checkable(entry) or (body is not None and recorded is None):
            self.masks_unchecked += 1
            return
        self.masks_checked += 1
        wrong = "no body is recorded" if recorded is None else find_tokens(entry, recorded)
        if wrong is not None:
            expected = f"{entry['count']} of its tokens at {shown(entry['where'])} for the rule {shown(entry['rule'])}"
            self._say("masks", offset, expected, wrong)


def _unpack(stored: bytes, sha256: str) -> bytes:
    if hashlib.sha256(stored).hexdigest() != sha256:
        raise Malformed("other bytes", code="bad_hash")
    return unpack(stored)
