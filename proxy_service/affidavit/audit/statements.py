"""The log's own statements: records of the writer `log`, made at one moment, and read again.

Never decides what is stated; the sequencer does.

Source: evidence-format sections 4 and 5.
"""

from __future__ import annotations

from typing import Any

from affidavit.audit.commit import LOG_WRITER, ZERO_HASH, Place
from affidavit.clock import Micros, format_time
from affidavit.errors import Malformed
from affidavit.evidence.canonical import decode, encode
from affidavit.evidence.stored import sha256_hex
from affidavit.evidence.writer import SALT_BYTES, Randomness

_HOLE = {"about": str, "from": int, "to": int}
_FIELDS: dict[str, dict[str, type]] = {  # those that a sequencer acts on when it reads them again
    "issuer:keys": {"issuer": str, "keys": str},
    "log:committed": {"commit_sha256": str, "start": int, "until": int},
    "log:gap": _HOLE,
    "log:late": _HOLE,
    "log:retention": {"classes": dict},
    "log:writer_admitted": {"about": str},
    "log:writer_lost": {"about": str, "from": int},
}


class LogChain:
    """The chain of the writer `log`, going on from where the last commit left it."""

    def __init__(self, place: Place | None, *, time: Micros, random: Randomness) -> None:
        self._place = place or Place(0, ZERO_HASH)
        self._time = format_time(time)
        self._random = random
        self.statements: list[str] = []

    @property
    def place(self) -> Place:
        """How far the chain goes with what was said."""
        return self._place

    def say(self, kind: str, **fields: Any) -> None:
        """Put one statement at the end."""
        line = encode(
            {
                **fields,
                "kind": kind,
                "prev": self._place.last,
                "salt": self._random(SALT_BYTES).hex(),
                "seq": self._place.next_seq,
                "time": self._time,
                "v": 1,
                "writer": LOG_WRITER,
            }
        )
        self._place = Place(self._place.next_seq + 1, sha256_hex(line))
        self.statements.append(line.decode())


def read_statement(text: str) -> dict[str, Any]:
    """Return the fields of a statement as a commit holds it.

    Raises:
        Malformed: Not a record of the writer `log`, or without the fields that its kind has.
    """
    statement = decode(text.encode())
    kind = statement.get("kind")
    if statement.get("writer") != LOG_WRITER or type(kind) is not str:
        raise Malformed("a statement is not of the writer `log`", code="bad_statement")
    fields = _FIELDS.get(kind, {})
    if not all(type(statement.get(name)) is form for name, form in fields.items()):
        raise Malformed(f"a {kind} statement is not of its form", code="bad_statement")
    return statement
