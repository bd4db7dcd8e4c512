"""A stored segment as the sequencer reads it: what is no chain of its writer is noise (evidence-format section 8)."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.audit.segments import check_segment
from affidavit.errors import Malformed, VerificationFailed
from affidavit.evidence.canonical import encode
from affidavit.evidence.names import segment_name
from affidavit.evidence.packing import pack
from affidavit.evidence.registration import parse_registration
from affidavit.evidence.segment import sign_segment
from affidavit.evidence.stored import sha256_hex
from fakes.ledger import Ledger

MINE = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)


@pytest.fixture
def writer(tmp_path, monkeypatch):
    monkeypatch.setattr(Ed25519PrivateKey, "from_private_bytes", lambda _: MINE)
    return Ledger(tmp_path).writer(register=False)


@pytest.fixture
def registration(writer):
    return parse_registration(writer.registration.name, writer.registration.data)


def sealed(writer, records, *, key=MINE, first_seq=0, prev=None):
    """Return the name and bytes of a segment that holds exactly these records, signed."""
    signed = sign_segment(
        writer=writer.id,
        first_seq=first_seq,
        prev=prev or sha256_hex(writer.registration.data),
        bodies={},
        records=records,
        sign=key.sign,
    )
    stored = pack(signed)
    return segment_name(writer.id, first_seq, sha256_hex(stored)), stored


def said(writer, count=3):
    writer.open()
    for _ in range(count - 1):
        writer.alive()
    return [entry.line for entry in writer.entries]


def test_a_sound_segment_tells_what_the_sequencer_needs(writer, registration):
    records = said(writer)
    name, stored = sealed(writer, records)
    found, lines = check_segment(name, stored, registration)

    assert lines == records
    assert (found.first_seq, found.next_seq, found.count) == (0, 3, 3)
    assert (found.prev, found.last) == (registration.sha256, sha256_hex(records[-1]))
    assert found.sha256 == sha256_hex(stored)
    assert found.first_time < found.last_time
    assert (found.quiet, found.closes) == (False, False)
    assert found.size == sum(map(len, records))


def test_one_that_holds_nothing_but_signs_of_life_is_quiet(writer, registration):
    first, *rest = said(writer)
    name, stored = sealed(writer, rest, first_seq=1, prev=sha256_hex(first))

    assert check_segment(name, stored, registration)[0].quiet


def test_one_that_ends_the_chain_closes_it(writer, registration):
    said(writer)
    writer.say("writer:closed")
    name, stored = sealed(writer, [entry.line for entry in writer.entries])

    assert check_segment(name, stored, registration)[0].closes


def test_another_keys_signature_is_noise(writer, registration):
    with pytest.raises(VerificationFailed):
        check_segment(*sealed(writer, said(writer), key=OTHER), registration)


def test_what_does_not_hash_to_its_name_is_noise(writer, registration):
    name, _ = sealed(writer, said(writer))
    _, other = sealed(writer, said(writer, 2))

    with pytest.raises(Malformed, match="hash"):
        check_segment(name, other, registration)


def test_a_segment_under_another_writers_name_is_noise(writer, registration):
    name, stored = sealed(writer, said(writer))

    with pytest.raises(Malformed):
        check_segment(name.replace(writer.id, writer.id[:-1] + "0"), stored, registration)


def test_a_segment_under_another_place_is_noise(writer, registration):
    name, stored = sealed(writer, said(writer))

    with pytest.raises(Malformed, match="place"):
        check_segment(name.replace("/000000000000-", "/000000000001-"), stored, registration)


@pytest.mark.parametrize(
    "change",
    [
        {"writer": "20261122T122557Z-0000000000000000"},
        {"seq": 2},
        {"seq": None},
        {"prev": "ab" * 32},
        {"kind": None},
        {"kind": 1},
        {"time": "2026-11-22T12:25:57.000000Z"},
        {"time": "2026-11-22 12:25:57"},
        {"time": "9"},
        {"time": None},
        {"padding": "x" * 65_535},
    ],
    ids=lambda change: str(change)[:40],
)
def test_records_that_are_no_chain_are_noise(writer, registration, change):
    """Signed by the writer or not: it can have no place in the log."""
    first, second = said(writer, 2)

    with pytest.raises(Malformed):
        check_segment(*sealed(writer, [first, encode(json.loads(second) | change)]), registration)


def test_a_record_that_would_fill_the_memory_is_noise(writer, registration):
    """A writer's own key signs anything; what it signs must not stop the log for all others."""
    record = b'{"a":[' + b"[]," * 1_000_000 + b"[]]}"
    name, stored = sealed(writer, [record])

    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            check_segment(name, stored, registration)
        assert tracemalloc.get_traced_memory()[1] < 6 * len(record)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("line", [b"", b"x", b"[]", b"1"])
def test_a_record_that_is_no_object_is_noise(writer, registration, line):
    with pytest.raises(Malformed):
        check_segment(*sealed(writer, [line]), registration)
