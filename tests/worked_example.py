"""The worked example of AUDITORS.md: one writer, three records, one commit, every byte of it.

`python tests/worked_example.py` prints the section between the markers of AUDITORS.md; tests/test_auditors.py holds the
page to it.
"""

import gzip
import hashlib
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fakes.ledger import POLICY, Ledger

BEGIN, END = "<!-- worked example: begin -->", "<!-- worked example: end -->"
WIDTH = 96  # hex digits a line
_BLOCK = re.compile(r"^### `(?P<name>[^`]+)`\n.*?```hex\n(?P<hex>[0-9a-f\s]+?)```", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"^    (\S+\+[0-9a-f]{8}\+\S+)$", re.MULTILINE)


def build(folder: Path) -> Ledger:
    """Make the example's data folder."""
    ledger = Ledger(folder)
    writer = ledger.writer()
    writer.open()
    policy = writer.body(POLICY)
    writer.say("policy:loaded", policy, policy=policy.reference(), digest=hashlib.sha256(POLICY).hexdigest())
    writer.close()
    ledger.settle()
    return ledger


def written(page: str) -> tuple[dict[str, bytes], str]:
    """Return the objects that a page spells out in hex, by name, and the verifier key that it gives."""
    objects = {found["name"]: bytes.fromhex("".join(found["hex"].split())) for found in _BLOCK.finditer(page)}
    key = _KEY.search(page)
    assert key is not None, "the page gives the log's verifier key on a line of its own"
    return objects, key[1]


def section() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ledger = build(folder)
        yield f"The log's verifier key:\n\n    {ledger.vkey}\n"
        for part in ("evidence/writer", "evidence/segment", "bodies", "evidence/commit", "evidence/checkpoint", "log"):
            for path in sorted(path for path in (folder / part).rglob("*") if path.is_file()):
                yield from _object(path.relative_to(folder).as_posix(), path.read_bytes())


def _object(name: str, stored: bytes) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield f"{len(stored)} bytes, SHA-256 `{hashlib.sha256(stored).hexdigest()}`:\n"
    yield "```hex\n" + "\n".join(textwrap.wrap(stored.hex(), WIDTH)) + "\n```\n"
    if name.endswith(".gz"):
        yield "Unpacked:\n\n```text\n" + gzip.decompress(stored).decode() + "```\n"
    elif "tile" not in name:
        yield "As text:\n\n```text\n" + stored.decode().rstrip("\n") + "\n```\n"


def main() -> None:
    print("\n".join(section()))


if __name__ == "__main__":
    main()
