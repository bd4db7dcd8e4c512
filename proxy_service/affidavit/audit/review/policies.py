"""The policy files that were in force, as they were recorded.

Source: evidence-format section 5, `policy:loaded`.
"""

from __future__ import annotations

from affidavit.audit.timeline.items import Recorded
from affidavit.audit.timeline.reader import Reader
from affidavit.audit.timeline.values import mapping


def newest_policy(reader: Reader) -> bytes | None:
    """Return the exact bytes of the file that was loaded last, None where none is here."""
    newest: Recorded | None = None
    content: bytes | None = None
    for writer in reversed(reader.writers()):
        if newest is not None and reader.chain(writer).newest() < newest.at:
            continue  # it said nothing so late
        for item in reader.chain(writer).since(0):
            if isinstance(item, Recorded) and item.kind == "policy:loaded" and (newest is None or item.at > newest.at):
                found = item.content(mapping(item.record.get("policy")))
                newest, content = item, found.data
    return content
