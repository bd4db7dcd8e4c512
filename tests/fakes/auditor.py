"""A plain second reading of evidence-format sections 3 to 7, for tests of what writes a log.

Shares no code with the sequencer or with `affidavit verify`: it keeps everything in memory, uses `json` and
`pymerkle`, and states each rule once, in the order of the page. It stops at the first thing that is wrong.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InmemoryTree

ZERO = "0" * 64
LATER = "9999"  # after every time


@dataclass
class Chain:
    key: Ed25519PublicKey
    next_seq: int
    last: str
    admitted: bool = False
    lost: bool = False
    closed: bool = False
    last_time: str = ""
    overdue: str = LATER
    hashes: dict[int, str] = field(default_factory=dict)
    prevs: dict[int, str] = field(default_factory=dict)
    holes: set[int] = field(default_factory=set)


@dataclass
class Audit:
    """What was found: every leaf in order, the commits, and the chains as they stand."""

    leaves: list[bytes] = field(default_factory=list)
    commits: list[dict[str, Any]] = field(default_factory=list)
    chains: dict[str, Chain] = field(default_factory=dict)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(leaf) for leaf in self.leaves]

    def kinds(self) -> list[str]:
        return [record["kind"] for record in self.records]

    def said(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["kind"] == kind]

    def ids(self) -> set[str]:
        return {f"{record['writer']}/{record['seq']}" for record in self.records if record["writer"] != "log"}


def read_folder(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def audit_folder(root: Path) -> Audit:
    """Audit a data folder; the key is its `log.vkey`."""
    vkey = (root / "log.vkey").read_text().strip() if (root / "log.vkey").exists() else ""
    return audit(read_folder(root / "evidence"), read_folder(root / "log"), read_folder(root / "bodies"), vkey)


def audit(evidence: Mapping[str, bytes], log: Mapping[str, bytes], bodies: Mapping[str, bytes], vkey: str) -> Audit:
    found = Audit()
    previous = ZERO
    for name in sorted(name for name in evidence if name.startswith("commit/")):
        data = evidence[name]
        commit = json.loads(data)
        assert name == f"commit/{len(found.leaves):020d}.json", "commits are contiguous"
        assert commit["start"] == len(found.leaves)
        assert commit["previous"] == previous
        _check_statements(found, commit, previous, evidence)
        _check_segments(found, commit, evidence, bodies)
        assert commit["size"] == len(found.leaves)
        _check_writers(found, commit)
        previous = hashlib.sha256(data).hexdigest()
        found.commits.append(commit)
    _check_checkpoints(found, evidence, log, vkey)
    _check_tiles(found, log)
    return found


def _check_statements(found: Audit, commit: dict[str, Any], previous: str, evidence: Mapping[str, bytes]) -> None:
    before = found.commits[-1] if found.commits else None
    said = [json.loads(text) for text in commit["statements"]]
    kinds = [one["kind"] for one in said]
    if before is None:
        assert "log:retention" in kinds, "log:retention stands in the first commit"
        assert "log:committed" not in kinds
        at, last = 0, ZERO
    else:
        assert kinds[0] == "log:committed"
        assert kinds.count("log:committed") == 1
        assert (said[0]["start"], said[0]["until"], said[0]["commit_sha256"]) == (
            before["start"],
            before["size"],
            previous,
        )
        assert len(kinds) > 1 or commit["segments"], "a commit that would hold nothing else is not made"
        assert commit["time"] >= before["time"], "time never runs backwards"
        at, last = before["writers"]["log"]["next_seq"], before["writers"]["log"]["last"]
    for text, one in zip(commit["statements"], said, strict=True):
        assert (one["writer"], one["seq"], one["prev"], one["v"]) == ("log", at, last, 1)
        assert one["kind"].startswith("log:")
        assert len(one["salt"]) == 32
        at, last = at + 1, hashlib.sha256(text.encode()).hexdigest()
        found.leaves.append(text.encode())
        _hear(found, commit, one, evidence)
    assert commit["writers"]["log"] == {"next_seq": at, "last": last}


def _hear(found: Audit, commit: dict[str, Any], one: dict[str, Any], evidence: Mapping[str, bytes]) -> None:
    about = one.get("about")
    if one["kind"] == "log:writer_admitted":
        data = evidence[f"writer/{about}.json"]
        registration = json.loads(data)
        assert about not in found.chains, "a writer is admitted once"
        assert one["registration_sha256"] == hashlib.sha256(data).hexdigest()
        assert one["role"] == registration["role"]
        assert one["account"] is None
        key = Ed25519PublicKey.from_public_bytes(b64decode(registration["public_key"]))
        found.chains[about] = Chain(key, 0, hashlib.sha256(data).hexdigest(), admitted=True)
    elif one["kind"] == "log:gap":
        chain = found.chains[about]
        assert one["from"] == chain.next_seq, "a log:gap is about the next place of the chain"
        chain.holes |= set(range(one["from"], one["to"] + 1))
    elif one["kind"] == "log:writer_lost":
        chain = found.chains[about]
        assert not chain.lost, "a writer is lost once"
        assert not chain.closed
        assert one["from"] == chain.next_seq, "it has effect only if `from` is the next seq"
        chain.lost = True


def _check_segments(
    found: Audit, commit: dict[str, Any], evidence: Mapping[str, bytes], bodies: Mapping[str, bytes]
) -> None:
    late = {
        (one["about"], one["from"], one["to"])
        for one in map(json.loads, commit["statements"])
        if one["kind"] == "log:late"
    }
    used: set[tuple[str, int, int]] = set()
    for named in commit["segments"]:
        data = evidence[named["name"]]
        assert hashlib.sha256(data).hexdigest() == named["sha256"]
        header, *lines, signature = gzip.decompress(data)[:-1].split(b"\n")
        head = json.loads(header)
        writer, first = head["writer"], head["first_seq"]
        assert named["name"] == f"segment/{writer}/{first:012d}-{named['sha256'][:16]}.ndjson.gz"
        chain = found.chains[writer]
        signed = b"\n".join([header, *lines, b""])
        chain.key.verify(
            b64decode(json.loads(signature)["signature"]), b"affidavit-segment/1\n" + hashlib.sha256(signed).digest()
        )
        for name, sha256 in head["bodies"].items():
            body = bodies[f"{name}/{writer}/{first:012d}-{sha256[:16]}.ndjson.gz"]
            assert hashlib.sha256(body).hexdigest() == sha256, "a segment is there only when its bodies are"
        place = (writer, first, first + len(lines) - 1)
        _take(chain, commit, first, lines, late=place in late)
        used |= {place} & late
        assert len(lines) == named["count"] == head["count"]
        assert {json.loads(line)["writer"] for line in lines} == {writer}
        found.leaves += lines
    assert used == late, "each log:late stands with its segment"


def _take(chain: Chain, commit: dict[str, Any], first: int, lines: list[bytes], *, late: bool) -> None:
    seqs = range(first, first + len(lines))
    fills = first < chain.next_seq
    assert late == (fills or chain.lost), "late is what fills a hole or comes of a lost writer, and nothing else"
    if fills:
        assert set(seqs) <= chain.holes, "never two records at one place"
    else:
        assert set(range(chain.next_seq, first)) <= chain.holes, "no hole is passed over unstated"
    chain.holes -= set(seqs)
    for seq, line in zip(seqs, lines, strict=True):
        record = json.loads(line)
        assert record["seq"] == seq
        assert fills or not chain.closed, "nothing follows writer:closed"
        chain.hashes[seq], chain.prevs[seq] = hashlib.sha256(line).hexdigest(), record["prev"]
        assert _time(record["time"]) <= _time(commit["time"]) + timedelta(minutes=1)
        if record["kind"] == "writer:closed":
            chain.closed = True
        for near in (seq, seq + 1):
            if near in chain.prevs and near - 1 in chain.hashes:
                assert chain.prevs[near] == chain.hashes[near - 1], "every prev is right"
        if not fills:
            assert record["time"] <= chain.overdue, "who was not lost spoke before that commit"
            chain.next_seq, chain.last, chain.last_time = seq + 1, chain.hashes[seq], record["time"]


def _check_writers(found: Audit, commit: dict[str, Any]) -> None:
    living = {
        writer: {"next_seq": chain.next_seq, "last": chain.last}
        for writer, chain in found.chains.items()
        if not chain.closed and not chain.lost
    }
    assert {writer: at for writer, at in commit["writers"].items() if writer != "log"} == living
    for chain in found.chains.values():
        assert all(hole < chain.next_seq for hole in chain.holes), "a log:gap is exactly a hole"
    for writer in living:
        chain, now = found.chains[writer], commit["time"]
        silent = _time(now) - _time(chain.last_time) >= timedelta(minutes=30)
        # A commit may end in the middle of what waits; then the next one goes on at the same time, or says it is lost.
        assert not (silent and chain.overdue < now), "every commit holds each log:writer_lost that is due"
        chain.overdue = now if silent else LATER


def _check_checkpoints(found: Audit, evidence: Mapping[str, bytes], log: Mapping[str, bytes], vkey: str) -> None:
    kept = sorted(name for name in evidence if name.startswith("checkpoint/"))
    assert kept == [f"checkpoint/{commit['size']:020d}" for commit in found.commits], "one for each commit's size"
    if not kept:
        assert "checkpoint" not in log
        return
    origin, _, encoded = vkey.split("+", 2)  # base64 has plus signs, too
    key = Ed25519PublicKey.from_public_bytes(b64decode(encoded)[1:])
    tree, at = InmemoryTree(algorithm="sha256"), 0
    for commit in found.commits:
        for leaf in found.leaves[at : commit["size"]]:
            tree.append_entry(leaf)
        at = commit["size"]
        note = evidence[f"checkpoint/{at:020d}"].decode()
        text, _, line = note.rpartition("\n\n")
        assert text.split("\n") == [origin, str(at), b64encode(tree.get_root()).decode()]
        name, signature = line.removeprefix("\u2014 ").rstrip("\n").split(" ")
        assert name == origin
        key.verify(b64decode(signature)[4:], (text + "\n").encode())
    assert log["checkpoint"] == evidence[kept[-1]], "the head is the newest"


def _check_tiles(found: Audit, log: Mapping[str, bytes]) -> None:
    """C2SP tlog-tiles: everything that is there is right, and all that the head needs is there."""
    needed: dict[str, bytes] = {}
    level, hashes = 0, [hashlib.sha256(b"\0" + leaf).digest() for leaf in found.leaves]
    while hashes:
        for first in range(0, len(hashes), 256):
            needed[_path(str(level), first, len(hashes))] = b"".join(hashes[first : first + 256])
            if level == 0:
                entries = found.leaves[first : first + 256]
                needed[_path("entries", first, len(hashes))] = b"".join(struct.pack(">H", len(e)) + e for e in entries)
        level, hashes = level + 1, [_root(hashes[at : at + 256]) for at in range(0, len(hashes) - 255, 256)]
    for path, body in needed.items():
        assert log[path] == body, path
    for path in log.keys() - needed.keys() - {"checkpoint"}:
        assert ".p/" in path, f"{path} is no part of this log"


def _path(level: str, first: int, size: int) -> str:
    index, width = first // 256, min(256, size - first)
    digits = f"{index:03d}" if index < 1000 else f"x{index // 1000:03d}/{index % 1000:03d}"
    return f"tile/{level}/{digits}" + ("" if width == 256 else f".p/{width}")


def _root(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [
            hashlib.sha256(b"\1" + left + right).digest() for left, right in zip(*[iter(hashes)] * 2, strict=True)
        ]
    return hashes[0]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
