"""The story that is tampered with: an honest hour in which everything that the format knows happens once.

A gateway (`front`) serves calls of every kind, one of them approved through a function whose key is attested. A second
gateway (`lost`) loses a segment that comes late, falls silent, is stated lost, and is heard of once more. At the end a
third gateway (`young`) lives, with an open call, and something of it waits to be committed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from tampering.forge import Body, Commit, Plan, Rec, Seg, Writer, at, canonical, key_of, public, sha

ACCOUNT = "resolve@project.iam.gserviceaccount.com"
POLICY = b"version: 1\nrules: []\nmasking: [{name: passwords, fields: [password]}]\n"
TOOL = canonical({"description": "Run SQL", "name": "sql.query"})
TOKEN = "[masked:passwords:0123456789ab]"
AS_OF = 64.0  # minutes after the start, when everything is judged


def hmac(text: str) -> str:
    return f"k1:{sha(text.encode())}"


def call_id(number: int) -> str:
    return f"01935000-0000-7000-8000-{number:012d}"


def content(body: Body) -> dict[str, Any]:
    return body.reference(media_type="application/json", received_hmac=hmac("came"), sent_hmac=hmac("went"))


def principal() -> dict[str, Any]:
    return {
        "actor": None,
        "attribution": "person",
        "claims": {},
        "email": "ana@example.com",
        "expires": at(600),
        "groups": ["dba"],
        "issuer": "https://issuer.test",
        "on_behalf_of": None,
        "person": "ana@example.com",
        "run": None,
        "subject": "ana",
        "token_sha256": sha(b"token"),
    }


def call_fields(number: int, body: Body, **changed: Any) -> dict[str, Any]:
    fields = {
        "arguments_hmac": hmac(f"arguments {number}"),
        "call": call_id(number),
        "client": {"ip": "192.0.2.1", "name": "agent", "user_agent": "agent/1", "version": "1"},
        "definition_digest": sha(TOOL),
        "masks": [],
        "method": "tools/call",
        "policy": {"decision": "allow", "digest": sha(POLICY), "rule": "reads"},
        "principal": principal(),
        "protocol": "mcp/2026-07-28",
        "request": content(body),
        "session": hmac("session"),
        "target": "sql.query",
        "trace": None,
        "upstream": "warehouse",
    }
    return {**fields, **changed}


def requested(number: int, minutes: float, body: Body | None = None, **changed: Any) -> Rec:
    body = body or Body(b'{"id":%d,"method":"tools/call"}' % number)
    return Rec("call:requested", minutes, call_fields(number, body, **changed), [body])


def refused(number: int, minutes: float, **changed: Any) -> Rec:
    body = Body(b'{"id":%d,"method":"tools/call"}' % number)
    policy = {"decision": "deny", "digest": sha(POLICY), "rule": None}
    fields = call_fields(number, body, policy=policy, code="denied", reason="no")
    return Rec("call:refused", minutes, {**fields, **changed}, [body])


def answered(number: int, minutes: float, body: Body | None = None, **changed: Any) -> Rec:
    body = body or Body(b'{"id":%d,"result":{}}' % number)
    fields = {
        "call": call_id(number),
        "duration_us": 1000,
        "masks": [],
        "outcome": "answered",
        "response": content(body),
        "status": 200,
        "upstream_us": 900,
    }
    return Rec("call:answered", minutes, {**fields, **changed}, [body])


def streamed(number: int, minutes: float, event: int) -> Rec:
    body = Body(b'{"event":%d,"of":%d}' % (event, number))
    fields = {"call": call_id(number), "event": event, "masks": [], "response": content(body)}
    return Rec("call:streamed", minutes, fields, [body])


def opened(role: str, minutes: float) -> Rec:
    return Rec("writer:opened", minutes, {"role": role})


def alive(minutes: float) -> Rec:
    return Rec("writer:alive", minutes, {"in_flight": 0})


def closed(minutes: float) -> Rec:
    return Rec("writer:closed", minutes)


def policy_loaded(minutes: float) -> Rec:
    body = Body(POLICY)
    return Rec("policy:loaded", minutes, {"digest": sha(POLICY), "policy": body.reference()}, [body])


def tool_defined(minutes: float) -> Rec:
    body = Body(TOOL)
    fields = {"definition": body.reference(), "digest": sha(TOOL), "target": "sql.query", "upstream": "warehouse"}
    return Rec("tool:defined", minutes, fields, [body])


def binding(fields: dict[str, Any], expires: str) -> str:
    who = fields["principal"]
    return sha(
        canonical(
            {
                "arguments_hmac": fields["arguments_hmac"],
                "definition_digest": fields["definition_digest"],
                "expires": expires,
                "issuer": who["issuer"],
                "method": fields["method"],
                "person": who["person"],
                "policy_digest": fields["policy"]["digest"],
                "run": who["run"],
                "subject": who["subject"],
                "target": fields["target"],
                "upstream": fields["upstream"],
                "v": 1,
            }
        )
    )


def jwt(claims: dict[str, Any], signer: str = "google") -> str:
    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    text = part(json.dumps({"alg": "EdDSA", "kid": "google-1"}).encode()) + "." + part(json.dumps(claims).encode())
    return f"{text}.{part(key_of(signer).sign(text.encode()))}"


def key_set(signer: str = "google") -> str:
    x = base64.urlsafe_b64encode(public(key_of(signer))).rstrip(b"=").decode()
    return json.dumps({"keys": [{"alg": "EdDSA", "crv": "Ed25519", "kid": "google-1", "kty": "OKP", "x": x}]})


def attestation(writer: Writer, **changed: Any) -> str:
    opened_at = 1_795_348_800 + 60 * writer.minutes  # seconds, of START
    claims = {
        "aud": f"affidavit:{hashlib.sha256(public(writer.key)).hexdigest()}",
        "email": ACCOUNT,
        "email_verified": True,
        "exp": int(opened_at) + 3600,
        "iat": int(opened_at),
        "iss": "https://accounts.google.com",
        "sub": "1234",
    }
    return jwt({**claims, **changed})


def admitted(writer: Writer, minutes: float, account: str | None = None) -> Rec:
    fields = {"about": writer.id, "account": account, "registration_sha256": "?", "role": writer.role}

    def fill(whole: dict[str, Any]) -> dict[str, Any]:
        if whole["registration_sha256"] == "?":
            whole["registration_sha256"] = writer.sha256
        return whole

    return Rec("log:writer_admitted", minutes, fields, twist=fill)


def about(kind: str, writer: Writer, minutes: float, first: int, last: int | None = None) -> Rec:
    fields: dict[str, Any] = {"about": writer.id, "from": first}
    return Rec(kind, minutes, fields if last is None else {**fields, "to": last})


@dataclass
class Approved:
    """The approval's steps, so that a tampering can change each."""

    number: int = 30
    expires: str = at(20)
    asked: Rec = field(init=False)
    wait: Rec = field(init=False)
    decided: Rec = field(init=False)
    consumed: Rec = field(init=False)
    call: Rec = field(init=False)
    answer: Rec = field(init=False)

    def __post_init__(self) -> None:
        policy = {"decision": "require_approval", "digest": sha(POLICY), "rule": "writes"}
        self.call = requested(self.number, 4.0, policy=policy)
        bound = binding(self.call.fields, self.expires)
        self.call.fields["approval"] = {"binding_sha256": bound, "id": "approval-1"}
        self.wait = refused(29, 2.1, policy=policy, code="approval_required")
        self.asked = Rec(
            "approval:requested",
            2.0,
            {
                "approval": "approval-1",
                "approvers": ["group:dba"],
                "binding_sha256": bound,
                "call": call_id(29),
                "expires": self.expires,
                "rule": "writes",
            },
        )
        self.decided = Rec(
            "approval:decided",
            3.0,
            {
                "approval": "approval-1",
                "binding_sha256": bound,
                "by": "boss@example.com",
                "callback": None,
                "channel": "terminal",
                "decision": "approved",
                "reason": None,
                "strength": "console",
            },
        )
        self.consumed = Rec(
            "approval:consumed",
            3.9,
            {"approval": "approval-1", "binding_sha256": bound, "call": call_id(self.number)},
            twist=self.name_decision,
        )
        self.answer = answered(self.number, 4.1)

    def name_decision(self, whole: dict[str, Any]) -> dict[str, Any]:
        return {**whole, "decided": {"hash": self.decided.sha256, "record": self.decided.id}}


