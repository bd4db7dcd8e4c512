"""The policy then in force, run over recorded bodies again: is anything in them that it should have masked?

Tokens are exempt. What only a detector finds that the writer's version did not have yet is a note. Bodies of versions
that had no masking are not looked at.

Source: evidence-format section 9, `masks`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from affidavit.audit.verify.bodies import read_line
from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.registrations import read_registration
from affidavit.audit.verify.report import RawFinding
from affidavit.audit.verify.telling import body_of, shown
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.names import bodies_name
from affidavit.evidence.segment import Segment, parse_segment
from affidavit.evidence.stored import unpack
from affidavit.masking.detectors import read_version
from affidavit.masking.expressions import BadExpression
from affidavit.masking.rule import Direction, MaskingRule
from affidavit.masking.screen import Screen
from affidavit.masking.tokens import Tokens, known_tokens
from affidavit.masking.walk import MaskingFailed, Walk
from affidavit.mcp.strict_json import parse_json
from affidavit.policy.sections.masking import masking_rules

FIRST_WITH_MASKING = (0, 2, 0)
_MOST = 3  # findings of one body

Version = tuple[int, ...]
_TOKENS = Tokens(bytes(32))  # what is found is counted, never shown


class Said(NamedTuple):
    """One body to look at.

    Attributes:
        offset: Of its record in the segment.
        direction: `request` or `answer`.
        policy: The digest of the file then in force.
    """

    offset: int
    direction: Direction
    policy: str
    upstream: str
    target: str


class Rerun(NamedTuple):
    """What came of one segment; plain values."""

    findings: list[RawFinding]
    notes: int
    checked: int
    unchecked: int


class Reruns:
    """Looks at segments of one copy again.

    Args:
        buckets: Where they lie.
    """

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._rules = lru_cache(maxsize=32)(self._read_rules)
        self._version = lru_cache(maxsize=256)(self._read_version)
        self._screens = lru_cache(maxsize=256)(_screen)

    def has_masking(self, writer: str) -> bool:
        """Tell whether a writer's version masked at all."""
        return self._version(writer) >= FIRST_WITH_MASKING

    def segment(self, name: str, said: Iterable[tuple[Any, ...]], policies: dict[str, str]) -> Rerun:
        """Look at bodies of one segment.

        Args:
            name: Of the segment, which was found to be whole.
            said: Forms of `Said`.
            policies: Digest of a policy to the name of the segment that loads it.
        """
        items = [Said(*one) for one in said]
        try:
            segment = _open(self._buckets, name)
            rules = {digest: self._rules(digest, where) for digest, where in policies.items()}
            bodies = dict(self._bodies(segment, items))
        except (Malformed, Unavailable):  # said already, by those who look at it for itself
            return Rerun([], 0, 0, len(items))
        findings: list[RawFinding] = []
        notes = checked = 0
        version = self._version(segment.writer)
        for item in items:
            body = bodies.get(item.offset)
            if body is None or rules.get(item.policy) is None:
                continue
            checked += 1
            found = list(self._found(item, body, rules[item.policy] or (), version))
            notes += sum(is_new for _, is_new in found)
            record = f"{segment.writer}/{segment.first_seq + item.offset}"
            for what, is_new in found[:_MOST]:
                if not is_new:
                    expected = "a body in which the policy then in force finds nothing more to mask"
                    findings.append(("masks", f"evidence/{name}", record, expected, what))
        return Rerun(findings, notes, checked, len(items) - checked)

    def _found(
        self, item: Said, body: bytes, rules: tuple[MaskingRule, ...], version: Version
    ) -> Iterator[tuple[str, bool]]:
        """Yield what is found, and whether the writer's version could not know it."""
        about = tuple(
            one
            for one in rules
            if "recorded" in one.views
            and one.is_about(upstream=item.upstream, target=item.target, direction=item.direction)
        )
        if not about:
            return
        now = list(_look(self._screens(about, None), body))
        if now:
            then = set(_look(self._screens(about, version), body))
            yield from ((one, one not in then) for one in now)

    def _bodies(self, segment: Segment, items: Iterable[Said]) -> Iterator[tuple[int, bytes]]:
        """Yield the bodies' bytes by offset; what is not what it must be is said elsewhere, and left out here."""
        wanted: dict[str, list[int]] = {}
        classes: set[str] = set()
        for item in items:
            record = _record(segment.records[item.offset])
            reference: Any = record.get("request" if item.direction == "request" else "response")
            if (body := body_of(reference)) is not None:
                wanted.setdefault(body, []).append(item.offset)
                classes.add(reference["class"])
        for retention_class in classes:
            for body, data in self._lines(segment, retention_class, wanted):
                for offset in wanted[body]:
                    yield offset, data

    def _lines(self, segment: Segment, retention_class: str, wanted: Container[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the wanted bodies of one class, as far as they are what their hashes say."""
        sha256 = segment.bodies.get(retention_class)
        if sha256 is None:
            return
        stored = self._buckets.bodies.of(retention_class).read(bodies_name(segment.writer, segment.first_seq, sha256))
        for line in unpack(stored).split(b"\n") if stored is not None else ():
            if line:
                body, salt, data = read_line(line)
                if body in wanted and hashlib.sha256(salt + data).hexdigest() == body:
                    yield body, data

    def _read_rules(self, digest: str, name: str) -> tuple[MaskingRule, ...] | None:
        """Return the masking rules of a policy, None where it cannot be had or is not of a form known here."""
        try:
            segment = _open(self._buckets, name)
            for line in segment.records:
                if digest.encode() in line and (record := _record(line)).get("digest") == digest:
                    reference: Any = record.get("policy")
                    body = body_of(reference)
                    found = self._lines(segment, reference["class"], {body}) if body is not None else ()
                    for _, data in found:
                        if hashlib.sha256(data).hexdigest() == digest:
                            return masking_rules(data)
        except (Malformed, Unavailable):
            return None
        return None

    def _read_version(self, writer: str) -> Version:
        try:
            found = read_registration(self._buckets.evidence, writer)
        except (Malformed, Unavailable):
            return ()
        return () if found is None else read_version(found.version)


def _open(buckets: Buckets, name: str) -> Segment:
    stored = buckets.evidence.read(name)
    if stored is None:
        raise Unavailable(f"{name} is gone")
    return parse_segment(unpack(stored))


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return record if type(record) is dict else {}


def _screen(rules: tuple[MaskingRule, ...], version: Version | None) -> Screen:
    return Screen(rules, version)


def _look(screen: Screen, body: bytes) -> Iterator[str]:
    """Yield what rules find in a body, as findings say it: never the value itself."""
    tokens = known_tokens(rule.name for rule in screen.rules)
    for part in _parts(body):
        walk = Walk(screen, _TOKENS.recorded_bytes, tokens, whole_blobs=True)
        try:
            if type(part) is bytes:
                if walk.plain(part)[0] is not part:
                    yield "a rule finds something in its text"
            else:
                walk.value(part)
        except (MaskingFailed, BadExpression) as error:
            yield str(error)
        for change in walk.changes:
            for rule in change.counts(tokens):
                yield f"the rule {shown(rule)} finds something at pointer:{shown(change.pointer)}"


def _parts(body: bytes) -> Iterator[Any]:
    """Yield a body's JSON, or what is in the data of each event of a stream, and its texts as bytes."""
    whole = _parsed(body)
    if whole is not _NOT_JSON:
        yield whole
        return
    for event in _EVENTS.split(body):
        lines = event.splitlines()
        data = b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(_DATA))
        value = _parsed(data)
        if value is _NOT_JSON:
            yield event
        else:
            yield value
            yield b"\n".join(line for line in lines if not line.startswith(_DATA))


def _parsed(text: bytes) -> Any:
    try:
        return parse_json(text)
    except Malformed:
        return _NOT_JSON


_EVENTS = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_NOT_JSON = object()
_DATA = b"data:"  # WHATWG HTML, "Server-sent events"
