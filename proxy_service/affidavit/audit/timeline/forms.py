"""Entries as JSON objects, for programs: everything that is recorded of a call, bodies decoded where they can be."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from affidavit.audit.timeline.content import Content
from affidavit.audit.timeline.entries import CallEntry, Entry, Note
from affidavit.audit.timeline.items import Hole, Recorded
from affidavit.audit.timeline.message import decoded
from affidavit.audit.timeline.standing import Standing
from affidavit.clock import format_time
from affidavit.errors import Malformed
from affidavit.evidence.body import references
from affidavit.tlog.merkle import leaf_hash

_OF_THE_CHAIN = frozenset({"kind", "prev", "salt", "seq", "time", "v", "writer"})
_ELSEWHERE = frozenset({"call", "request", "response"})


def form(entry: Entry) -> dict[str, Any]:
    """Return an entry's JSON form; `type` says which it is: `call`, `record`, `hole` or `damage`."""
    time = format_time(entry.at)
    if isinstance(entry, CallEntry):
        return {"type": "call", "time": time, **_call(entry)}
    if isinstance(entry, Note):
        more = {"interrupted": list(entry.interrupted)} if entry.interrupted else {}
        return {
            "type": "record",
            "time": time,
            "id": entry.id,
            "admitted": entry.admitted,
            "record": dict(entry.record),
            **more,
        }
    if isinstance(entry, Hole):
        return {"type": "hole", "time": time, "writer": entry.writer, "from": entry.first, "to": entry.last}
    return {"type": "damage", "time": time, "object": entry.object, "why": entry.why}


def record_form(recorded: Recorded, standing: Standing) -> dict[str, Any]:
    """Return a record with all that can be said of it; `bytes` is exactly what its hashes are over."""
    segment = recorded.segment
    return {
        "type": "record",
        "id": recorded.id,
        "sha256": recorded.sha256,
        "leaf": leaf_hash(recorded.line).hex(),
        "segment": None if segment is None else {"object": segment.object, "sha256": segment.sha256},
        "log": {
            "commit": standing.commit,
            "taken": None if standing.taken is None else format_time(standing.taken),
            "position": standing.position,
            "checkpoint": standing.checkpoint,
            "head": standing.head,
            "proved": standing.proved,
            "doubt": standing.doubt,
        },
        "record": dict(recorded.record),
        "bodies": [content_form(recorded.content(reference)) for reference in references(recorded.record)],
        "bytes": recorded.line.decode(),
    }


def content_form(content: Content | None) -> dict[str, Any] | None:
    """Return a content with its reference: what was said as `json`, `text` or `base64`, or the `problem` with it."""
    if content is None:
        return None
    reference = {**content.reference, "object": content.object, "salt": content.salt}
    if content.data is None:
        return {**reference, "problem": content.problem}
    try:
        return {**reference, "json": decoded(content)}
    except Malformed:
        pass
    try:
        return {**reference, "text": content.data.decode()}
    except UnicodeDecodeError:
        return {**reference, "base64": base64.b64encode(content.data).decode()}


def _call(entry: CallEntry) -> dict[str, Any]:
    ended = entry.ended or {}
    return {
        "call": entry.call,
        "first": entry.first,
        "last": entry.last,
        "admitted": entry.admitted,
        "resumed": entry.resumed,
        "requested": _fields(entry.begun),
        "request": content_form(entry.asked),
        "ended": _fields(entry.ended) if entry.ended is not entry.begun else None,
        "outcome": "refused" if entry.refused else ended.get("outcome"),
        "unended": entry.unended,
        "events": entry.events,
        "response": content_form(entry.said),
    }


def _fields(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {name: value for name, value in record.items() if name not in _OF_THE_CHAIN | _ELSEWHERE}