class Story:
    """The plan, and names for its parts."""

    def __init__(self) -> None:
        self.as_of = AS_OF
        self.front = Writer("front", "gateway", 0.0)
        self.resolver = Writer("resolver", "function:resolve-approval", 2.5)
        self.lost = Writer("lost", "gateway", 5.0)
        self.console = Writer("console", "console", 60.0)
        self.young = Writer("young", "gateway", 60.5)
        self.approved = Approved()
        self.resolver.attestation = attestation(self.resolver)
        masked = Body(canonical({"id": 12, "password": TOKEN}))
        where = masked.data.index(TOKEN.encode())
        self.masked = requested(
            12,
            1.0,
            masked,
            masks=[
                {"count": 1, "rule": "passwords", "view": "recorded", "where": "pointer:/password"},
                {"count": 1, "rule": "passwords", "view": "recorded", "where": f"bytes:{where}-{where + len(TOKEN)}"},
                {"count": 1, "rule": "other", "view": "forwarded", "where": "pointer:/nothing"},
            ],
        )
        self.first = requested(11, 0.5)
        self.first_answer = answered(11, 0.6)
        payroll = Body(b"salaries of everybody", kept="payroll")
        self.payroll = requested(14, 1.4, payroll)
        self.stream = [requested(13, 1.2), *(streamed(13, 1.21 + n / 100, n) for n in range(3))]
        self.stream_end = answered(13, 1.3, response=None)
        self.stream_end.bodies = []
        self.withheld = Rec("call:withheld", 1.15, {"call": call_id(12), "reason": "not durable in time"})
        self.unknown = Rec("weather:observed", 1.6, {"sky": "blue"})
        steps = self.approved
        self.policy, self.tool, self.last_front = policy_loaded(0.0), tool_defined(0.0), closed(10.0)
        self.forsaken = [
            requested(15, 1.5),
            Rec("call:refused", 1.51, {"call": call_id(15), "code": "x", "reason": "y"}),
        ]
        self.front.segs = [
            Seg([opened("gateway", 0.0), self.policy, self.tool]),
            Seg([self.first, self.first_answer]),
            Seg([self.masked, answered(12, 1.1), self.withheld, *self.stream, self.stream_end]),
            Seg([self.payroll, answered(14, 1.45), *self.forsaken, refused(16, 1.55), self.unknown]),
            Seg([steps.asked, steps.wait]),
            Seg([steps.consumed, steps.call, steps.answer]),
            Seg([rec for number in range(100, 210) for rec in (requested(number, 7.0), answered(number, 7.0))]),
            Seg([alive(9.0), self.last_front]),
        ]
        self.resolver.segs = [Seg([opened(self.resolver.role, 2.5), steps.decided, closed(3.1)])]
        self.lost.segs = [
            Seg([opened("gateway", 5.0), policy_loaded(5.0), tool_defined(5.0), requested(40, 5.1)]),
            Seg([answered(40, 5.2), requested(41, 5.3)]),  # late
            Seg([answered(41, 5.4), requested(42, 5.5), answered(42, 5.6)]),
            Seg([requested(43, 6.0)]),  # after it was stated lost
        ]
        self.console.segs = [
            Seg([opened("console", 60.0), Rec("evidence:read", 60.1, {"principal": {}, "query": "x"})])
        ]
        self.young.segs = [
            Seg([opened("gateway", 60.5), policy_loaded(60.5), tool_defined(60.5), requested(50, 61.0)]),
            Seg([alive(63.0)]),  # waits
        ]
        self.gap = about("log:gap", self.lost, 16.0, 4, 5)
        self.late = about("log:late", self.lost, 20.0, 4, 5)
        self.stated_lost = about("log:writer_lost", self.lost, 51.0, 9)
        self.late_again = about("log:late", self.lost, 56.0, 9, 9)
        self.retention = Rec("log:retention", 0.1, {"classes": {"payroll": 1, "standard": 400}})
        self.keys = Rec("issuer:keys", 0.1, {"issuer": "https://accounts.google.com", "keys": key_set()})
        self.admissions = {
            writer.name: admitted(writer, minutes, account)
            for writer, minutes, account in (
                (self.front, 0.1, None),
                (self.resolver, 3.2, ACCOUNT),
                (self.lost, 6.1, None),
                (self.console, 61.2, None),
                (self.young, 61.2, None),
            )
        }
        admit, front, lost = self.admissions, self.front.segs, self.lost.segs
        self.commits = [
            Commit(0.1, [front[0]], [self.retention, self.keys, admit["front"]]),
            Commit(1.7, front[1:4]),
            Commit(3.2, [front[4], self.resolver.segs[0]], [admit["resolver"]]),
            Commit(4.2, [front[5]]),
            Commit(6.1, [lost[0]], [admit["lost"]]),
            Commit(7.1, [front[6]]),
            Commit(10.1, [front[7]]),
            Commit(16.0, [lost[2]], [self.gap]),
            Commit(20.0, [lost[1]], [self.late]),
            Commit(51.0, [], [self.stated_lost]),
            Commit(56.0, [lost[3]], [self.late_again]),
            Commit(61.2, [self.console.segs[0], self.young.segs[0]], [admit["console"], admit["young"]]),
        ]
        writers = [
            self.resolver,
            self.front,  # what is named by its hash is written first
            self.lost,
            self.console,
            self.young,
        ]
        self.plan = Plan(writers=writers, commits=self.commits)

    def write(self) -> dict[str, bytes]:
        return self.plan.write()
