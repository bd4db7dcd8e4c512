"""Writes a folder of gateway evidence, fast: real writers, signatures and bodies, calls that never happened.

What it leaves is what a gateway and the evidence writer of its worker leave, before anything is in the log. Calls
overlap as under load: each segment answers the calls that the one before it asked, and asks the next.

Source: evidence-format sections 2 to 6; 300-byte bodies and about 32 records a segment are what the gateway makes with
32 connections.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.clock import SECOND, Micros, format_time
from affidavit.evidence.body import Body
from affidavit.evidence.canonical import encode
from affidavit.evidence.ports import EvidenceObject
from affidavit.evidence.writer import Entry, Writer
from affidavit.gateway.call import call_id
from performance.traffic import FIRST_ID, REQUESTS, answer, request

ORIGIN = "gateway.example.com/bench"
CALLS_A_SEGMENT = 16  # asked, and as many answered: 32 records
CLASS = "standard"
CREATED_ONCE = 0o444
SPAN: Micros = 300 * SECOND  # what the records' times stretch over: no writer may look lost, so it is well under 30 min
_POLICY = b"version: 1\norigin: gateway.example.com/bench\n# the rules of a gateway, about a screen of them\n" * 20
_RANDOM_BYTES = 1 << 16  # drawn at once


@dataclass(frozen=True, slots=True)
class Generated:
    """What was written: records, their bytes, the bytes of all objects, and how many objects."""

    records: int
    record_bytes: int
    stored_bytes: int
    objects: int


def generate(data: Path, *, records: int, writers: int, until: Micros) -> Generated:
    """Write about so many records into a data folder, one process for each writer.

    Args:
        data: The data folder; receives `evidence/` and `bodies/`.
        records: Of all writers together.
        writers: Chains, side by side.
        until: When the last records were made.
    """
    each = [records // writers] * writers
    context = multiprocessing.get_context("spawn")  # what was imported here must not weigh in there
    with ProcessPoolExecutor(min(writers, os.cpu_count() or 1), mp_context=context) as pool:
        made = list(pool.map(_generate_chain, [data] * writers, each, [until] * writers))
    return Generated(
        sum(one.records for one in made),
        sum(one.record_bytes for one in made),
        sum(one.stored_bytes for one in made),
        sum(one.objects for one in made),
    )


def _generate_chain(data: Path, records: int, until: Micros) -> Generated:
    clock = _Steps(until - SPAN, until, records)
    writer = Writer(
        origin=ORIGIN,
        role="gateway",
        config_sha256=hashlib.sha256(_POLICY).hexdigest(),
        clock=clock,
        random=_BulkRandom(),
        key=Ed25519PrivateKey.generate(),
    )
    files = _Files(data, writer)
    count = size = 0
    for segment in _segments(writer, clock, records):
        for one in writer.seal(segment):
            files.write(one)
        count += len(segment)
        size += sum(len(entry.line) for entry in segment)
    return Generated(count, size, files.stored, files.count)


def _segments(writer: Writer, clock: _Steps, records: int) -> Iterator[list[Entry]]:
    calls = _Calls(writer, clock)
    yield calls.opening()
    asked: list[str] = []
    while writer.next_seq < records - 2 * CALLS_A_SEGMENT:
        entries = [calls.answered(call, number) for number, call in enumerate(asked)]
        asked, more = calls.asked(CALLS_A_SEGMENT)
        yield entries + more
    yield [calls.answered(call, number) for number, call in enumerate(asked)]
    yield calls.closing()


class _Steps:
    """A clock that goes on a little each time it is read, so that all records stretch over one span."""

    def __init__(self, start: Micros, end: Micros, records: int) -> None:
        self._now = start
        self._step = max(1, (end - start) // (records * 2))

    def __call__(self) -> Micros:
        self._now += self._step
        return self._now


class _BulkRandom:
    """Random bytes, drawn from the system in bulk."""

    def __init__(self) -> None:
        self._drawn, self._at = b"", 0

    def __call__(self, count: int) -> bytes:
        if self._at + count > len(self._drawn):
            self._drawn, self._at = os.urandom(_RANDOM_BYTES), 0
        self._at += count
        return self._drawn[self._at - count : self._at]


class _Files:
    """Objects to files of a data folder; not synced, since nothing here must survive a crash."""

    def __init__(self, data: Path, writer: Writer) -> None:
        self._roots = {"evidence": data / "evidence", "body": data / "bodies" / CLASS}
        for folder in ("evidence/writer", f"evidence/segment/{writer.id}", f"bodies/{CLASS}/{writer.id}"):
            (data / folder).mkdir(parents=True, exist_ok=True)
        self.stored = self.count = 0
        self.write(EvidenceObject("evidence", "", writer.registration_name, writer.registration))

    def write(self, one: EvidenceObject) -> None:
        path = f"{self._roots[one.bucket]}/{one.name}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, CREATED_ONCE)
        os.write(file, one.data)
        os.close(file)
        self.stored += len(one.data)
        self.count += 1


class _Calls:
    """The records of one gateway: its start, calls of one person to one tool, its end."""

    def __init__(self, writer: Writer, clock: _Steps) -> None:
        self._writer = writer
        self._clock = clock
        self._random = _BulkRandom()
        self._asked = 0
        self._session = self._hmac()
        self._token = self._random(32).hex()
        self._principal = orjson.Fragment(encode(_principal(self._token, clock())))
        self._client = orjson.Fragment(encode(_CLIENT))
        self._policy = self._definition = ""
        self._decided = orjson.Fragment(b"null")

    def opening(self) -> list[Entry]:
        """What is said before the first call."""
        policy, definition, claims = (self._writer.body(text, CLASS) for text in (_POLICY, _DEFINITION, _CLAIMS))
        self._policy = hashlib.sha256(_POLICY).hexdigest()
        self._definition = hashlib.sha256(_DEFINITION).hexdigest()
        decided = {"decision": "allow", "digest": self._policy, "rule": "people-may-query"}
        self._decided = orjson.Fragment(encode(decided))
        shown = {"definition": definition.reference(), "digest": self._definition, **_TOOL}
        seen = {"claims": _described(claims), "principal": self._principal, "token_sha256": self._token}
        session = {"principal": self._principal, "reason": "first call", "session": self._session}
        return [
            self._say("writer:opened", {"role": "gateway"}),
            self._say("policy:loaded", {"digest": self._policy, "policy": policy.reference()}, policy),
            self._say("tool:defined", shown, definition),
            self._say("identity:verified", seen, claims),
            self._say("session:opened", session),
        ]

    def asked(self, count: int) -> tuple[list[str], list[Entry]]:
        """So many new calls: their ids, and what is said before they are forwarded."""
        ids = [call_id(self._clock(), self._random(10)) for _ in range(count)]
        return ids, [self._requested(call) for call in ids]

    def _requested(self, call: str) -> Entry:
        self._asked += 1
        body = self._writer.body(request(self._asked % REQUESTS), CLASS)
        fields: dict[str, Any] = {
            "arguments_hmac": self._hmac(),
            "call": call,
            "client": self._client,
            "definition_digest": self._definition,
            "masks": [],
            "method": "tools/call",
            "policy": self._decided,
            "principal": self._principal,
            "protocol": "mcp/2025-06-18",
            "request": self._content(body),
            "session": self._session,
            "trace": None,
            **_TOOL,
        }
        return self._say("call:requested", fields, body)

    def answered(self, call: str, number: int) -> Entry:
        """What is said before a call's answer is released."""
        body = self._writer.body(answer(FIRST_ID + number), CLASS)
        fields = {
            "call": call,
            "duration_us": 2_150,
            "masks": [],
            "outcome": "answered",
            "response": self._content(body),
            "status": 200,
            "upstream_us": 1_040,
        }
        return self._say("call:answered", fields, body)

    def closing(self) -> list[Entry]:
        """What is said at an orderly end."""
        session = {"principal": self._principal, "reason": "stopped", "session": self._session}
        return [self._say("session:closed", session), self._say("writer:closed", {})]

    def _say(self, kind: str, fields: dict[str, Any], *bodies: Body) -> Entry:
        return self._writer.append(kind, fields, bodies)[1]

    def _content(self, body: Body) -> dict[str, Any]:
        came = self._hmac()
        return {**_described(body), "received_hmac": came, "sent_hmac": came}

    def _hmac(self) -> str:
        return f"0badcafe:{self._random(32).hex()}"


def _described(body: Body) -> dict[str, Any]:
    return {**body.reference(), "media_type": "application/json"}


def _principal(token_sha256: str, now: Micros) -> dict[str, Any]:
    return {
        "actor": None,
        "attribution": "person",
        "claims": {},
        "email": "ana@example.com",
        "expires": format_time(now + 3600 * SECOND),
        "groups": ["dba"],
        "issuer": "https://issuer.test",
        "on_behalf_of": None,
        "person": "ana@example.com",
        "run": None,
        "subject": "ana",
        "token_sha256": token_sha256,
    }


_CLIENT = {"ip": "127.0.0.1", "name": "bench", "user_agent": "bench/1 (generated)", "version": "1"}
_TOOL = {"target": "sql.query", "upstream": "warehouse"}
_DEFINITION = encode({"description": "Run one statement in the warehouse.", "name": "sql.query"})
_CLAIMS = encode({"claims": {"aud": "https://gateway.example.com", "sub": "ana"}, "header": {"alg": "ES256"}})
