"""Names of objects: printed and parsed in one place.

Names derive from content or position, never from arrival time, so a redelivery finds its own name taken.

Source: evidence-format section 2.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from affidavit.errors import Malformed

WRITER_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{16}", re.ASCII)
OBJECT = re.compile(  # what any object may be called: such a name never leads out of the folder that it is put in
    r"[A-Za-z0-9_-][A-Za-z0-9._@-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._@-]*)*", re.ASCII
)
RETENTION_CLASS = re.compile(r"[a-z0-9_]+", re.ASCII)

_CHAIN_OBJECT = re.compile(rf"({WRITER_ID.pattern})/(\d{{12}})-([0-9a-f]{{16}})\.ndjson\.gz", re.ASCII)
_REGISTRATION = re.compile(rf"writer/({WRITER_ID.pattern})\.json", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class ChainObject:
    """What a segment's or a bodies object's name says."""

    writer: str
    first_seq: int
    h16: str

    def matches(self, stored: bytes) -> bool:
        """Tell whether stored bytes are the ones that this name holds the hash of."""
        return hashlib.sha256(stored).hexdigest()[:16] == self.h16


def registration_name(writer: str) -> str:
    """Return where a writer's registration stands in the evidence bucket."""
    return f"writer/{writer}.json"


def parse_registration_name(name: str) -> str:
    """Return the writer that a name under `writer/` registers."""
    return _match(_REGISTRATION, name)[1]


def bodies_name(writer: str, first_seq: int, stored_sha256: str) -> str:
    """Return where a bodies object stands in the bucket of its class."""
    return f"{writer}/{first_seq:012d}-{stored_sha256[:16]}.ndjson.gz"


def segment_name(writer: str, first_seq: int, stored_sha256: str) -> str:
    """Return where a segment stands in the evidence bucket."""
    return "segment/" + bodies_name(writer, first_seq, stored_sha256)


def parse_bodies_name(name: str) -> ChainObject:
    """Return what the name of a bodies object says."""
    found = _match(_CHAIN_OBJECT, name)
    return ChainObject(writer=found[1], first_seq=int(found[2]), h16=found[3])


def parse_segment_name(name: str) -> ChainObject:
    """Return what the name of a segment says."""
    if not name.startswith("segment/"):
        raise Malformed(f"not the name of a segment: {name!r}", code="bad_name")
    return parse_bodies_name(name.removeprefix("segment/"))


def commit_name(start: int) -> str:
    """Return where the commit that begins at a log position stands in the evidence bucket."""
    return f"commit/{start:020d}.json"


def checkpoint_name(size: int) -> str:
    """Return where the kept checkpoint of a log size stands in the evidence bucket."""
    return f"checkpoint/{size:020d}"


def _match(pattern: re.Pattern[str], name: str) -> re.Match[str]:
    found = pattern.fullmatch(name)
    if found is None:
        raise Malformed(f"not a name of the evidence format: {name!r}", code="bad_name")
    return found
