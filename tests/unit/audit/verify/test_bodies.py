"""A bodies object held against the records that mention it: evidence-format sections 4 and 6."""

from __future__ import annotations

import tracemalloc

from affidavit.audit.verify.bodies import Mention, check_bodies
from affidavit.evidence.body import Body, encode_bodies


def test_lines_that_nobody_mentions_are_counted_without_being_held():
    """A writer can pack 64 MiB of line ends into 64 KiB; a verifier must not need half a gigabyte to count them."""
    body = Body.make(b"said", salt=b"\1" * 16, retention_class="standard")
    mention = Mention(0, body.hash, 4, "standard")
    surplus = 2 * 1024 * 1024

    tracemalloc.start()
    try:
        kept, wrong = check_bodies(encode_bodies([body]) + b"\n" * surplus, [mention], {body.hash})
        assert tracemalloc.get_traced_memory()[1] < 4 * surplus
    finally:
        tracemalloc.stop()

    assert kept == {body.hash: b"said"}
    assert wrong == [(None, f"{surplus} lines that no record mentions")]
