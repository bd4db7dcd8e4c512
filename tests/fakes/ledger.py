"""A whole deployment's data folder, made quickly: real writers, real intake, real sequencer, a clock that tests move.

    ledger = Ledger(tmp_path)
    gateway = ledger.gateway()          # opened, policy, a tool, an identity, a session
    gateway.call()                      # requested and answered, with bodies
    gateway.call("streamed", events=3)
    gateway.close()
    ledger.settle()                     # everything that waits is stored and sequenced

Nothing here is random or reads the machine's clock: the same calls make the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.adapters.embedded.disk import Disk
from affidavit.adapters.embedded.keys import KeyFiles
from affidavit.audit.known import Admission, Admit
from affidavit.audit.ports import HeadStore
from affidavit.audit.sequencer import Sequencer, Sequencing
from affidavit.clock import DAY, MINUTE, SECOND, Micros, format_time, parse_time
from affidavit.evidence.body import Body
from affidavit.evidence.canonical import encode
from affidavit.evidence.intake import Intake, Stores
from affidavit.evidence.ports import EvidenceObject
from affidavit.evidence.writer import Entry, Receipt, Writer
from affidavit.wiring.data_folder import DataFolder

START = parse_time("2026-11-22T12:25:57.000001Z")
ORIGIN = "gateway.example.com/audit"
RETENTION = {"standard": 400, "payroll": 90}
STEP: Micros = 7_919  # between two records, so that times differ
POLICY = b"version: 1\nrules:\n  - {name: reads-are-fine, when: 'true', then: allow}\n"
DEFINITION = encode({"description": "Run SQL", "inputSchema": {"type": "object"}, "name": "sql.query"})


class FakeDisk(Disk):
    """Writes without waiting until it is durable: a simulation loses no power."""

    def write_new(self, path: str, data: bytes, *, mode: int, sync: bool) -> None:
        super().write_new(path, data, mode=mode, sync=False)

    def fdatasync(self, file: int) -> None:
        pass

    def sync_folder(self, path: str) -> None:
        pass

    def sync_all(self, folder: int) -> None:
        pass


class Randomness:
    """Bytes that look random and are the same each time."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self._seed}/{self._count}".encode()).digest(size)


class Ledger:
    """One data folder and everybody who writes into it.

    Args:
        root: The folder; keys lie there even if `stores` and `heads` are elsewhere.
        seed: Another one gives other keys, ids and salts.
        start: The first moment.
        retention: Class to days.
        disk: For faults of the disk.
        stores, heads: In place of the folder's.
        roles: What is admitted, where `admit` does not decide.
        admit: Decides who is.
    """

    def __init__(
        self,
        root: Path,
        *,
        seed: str = "ledger",
        start: Micros = START,
        retention: dict[str, int] | None = None,
        disk: Disk | None = None,
        stores: Stores | None = None,
        heads: HeadStore | None = None,
        roles: Sequence[str] = ("gateway", "console", "cli", "function:resolve-approval"),
        admit: Admit | None = None,
    ) -> None:
        self.now = start
        self.random = Randomness(seed)
        self.roles = set(roles)
        self.admit = admit or (lambda one: Admission(None) if one.role in self.roles else None)
        self.retention = dict(RETENTION if retention is None else retention)
        self.root = root
        self.folder = DataFolder.open(root, disk or FakeDisk())
        keys = KeyFiles(root, scratch=self.folder.scratch, disk=self.folder.disk, random=self.random)
        self.signer = keys.signer(ORIGIN)
        self.stores = stores or self.folder.stores
        self.heads = heads or self.folder.head()
        self.intake = Intake(self.stores, origin=ORIGIN)
        self.sequencer = self.new_sequencer()
        self.writers: list[LedgerWriter] = []

    @property
    def vkey(self) -> str:
        """The log's verifier key, as an auditor has it."""
        return str(self.signer.verifier_key)

    def clock(self) -> Micros:
        return self.now

    def advance(self, micros: Micros = SECOND) -> None:
        self.now += micros

    def new_sequencer(self) -> Sequencer:
        """Return another sequencer over the same folder, as after a restart or beside the first."""
        return Sequencer(
            Sequencing(
                store=self.stores.evidence,
                has_body=lambda name, body: self.stores.bodies(name).read(body) is not None,
                heads=self.heads,
                signer=self.signer,
                admit=self.admit,
                retention=self.retention,
                random=self.random,
            )
        )

    def deliver(self, objects: Sequence[EvidenceObject]) -> None:
        """Store what was published."""
        taken = self.intake.take(objects)
        assert not taken.early, "the registration must be delivered first"

    def sequence(self) -> int:
        """Run the sequencer at the present time, looking for everything."""
        return self.sequencer.run(self.now)

    def settle(self) -> int:
        """Store what every writer holds, wait until nothing may be quiet any more, and sequence."""
        for writer in self.writers:
            writer.flush()
        self.advance(5 * MINUTE + SECOND)
        return self.sequence()

    def writer(self, role: str = "gateway", *, register: bool = True) -> LedgerWriter:
        """Return a new writer that has said nothing yet; its registration is stored."""
        writer = LedgerWriter(self, role)
        self.writers.append(writer)
        if register:
            self.deliver([writer.registration])
        return writer

    def gateway(self) -> LedgerWriter:
        """Return a gateway after its start and its first credential: ready for calls."""
        gateway = self.writer("gateway")
        gateway.open()
        gateway.introduce()
        return gateway


