"""What a data folder proves at this moment, read as a stranger would: with gzip and JSON, not with the code under test.

Source: evidence-format sections 2, 4 and 6. What is durable is in the journal (frames: a line, then the object's bytes)
or already in the evidence folder; a record counts from the moment when its segment is whole in one of them.
"""

import base64
import contextlib
import gzip
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WAIT_S = 30  # until a test that waits for a record fails
FRAME = re.compile(rb"affidavit-journal/1 \d+ (evidence|body) (\S+) (\S+) (\d+) [0-9a-f]{8}\n")

Record = dict[str, Any]


class EvidenceFolder:
    """One data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def lines(self) -> dict[str, bytes]:
        """Return the exact bytes of every durable record, by record id, in the order of each chain."""
        found: dict[str, bytes] = {}
        for name, content in self._objects():
            if name.startswith("segment/"):
                for line in gzip.decompress(content).splitlines()[1:-1]:
                    record = json.loads(line)
                    found[f"{record['writer']}/{record['seq']:09d}"] = line
        return {_id(key): found[key] for key in sorted(found)}

    def records(self, kind: str | None = None, **having: Any) -> list[Record]:
        """Return the durable records, or those of a kind (or its beginning, as in `call:`) that have these values."""
        parsed = [json.loads(line) for line in self.lines().values()]
        return [one for one in parsed if _is(one, kind) and all(one.get(key) == having[key] for key in having)]

    def kinds(self) -> list[str]:
        return [record["kind"] for record in self.records()]

    def hash_of(self, record_id: str) -> str:
        return hashlib.sha256(self.lines()[record_id]).hexdigest()

    def body(self, reference: dict[str, Any]) -> bytes:
        """Return what a body reference names."""
        for name, content in self._objects():
            if not name.startswith(("segment/", "writer/")):
                for line in gzip.decompress(content).splitlines():
                    entry = json.loads(line)
                    if entry["body"] == reference["body"]:
                        return base64.b64decode(entry["base64"])
        raise AssertionError(f"no body {reference['body']}")

    def files(self) -> Iterator[bytes]:
        """Yield every file of the data folder as it lies there; what its gateway removes meanwhile is left out."""
        for path in self.data.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    yield path.read_bytes()

    def wait_for(self, kind: str, **having: Any) -> Record:
        """Return the first record of a kind that has these values, as soon as it is durable."""
        found = self.wait_until(lambda: self.records(kind, **having))
        return found[0]

    def wait_until(self, what: Callable[[], Any]) -> Any:
        """Ask again and again until the answer is true, and return it."""
        ends = time.monotonic() + WAIT_S
        while not (found := what()):
            assert time.monotonic() < ends, f"nothing came of it; the records are {self.kinds()}"
            time.sleep(0.02)
        return found

    def ends(self) -> dict[str, list[str]]:
        """Return for each call that was requested the kinds that ended it, which an honest chain has one of."""
        ended: dict[str, list[str]] = {record["call"]: [] for record in self.records("call:requested")}
        for record in self.records():
            if record["kind"] in ("call:answered", "call:refused") and record["call"] in ended:
                ended[record["call"]].append(record["kind"])
        return ended

    def _objects(self) -> Iterator[tuple[str, bytes]]:
        # The journal first: what leaves it meanwhile is found where it went.
        for path in sorted((self.data / "journal").glob("*")):
            try:
                journal = path.read_bytes()
            except FileNotFoundError:
                continue
            yield from _frames(journal)
        for folder in ("evidence/segment", "bodies"):
            for path in sorted((self.data / folder).rglob("*.gz")):
                yield path.relative_to(self.data / folder.partition("/")[0]).as_posix(), path.read_bytes()


def _frames(journal: bytes) -> Iterator[tuple[str, bytes]]:
    for found in FRAME.finditer(journal):
        content = journal[found.end() : found.end() + int(found[4])]
        if len(content) == int(found[4]) and journal[found.end() + len(content)] == ord("\n"):
            yield found[3].decode(), content


def _is(record: Record, kind: str | None) -> bool:
    return kind is None or record["kind"] == kind or (kind.endswith(":") and record["kind"].startswith(kind))


def _id(key: str) -> str:
    writer, _, seq = key.partition("/")
    return f"{writer}/{int(seq)}"
