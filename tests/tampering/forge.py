"""An insider's workshop: a whole deployment's folder made from a plan, with every key at hand.

A second writing of evidence-format sections 1 to 7, with `json`, `gzip` and `hashlib` alone, so that a mistake of the
product is not repeated here. Whatever the plan says is chained, hashed and signed as it must be: so a lie in the plan
is told consistently, and only a check of what it says can find it. Every product of a step can be changed by a
`twist`: a function from what would be right to what is written.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "log.example.com/audit"
ZERO = "0" * 64
START = datetime(2026, 11, 22, 12, 0, 0, 1, tzinfo=UTC)

Twist = Callable[[Any], Any]


def same(value: Any) -> Any:
    return value


def always(value: Any) -> Twist:
    """Return a twist that writes one thing, whatever would be right."""
    return lambda *_: value


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def at(minutes: float) -> str:
    """Return the time so many minutes after the start of the story."""
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def micros(minutes: float) -> int:
    return round((START + timedelta(minutes=minutes)).timestamp() * 1_000_000)


def key_of(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pack(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


@dataclass
class Body:
    data: bytes
    kept: str = "standard"
    salt: bytes = b""

    def __post_init__(self) -> None:
        self.salt = self.salt or hashlib.sha256(b"salt" + self.data).digest()[:16]

    @property
    def hash(self) -> str:
        return sha(self.salt + self.data)

    def reference(self, **more: Any) -> dict[str, Any]:
        return {"body": self.hash, "size": len(self.data), "class": self.kept, **more}

    def line(self) -> bytes:
        return canonical({"base64": b64(self.data), "body": self.hash, "salt": self.salt.hex()})


@dataclass
class Rec:
    """One record: its own fields; what every record has is filled in, then twisted."""

    kind: str
    minutes: float
    fields: dict[str, Any] = field(default_factory=dict)
    bodies: list[Body] = field(default_factory=list)
    twist: Twist = same  # of the dict
    twist_bytes: Twist = same
    sha256: str = ""
    id: str = ""

    def write(self, writer: str, seq: int, prev: str) -> bytes:
        salt = hashlib.sha256(f"{writer}/{seq}".encode()).hexdigest()[:32]
        whole = {
            **self.fields,
            "kind": self.kind,
            "prev": prev,
            "salt": salt,
            "seq": seq,
            "time": at(self.minutes),
            "v": 1,
            "writer": writer,
        }
        data: bytes = self.twist_bytes(canonical(self.twist(whole)))
        self.sha256, self.id = sha(data), f"{writer}/{seq}"
        return data


@dataclass
class Seg:
    """One segment; `stored` is what lies under `name` after `write`."""

    recs: list[Rec]
    header: Twist = same
    lines: Twist = same  # of the text before it is signed
    key: Ed25519PrivateKey | None = None  # another one than the writer's
    packed: Twist = same
    bodies: Twist = same  # of class to its lines
    absent: bool = False  # not stored
    no_bodies: bool = False
    rename: Twist = same
    writer: Writer | None = None
    first: int = 0
    leaves: list[bytes] = field(default_factory=list)
    name: str = ""
    sha256: str = ""

    def write(self, files: dict[str, bytes], writer: Writer, first: int, prev: str) -> str:
        """Write the segment and its bodies; return the hash of its last record."""
        self.writer, self.first, self.leaves = writer, first, []
        begins = prev
        for seq, rec in enumerate(self.recs, first):
            self.leaves.append(rec.write(writer.id, seq, prev))
            prev = sha(self.leaves[-1])
        header = {
            "bodies": self.write_bodies(files, writer, first),
            "count": len(self.recs),
            "first_seq": first,
            "prev": begins,
            "segment": 1,
            "writer": writer.id,
        }
        text = self.lines(b"\n".join([canonical(self.header(header)), *self.leaves, b""]))
        to_sign = b"affidavit-segment/1\n" + hashlib.sha256(text).digest()
        signature = (self.key or writer.key).sign(to_sign)
        stored = self.packed(pack(text + canonical({"signature": b64(signature)}) + b"\n"))
        self.sha256 = sha(stored)
        self.name = self.rename(f"segment/{writer.id}/{first:012d}-{self.sha256[:16]}.ndjson.gz")
        if not self.absent:
            files[f"evidence/{self.name}"] = stored
        return prev

    def write_bodies(self, files: dict[str, bytes], writer: Writer, first: int) -> dict[str, str]:
        lines: dict[str, dict[str, bytes]] = {}
        for rec in self.recs:
            for body in rec.bodies:
                lines.setdefault(body.kept, {}).setdefault(body.hash, body.line())
        named = {}
        for kept, members in self.bodies({kept: list(one.values()) for kept, one in lines.items()}).items():
            stored = pack(b"".join(line + b"\n" for line in members))
            named[kept] = sha(stored)
            if not self.no_bodies:
                files[f"bodies/{kept}/{writer.id}/{first:012d}-{sha(stored)[:16]}.ndjson.gz"] = stored
        return named


@dataclass
class Writer:
    """One chain. `starts` gives a segment another first `seq` than the next one."""

    name: str
    role: str
    minutes: float
    segs: list[Seg] = field(default_factory=list)
    attestation: str | None = None
    twist: Twist = same
    twist_bytes: Twist = same
    absent: bool = False
    prev_of: dict[int, str] = field(default_factory=dict)  # segment index to another `prev`
    sha256: str = ""

    @property
    def key(self) -> Ed25519PrivateKey:
        return key_of(self.name)

    @property
    def id(self) -> str:
        stamp = at(self.minutes)[:19].replace("-", "").replace(":", "")
        return f"{stamp}Z-{sha(self.name.encode())[:16]}"

    def write(self, files: dict[str, bytes]) -> None:
        registration = {
            "attestation": self.attestation,
            "config_sha256": "c" * 64,
            "opened": at(self.minutes),
            "origin": ORIGIN,
            "public_key": b64(public(self.key)),
            "role": self.role,
            "software": {"image": None, "revision": None, "version": "1"},
            "v": 1,
            "writer": self.id,
        }
        data: bytes = self.twist_bytes(canonical(self.twist(registration)))
        if not self.absent:
            files[f"evidence/writer/{self.id}.json"] = data
        prev = self.sha256 = sha(data)
        first = 0
        for index, seg in enumerate(self.segs):
            prev = seg.write(files, self, first, self.prev_of.get(index, prev))
            first += len(seg.recs)


@dataclass
class Commit:
    """One commit; `statements` may be functions that are asked when it is written."""

    minutes: float
    segs: list[Seg] = field(default_factory=list)
    statements: list[Rec | Callable[[], Rec]] = field(default_factory=list)
    committed: Twist = same  # of the log:committed's fields
    no_committed: bool = False
    twist: Twist = same
    unsigned: bool = False
    kept: Twist = same  # of the kept note's bytes
    kept_root: Twist = same
    writers: Twist = same
    name: Twist = same


@dataclass
class Plan:
    """All of it. `log_key` may be another key from a size on."""

    writers: list[Writer] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    head: Twist = same  # of the head's bytes
    head_at: int | None = None  # index of the commit that it is at
    files: Twist = same  # of everything, at last
    log_key: Ed25519PrivateKey = field(default_factory=lambda: key_of("the log"))
    old_key: Ed25519PrivateKey | None = None
    old_until: int = 0
    keep_partials: bool = False

    @property
    def vkey(self) -> str:
        return vkey(self.log_key)

    def write(self) -> dict[str, bytes]:
        """Return every file of the data folder."""
        files: dict[str, bytes] = {}
        for writer in self.writers:
            writer.write(files)
        self.write_commits(files)
        files["log.vkey"] = f"{self.vkey}\n".encode()
        result: dict[str, bytes] | None = self.files(files)
        return files if result is None else result

    def write_commits(self, files: dict[str, bytes]) -> None:
        leaves: list[bytes] = []
        previous, log_seq, log_prev = ZERO, 0, ZERO
        before: tuple[int, int, str] | None = None
        state = Living()
        notes: list[bytes] = []
        for commit in self.commits:
            start = len(leaves)
            statements: list[Rec] = [one() if callable(one) else one for one in commit.statements]
            if before is not None and not commit.no_committed:
                fields = {"start": before[0], "until": before[1], "commit_sha256": before[2]}
                statements.insert(0, Rec("log:committed", commit.minutes, commit.committed(fields)))
            texts = []
            for rec in statements:
                texts.append(rec.write("log", log_seq, log_prev))
                log_seq, log_prev = log_seq + 1, sha(texts[-1])
            leaves += texts
            for seg in commit.segs:
                leaves += seg.leaves
            state.take(statements, commit.segs)
            value = {
                "previous": previous,
                "segments": [{"count": len(s.recs), "name": s.name, "sha256": s.sha256} for s in commit.segs],
                "size": len(leaves),
                "start": start,
                "statements": [text.decode() for text in texts],
                "time": at(commit.minutes),
                "v": 1,
                "writers": commit.writers({**state.places(), "log": {"last": log_prev, "next_seq": log_seq}}),
            }
            data = canonical(commit.twist(value))
            files[commit.name(f"evidence/commit/{start:020d}.json")] = data
            previous, before = sha(data), (start, len(leaves), sha(data))
            self.write_tiles(files, leaves)
            notes.append(self.sign(len(leaves), commit.kept_root(root(list(map(leaf, leaves))))))
            if not commit.unsigned:
                files[f"evidence/checkpoint/{len(leaves):020d}"] = commit.kept(notes[-1])
        signed = [note for note, commit in zip(notes, self.commits, strict=True) if not commit.unsigned]
        if signed:
            served = signed[-1] if self.head_at is None else notes[self.head_at]
            head = self.head(served)
            if head is not None:
                files["log/checkpoint"] = head

    def sign(self, size: int, root_hash: bytes) -> bytes:
        key = self.old_key if self.old_key and size <= self.old_until else self.log_key
        return note(f"{ORIGIN}\n{size}\n{b64(root_hash)}\n", key)

    def write_tiles(self, files: dict[str, bytes], leaves: list[bytes]) -> None:
        if not self.keep_partials:
            for name in [name for name in files if name.startswith("log/tile") and ".p/" in name]:
                del files[name]
        hashes = [leaf(one) for one in leaves]
        level = 0
        while hashes:
            for start in range(0, len(hashes), 256):
                part = hashes[start : start + 256]
                name = f"{start // 256:03d}" + (f".p/{len(part)}" if len(part) < 256 else "")
                files[f"log/tile/{level}/{name}"] = b"".join(part)
                if level == 0:
                    entries = leaves[start : start + 256]
                    files[f"log/tile/entries/{name}"] = b"".join(struct.pack(">H", len(e)) + e for e in entries)
            hashes = [root(hashes[start : start + 256]) for start in range(0, len(hashes) // 256 * 256, 256)]
            level += 1


class Living:
    """What `writers` of a commit must say."""

    def __init__(self) -> None:
        self.next: dict[str, tuple[int, str]] = {}
        self.ended: set[str] = set()

    def take(self, statements: list[Rec], segs: list[Seg]) -> None:
        self.ended |= {rec.fields["about"] for rec in statements if rec.kind == "log:writer_lost"}
        for seg in segs:
            assert seg.writer is not None
            until = seg.first + len(seg.recs)
            if until > self.next.get(seg.writer.id, (0, ""))[0]:
                self.next[seg.writer.id] = until, sha(seg.leaves[-1])
            if seg.recs[-1].kind == "writer:closed":
                self.ended.add(seg.writer.id)

    def places(self) -> dict[str, Any]:
        return {
            writer: {"last": last, "next_seq": until}
            for writer, (until, last) in self.next.items()
            if writer not in self.ended
        }


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def root(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it stands there."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(hashes[:split]) + root(hashes[split:])).digest()


def key_id(name: str, key: Ed25519PrivateKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n\x01" + public(key)).digest()[:4]


def vkey(key: Ed25519PrivateKey, name: str = ORIGIN) -> str:
    encoded = b64(b"\x01" + public(key))
    return f"{name}+{key_id(name, key).hex()}+{encoded}"


def note(text: str, key: Ed25519PrivateKey, name: str = ORIGIN) -> bytes:
    return f"{text}\n{signature_line(text, key, name)}".encode()


def signature_line(text: str, key: Ed25519PrivateKey, name: str = ORIGIN) -> str:
    return f"\u2014 {name} {b64(key_id(name, key) + key.sign(text.encode()))}\n"


def write_folder(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