class LedgerWriter:
    """One process's chain. Records wait until `flush` makes them one segment; `every` flushes by itself."""

    def __init__(self, ledger: Ledger, role: str, *, every: int | None = None) -> None:
        self._ledger = ledger
        self._calls = 0
        self.every = every
        self.writer = Writer(
            origin=ORIGIN,
            role=role,
            config_sha256=hashlib.sha256(POLICY).hexdigest(),
            clock=ledger.clock,
            random=ledger.random,
            key=Ed25519PrivateKey.from_private_bytes(ledger.random(32)),
        )
        self.id = self.writer.id
        self.registration = EvidenceObject("evidence", "", self.writer.registration_name, self.writer.registration)
        self.policy_digest = hashlib.sha256(POLICY).hexdigest()
        self.definition_digest = hashlib.sha256(DEFINITION).hexdigest()
        self.entries: list[Entry] = []
        self.published: list[EvidenceObject] = []

    def attest(self, attestation: Callable[[str], str]) -> None:
        """Register with a token for this writer's audience; before it is stored, and before the first record."""
        registered = json.loads(self.writer.registration)
        key = base64.b64decode(registered["public_key"])
        token = attestation(f"affidavit:{hashlib.sha256(key).hexdigest()}")
        self.writer.registration = encode(registered | {"attestation": token})
        self.writer._prev = hashlib.sha256(self.writer.registration).hexdigest()
        self.registration = EvidenceObject("evidence", "", self.writer.registration_name, self.writer.registration)

    def say(self, kind: str, *bodies: Body, **fields: Any) -> Receipt:
        """Put one record in the chain, a little later than the last."""
        self._ledger.advance(STEP)
        receipt, entry = self.writer.append(kind, fields, bodies)
        self.entries.append(entry)
        if self.every is not None and len(self.entries) >= self.every:
            self.flush()
        return receipt

    def body(self, data: bytes, retention_class: str = "standard") -> Body:
        return self.writer.body(data, retention_class)

    def seal(self) -> list[EvidenceObject]:
        """Return what waits as objects, bodies first; they count as published and are not stored."""
        objects = self.writer.seal(self.entries) if self.entries else []
        self.entries = []
        self.published += objects
        return objects

    def flush(self) -> list[EvidenceObject]:
        """Store what waits as one segment and its bodies."""
        objects = self.seal()
        self._ledger.deliver(objects)
        return objects

    def lose(self) -> list[EvidenceObject]:
        """Seal what waits and do not store it: a hole, until somebody delivers it after all."""
        return self.seal()

    def open(self) -> None:
        self.say("writer:opened", role=self.writer.role)

    def close(self) -> None:
        self.say("writer:closed")
        self.flush()

    def alive(self, in_flight: int = 0) -> None:
        self.say("writer:alive", in_flight=in_flight)

    def introduce(self) -> None:
        """Say what calls refer to: policy, tool, identity, session."""
        policy, definition = self.body(POLICY), self.body(DEFINITION)
        self.say("policy:loaded", policy, policy=policy.reference(), digest=self.policy_digest)
        self.say(
            "tool:defined",
            definition,
            upstream="warehouse",
            target="sql.query",
            digest=self.definition_digest,
            definition=definition.reference(),
        )
        claims = self.body(encode({"claims": {"sub": "ana"}, "header": {"alg": "RS256"}}))
        token_sha256 = self.principal["token_sha256"]
        self.say(
            "identity:verified",
            claims,
            principal=self.principal,
            token_sha256=token_sha256,
            claims=claims.reference(),
        )
        self.say("session:opened", session=self._hmac(b"session"), principal=self.principal, reason="first call")

    @property
    def principal(self) -> dict[str, Any]:
        return {
            "actor": None,
            "attribution": "person",
            "claims": {},
            "email": "ana@example.com",
            "expires": format_time(START + DAY),
            "groups": ["dba"],
            "issuer": "https://issuer.test",
            "on_behalf_of": None,
            "person": "ana@example.com",
            "run": None,
            "subject": "ana",
            "token_sha256": hashlib.sha256(b"not a token").hexdigest(),
        }

    def call(
        self,
        how: str = "answered",
        *,
        events: int = 2,
        retention_class: str = "standard",
        asked: bytes | None = None,
        said: bytes | None = None,
        **changed: Any,
    ) -> str:
        """Record one whole call and return its id.

        Args:
            how: `answered`, `streamed` (with `events`), `refused`, `forsaken` (requested, then refused), `failed`,
                `withheld`, or `open` (requested only; see `answer`).
            retention_class: Of its bodies.
            asked, said: The request's and the answer's bytes.
            changed: Fields of the first record to say differently.
        """
        call = self._new_call()
        asked = asked or b'{"id":%d,"jsonrpc":"2.0","method":"tools/call"}' % self._calls
        said = said or b'{"id":%d,"jsonrpc":"2.0","result":{"content":[]}}' % self._calls
        if how == "refused":
            self.request(call, asked, retention_class, kind="call:refused", code="denied", reason="no", **changed)
            return call
        self.request(call, asked, retention_class, **changed)
        if how == "forsaken":
            self.say("call:refused", call=call, code="unavailable", reason="the upstream was not asked")
        elif how == "streamed":
            for event in range(events):
                self.event(call, event, said, retention_class)
            self.answer(call, None, retention_class)
        elif how != "open":
            self.answer(call, said, retention_class, outcome="failed" if how == "failed" else "answered")
        if how == "withheld":
            self.say("call:withheld", call=call, reason="its record was not durable in time")
        return call

    def request(
        self, call: str, asked: bytes, retention_class: str, kind: str = "call:requested", **changed: Any
    ) -> Receipt:
        body = self.body(asked, retention_class)
        fields = {
            "arguments_hmac": self._hmac(asked),
            "call": call,
            "client": {"ip": "192.0.2.7", "name": "agent", "user_agent": "agent/1", "version": "1"},
            "definition_digest": self.definition_digest,
            "masks": [],
            "method": "tools/call",
            "policy": {"decision": "allow", "digest": self.policy_digest, "rule": "reads-are-fine"},
            "principal": self.principal,
            "protocol": "mcp/2026-07-28",
            "request": self._content(body),
            "session": self._hmac(b"session"),
            "target": "sql.query",
            "trace": None,
            "upstream": "warehouse",
        }
        if kind == "call:refused":
            fields["policy"] = {"decision": "deny", "digest": self.policy_digest, "rule": None}
        return self.say(kind, body, **{**fields, **changed})

    def event(self, call: str, event: int, said: bytes, retention_class: str = "standard") -> Receipt:
        body = self.body(said, retention_class)
        return self.say("call:streamed", body, call=call, event=event, response=self._content(body), masks=[])

    def answer(
        self, call: str, said: bytes | None, retention_class: str = "standard", outcome: str = "answered"
    ) -> Receipt:
        body = None if said is None else self.body(said, retention_class)
        return self.say(
            "call:answered",
            *(() if body is None else (body,)),
            call=call,
            duration_us=1_500,
            masks=[],
            outcome=outcome,
            response=None if body is None else self._content(body),
            status=200,
            upstream_us=900,
        )

    def _content(self, body: Body) -> dict[str, Any]:
        same = self._hmac(body.data)
        return {**body.reference(), "media_type": "application/json", "received_hmac": same, "sent_hmac": same}

    def _new_call(self) -> str:
        """Return a UUIDv7 of the present time."""
        self._calls += 1
        number = (self._ledger.now // 1000 << 80) | int.from_bytes(self._ledger.random(10), "big")
        digits = f"{number:032x}"
        return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    @staticmethod
    def _hmac(data: bytes) -> str:
        return f"k1:{hmac.new(b'a key of the tests', data, 'sha256').hexdigest()}"


def busy_hour(
    ledger: Ledger, *, calls: int = 60, every: int = 3, after_each: Callable[[], object] = lambda: None
) -> None:
    """Let two gateways and a console work for an hour: all kinds of calls, quiet minutes, an orderly end.

    Args:
        ledger: Where.
        calls: In the hour.
        every: Records in a segment.
        after_each: Called after each minute or so, for instance to look at the state.
    """
    ways = ("answered", "streamed", "refused", "forsaken", "failed", "withheld")
    first, second, console = ledger.gateway(), ledger.gateway(), ledger.writer("console")
    console.open()
    for writer in (first, second, console):
        writer.every = every
    for number in range(calls):
        gateway = (first, second)[number % 2]
        gateway.call(ways[number % len(ways)], retention_class=("standard", "payroll")[number % 5 == 0])
        ledger.advance(60 * MINUTE // calls)
        for writer in (first, second, console):
            if writer is not gateway:
                writer.alive()
            writer.flush()
        ledger.sequence()
        after_each()
    for writer in (second, console, first):
        writer.close()
        ledger.sequence()
        after_each()


def records(objects: Sequence[EvidenceObject]) -> list[dict[str, Any]]:
    """Return the records in published segments, in order."""
    from affidavit.evidence.segment import parse_segment
    from affidavit.evidence.stored import unpack

    segments = [one for one in objects if one.bucket == "evidence" and one.name.startswith("segment/")]
    return [json.loads(line) for one in segments for line in parse_segment(unpack(one.data)).records]
