"""Finding in a data folder what somebody names: a record, all records of a call, the sessions that begin with a text.

Source: evidence-format sections 4 and 5; RFC 9562 section 5.7 (a call's id tells when it came).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

from affidavit.audit.commit import LOG_WRITER
from affidavit.audit.timeline.chain import opened
from affidavit.audit.timeline.commits import StoredCommit
from affidavit.audit.timeline.items import Item, Recorded
from affidavit.audit.timeline.reader import Reader
from affidavit.clock import MINUTE, SECOND, Micros
from affidavit.evidence.names import WRITER_ID

RECORD_ID = re.compile(rf"({WRITER_ID.pattern}|{LOG_WRITER})/(0|[1-9][0-9]{{0,15}})", re.ASCII)
CALL_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)

SOON: Micros = 10 * MINUTE  # a call has its first record, and what is said after its end its record, within this
_SESSION = re.compile(rb'"session":"([!-~]{1,200}?)"')
_UUID_V7 = 7
_ENDS = frozenset({"call:answered", "call:refused"})


def record(reader: Reader, writer: str, seq: int) -> Recorded | None:
    """Return the record in a place of a chain, None where it cannot be read."""
    items = _statements(reader, seq) if writer == LOG_WRITER else reader.chain(writer).around(seq)
    for item in items:
        if isinstance(item, Recorded) and item.seq >= seq:
            return item if item.seq == seq else None
    return None


def records_of_call(reader: Reader, call: str, writer: str | None = None) -> list[Item]:
    """Return the records of a call in their order, and what among them cannot be read.

    Args:
        reader: Of a data folder.
        call: Its id.
        writer: In whose chain it is; None to look in all.
    """
    came = _came(call)
    # Whoever started last before the call is the likeliest to have taken it.
    writers = [writer] if writer else [one for one in reversed(reader.writers()) if opened(one) <= came + SECOND]
    for one in writers:
        found = list(_of_call(reader.chain(one).since(came - SECOND), call, came + SOON if came else None))
        if found:
            return found
    return []


def sessions(reader: Reader, prefix: str) -> set[str]:
    """Return the recorded sessions that begin with a text, with or without the id of their HMAC's key."""
    found: set[str] = set()
    for writer in reader.writers():
        for lines in reader.chain(writer).unchecked():
            for session in set(_SESSION.findall(lines)):
                text = session.decode("ascii")
                if text.startswith(prefix) or text.partition(":")[2].startswith(prefix):
                    found.add(text)
    return found


def _of_call(items: Iterator[Item], call: str, until: Micros | None) -> Iterator[Item]:
    wanted, begun = call.encode("ascii"), False
    for item in items:
        if until is not None and item.at > until:
            return
        if not isinstance(item, Recorded):
            if begun:
                yield item
        elif wanted in item.line and item.record.get("call") == call:
            yield item
            begun, ended = True, item.kind in _ENDS
            until = item.at + SOON if ended else None


def _came(call: str) -> Micros:
    """Return when a call came, as its id says; 0 where it says nothing."""
    number = uuid.UUID(call)
    return (number.int >> 80) * 1_000 if number.version == _UUID_V7 else 0


def _statements(reader: Reader, seq: int) -> Iterator[Item]:
    for index in range(reader.commits.first_saying(seq), len(reader.commits)):
        found = reader.commits.read(index)
        if isinstance(found, StoredCommit):
            yield from reader.commits.records(found)
