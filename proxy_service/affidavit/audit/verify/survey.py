"""A first, quick look at all commits: how long the log is, which segments came late, how long bodies are kept.

Believes nothing: what it finds only says where to look. The thorough look comes after it.

Source: evidence-format sections 5 (`log:late`, `log:retention`) and 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from affidavit.audit.commit import NamedSegment, parse_commit
from affidavit.audit.verify.readable import Readable
from affidavit.audit.verify.retention import Retention, read_classes
from affidavit.clock import Micros, parse_time
from affidavit.errors import Malformed, Unavailable
from affidavit.evidence.names import commit_name, parse_segment_name


@dataclass(slots=True)
class Survey:
    """What the commits seem to say.

    Attributes:
        size: Where the last one ends.
        whole: No commit follows it, as far as can be seen.
        last_time: Of the last one; None if there is none.
        late: Writer to the segments that came late, each with its first `seq`.
        retention: All that was stated about disposal.
    """

    size: int = 0
    whole: bool = True
    last_time: Micros | None = None
    late: dict[str, list[tuple[int, NamedSegment]]] = field(default_factory=dict)
    retention: Retention = field(default_factory=Retention)

    def late_between(self, writer: str, first: int, last: int) -> Iterator[tuple[int, NamedSegment]]:
        """Yield the late segments of a writer that lie in a hole (inclusive), in the order of `seq`."""
        for first_seq, named in sorted(self.late.get(writer, ()), key=lambda one: one[0]):
            if first <= first_seq and first_seq + named.count - 1 <= last:
                yield first_seq, named


def survey(evidence: Readable, seen: Survey, most: int | None = None) -> None:
    """Look at commits from where `seen` ends, until one is missing or makes no sense, or `most` records are seen."""
    end = None if most is None else seen.size + most
    while (commit := _read(evidence, commit_name(seen.size))) is not None:
        size, time, data = commit
        if size <= seen.size:
            break
        if end is not None and seen.size >= end:
            seen.whole = False
            break
        if b'"kind\\":\\"log:late' in data or b'"kind\\":\\"log:retention' in data:
            _look_closely(seen, data)
        seen.size, seen.last_time = size, time


def _read(evidence: Readable, name: str) -> tuple[int, Micros, bytes] | None:
    try:
        data = evidence.read(name)
        value = orjson.loads(data) if data is not None else None
        size, time = (value["size"], value["time"]) if type(value) is dict else (0, "")
        return (size, parse_time(time), data or b"") if type(size) is int and type(time) is str else None
    except (Malformed, Unavailable, ValueError, KeyError):
        return None


def _look_closely(seen: Survey, data: bytes) -> None:
    try:
        commit = parse_commit(data)
        statements: list[Any] = [orjson.loads(text) for text in commit.statements]
    except (Malformed, orjson.JSONDecodeError, TypeError, RecursionError):
        return
    late: set[tuple[Any, Any, Any]] = set()
    for statement in statements:
        kind = statement.get("kind") if type(statement) is dict else None
        if kind == "log:retention" and (classes := read_classes(statement.get("classes"))) is not None:
            seen.retention.state(commit.time, classes)
        elif kind == "log:late":
            late.add((_plain(statement.get("about")), _plain(statement.get("from")), _plain(statement.get("to"))))
    for segment in commit.segments:
        named = parse_segment_name(segment.name)
        if (named.writer, named.first_seq, named.first_seq + segment.count - 1) in late:
            seen.late.setdefault(named.writer, []).append((named.first_seq, segment))


def _plain(value: Any) -> Any:
    return value if type(value) in (str, int) else None
