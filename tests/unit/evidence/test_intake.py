"""What is published is checked, then stored; what fails is kept aside: evidence-format sections 1, 3 and 6."""

from __future__ import annotations

import json
import logging
import tracemalloc
from dataclasses import replace

import pytest

from affidavit.errors import Malformed, OutcomeUnknown, Unavailable
from affidavit.evidence.canonical import encode
from affidavit.evidence.intake import Intake
from affidavit.evidence.names import bodies_name, segment_name
from affidavit.evidence.packing import pack
from affidavit.evidence.ports import EvidenceObject
from affidavit.evidence.registration import parse_registration
from affidavit.evidence.stored import sha256_hex, unpack
from fakes.ledger import ORIGIN, Ledger
from fakes.stores import MemoryHead, memory_stores


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path, stores=memory_stores(), heads=MemoryHead())


@pytest.fixture
def writer(ledger):
    return ledger.writer(register=False)


@pytest.fixture
def call(writer):
    """A registration, a bodies object and a segment, as they are published."""
    writer.open()
    writer.call()
    return [writer.registration, *writer.seal()]


def quarantined(ledger):
    return ledger.stores.quarantine.objects


def stored(ledger):
    return ledger.stores.evidence.objects


def test_what_is_sound_is_stored_as_it_came(ledger, call):
    registration, body, segment = call
    taken = ledger.intake.take(call)

    assert stored(ledger) == {registration.name: registration.data, segment.name: segment.data}
    assert ledger.stores.bodies("standard").objects == {body.name: body.data}
    assert set(taken.created) == {registration.name, segment.name}
    assert not taken.early
    assert not quarantined(ledger)


def test_it_can_be_delivered_in_any_order_within_a_delivery(ledger, call):
    assert not ledger.intake.take(reversed(call)).early
    assert len(stored(ledger)) == 2


def test_delivered_again_it_changes_nothing_and_is_no_news(ledger, call):
    ledger.intake.take(call)
    before = dict(stored(ledger))

    assert ledger.intake.take(call).created == ()
    assert stored(ledger) == before


def test_what_comes_before_its_registration_is_early(ledger, call):
    registration, body, segment = call
    taken = ledger.intake.take([segment, body])
    assert set(taken.early) == {segment, body}
    assert not stored(ledger)
    assert not ledger.stores.bodies("standard").objects

    ledger.intake.take([registration])
    assert ledger.intake.take([segment, body]).created == (segment.name,)
    assert ledger.stores.bodies("standard").objects == {body.name: body.data}


def test_what_is_early_and_cannot_be_otherwise_is_kept_aside(ledger, call):
    ledger.intake.refuse([call[2]], "its writer is not registered")

    assert list(quarantined(ledger).values()) == [call[2].data]


@pytest.mark.parametrize("persisted", [False, True])
def test_after_a_failure_the_same_delivery_is_right(ledger, call, persisted):
    for number in (1, 2):
        ledger.stores.evidence.faults.fail_at(number, persisted=persisted)
        with pytest.raises((Unavailable, OutcomeUnknown)):
            ledger.intake.take(call)
    ledger.intake.take(call)

    assert len(stored(ledger)) == 2


def test_another_intake_reads_the_registration_that_is_stored(ledger, call):
    ledger.intake.take(call[:1])

    assert Intake(ledger.stores, origin=ORIGIN).take(call[1:]).created == (call[2].name,)


def renamed(one, data):
    """Return an object with other bytes, under the name that these would have."""
    writer, _, rest = one.name.removeprefix("segment/").partition("/")
    make = bodies_name if one.bucket == "body" else segment_name
    return replace(one, data=data, name=make(writer, int(rest[:12]), sha256_hex(data)))


def lines(one, change):
    """Return an object with its unpacked bytes changed, under the right name."""
    return renamed(one, pack(change(unpack(one.data))))


SPOILT = {
    "body under another hash": (1, lambda one: replace(one, data=one.data + b"\0")),
    "body of no class": (1, lambda one: replace(one, retention_class="")),
    "body of a bad class": (1, lambda one: replace(one, retention_class="../x")),
    "body under no name": (1, lambda one: replace(one, name="x")),
    "body that is no gzip": (1, lambda one: renamed(one, b"x")),
    "body of two members": (1, lambda one: renamed(one, one.data * 2)),
    "body that hashes to another": (
        1,
        lambda one: lines(one, lambda data: data.replace(b'"base64":"', b'"base64":"AAAA')),
    ),
    "body with white space": (1, lambda one: lines(one, lambda data: data.replace(b'","', b'", "'))),
    "segment under another hash": (2, lambda one: replace(one, data=one.data + b"\0")),
    "segment under no name": (2, lambda one: replace(one, name="segment/x")),
    "segment at another place": (
        2,
        lambda one: replace(one, name=one.name.replace("/000000000000-", "/000000000001-")),
    ),
    "segment that is no gzip": (2, lambda one: renamed(one, b"x")),
    "segment with a changed record": (2, lambda one: lines(one, lambda data: data.replace(b"sql.query", b"sql.Query"))),
    "segment without its last record": (
        2,
        lambda one: lines(one, lambda data: b"\n".join(data.split(b"\n")[:-3]) + b"\n"),
    ),
    "segment of its header alone": (2, lambda one: lines(one, lambda data: data[: data.index(b"\n") + 1])),
    "segment of no lines": (2, lambda one: lines(one, lambda _: b"\n")),
    "segment with another count": (2, lambda one: lines(one, lambda data: data.replace(b'"count":3', b'"count":2'))),
    "segment with a field more": (
        2,
        lambda one: lines(one, lambda data: data.replace(b'"count"', b'"a":1,"count"', 1)),
    ),
    "registration of another log": (0, lambda one: replace(one, data=one.data.replace(b"/audit", b"/other"))),
    "registration of another writer": (0, lambda one: replace(one, name=one.name.replace("writer/2", "writer/1"))),
    "registration that is not canonical": (0, lambda one: replace(one, data=one.data + b"\n")),
    "object of no kind": (0, lambda one: replace(one, name="commit/00000000000000000000.json")),
    "object with an evil name": (0, lambda one: replace(one, name="../../x")),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_what_fails_is_kept_aside_loudly_and_the_rest_is_stored(ledger, call, caplog, spoilt):
    which, change = SPOILT[spoilt]
    bad = change(call[which])
    assert bad != call[which]
    with caplog.at_level(logging.ERROR):
        taken = ledger.intake.take([*call, bad])

    assert list(quarantined(ledger).values()) == [bad.data]
    assert set(taken.created) == {call[0].name, call[2].name}
    assert "quarantine" in caplog.text
    again = ledger.intake.take([bad])
    assert (again.created, again.early) == ((), ())
    assert len(quarantined(ledger)) == 1


def test_a_segment_signed_by_another_key_is_kept_aside(ledger, call):
    forger = ledger.writer(register=False)
    forger.open()
    (forged,) = forger.seal()
    data = pack(unpack(forged.data).replace(forger.id.encode(), call[0].name[7:-5].encode()))
    name = segment_name(call[0].name[7:-5], 0, sha256_hex(data))
    ledger.intake.take([call[0], replace(forged, name=name, data=data)])

    assert list(quarantined(ledger).values()) == [data]


def test_a_second_registration_of_one_writer_is_kept_aside(ledger, call):
    """Its name does not hold the content's hash: taken is done only if the same is there."""
    other = replace(call[0], data=call[0].data.replace(b'"gateway"', b'"console"'))
    ledger.intake.take(call[:1])
    ledger.intake.take([other])

    assert stored(ledger) == {call[0].name: call[0].data}
    assert list(quarantined(ledger).values()) == [other.data]


def test_two_different_contents_under_one_name_are_both_kept(ledger, call):
    for data in (b"one", b"two", b"two"):
        ledger.intake.take([replace(call[2], data=data)])

    assert sorted(quarantined(ledger).values()) == [b"one", b"two"]
    assert all(call[2].name in name for name in quarantined(ledger))


def test_while_the_quarantine_fails_the_delivery_does_too(ledger, call):
    """Acknowledged it would be gone."""
    ledger.stores.quarantine.faults.fail(persisted=False)

    with pytest.raises(Unavailable):
        ledger.intake.take([replace(call[2], data=b"x")])


def test_in_a_folder_a_name_that_leads_out_of_it_is_kept_aside_without_it(tmp_path):
    ledger = Ledger(tmp_path / "data")
    evil = EvidenceObject("body", "../..", "../../../evil", b"x")
    ledger.intake.take([evil])

    (path,) = (path for path in (tmp_path / "data" / "quarantine").rglob("*") if path.is_file())
    assert path.read_bytes() == b"x"
    assert path.parent.name == "unnamed"


MANY = 2 * 1024 * 1024
LISTS = b"[]," * (MANY // 3) + b"[]]"
BOMBS = {  # what comes packed in a thousandth of it
    "segment of empty lines": (2, lambda _: b"\n" * MANY),
    "segment of short lines": (2, lambda _: b"{}\n" * (MANY // 3)),
    "segment with a header of lists": (2, lambda _: b'{"a":[' + LISTS + b"}\n{}\n{}\n"),
    "segment with a signature of lists": (2, lambda data: data.replace(b'{"signature":', b'{"a":[' + LISTS + b',"b":')),
    "body of empty lines": (1, lambda _: b"\n" * MANY),
    "body of short lines": (1, lambda _: b"{}\n" * (MANY // 3)),
    "body of lists": (1, lambda _: b'{"base64":[' + LISTS + b',"body":"","salt":""}\n'),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_is_packed_to_fill_the_memory_is_kept_aside_and_does_not(ledger, call, bomb):
    """evidence-format section 1: 64 MiB at most are packed. Read as what it is, each such byte would take thirty."""
    which, change = BOMBS[bomb]
    bad = lines(call[which], change)
    ledger.intake.take(call[:1])

    tracemalloc.start()
    try:
        assert ledger.intake.take([bad]).refused == (bad.name,)
        assert tracemalloc.get_traced_memory()[1] < 4 * MANY
    finally:
        tracemalloc.stop()


# Registrations


def test_a_registration_that_would_fill_the_memory_is_none(writer):
    registered = json.loads(writer.registration.data)
    data = encode(registered | {"attestation": [[]] * (MANY // 3)})

    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            parse_registration(writer.registration.name, data)
        assert tracemalloc.get_traced_memory()[1] < MANY
    finally:
        tracemalloc.stop()


def test_a_registration_is_read(writer):
    registration = parse_registration(writer.registration.name, writer.registration.data)

    assert (registration.writer, registration.role, registration.origin) == (writer.id, "gateway", ORIGIN)
    assert registration.sha256 == sha256_hex(writer.registration.data)
    assert registration.attestation is None


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"writer": "20261122T122557Z-0000000000000000"},
        {"role": "root"},
        {"role": "function:"},
        {"role": None},
        {"origin": ""},
        {"origin": 1},
        {"opened": "2026-11-22T12:25:57Z"},
        {"opened": "2026-11-22T12:25:59.000000Z"},
        {"opened": None},
        {"public_key": "AAAA"},
        {"public_key": 1},
        {"public_key": "A" * 43 + "B"},
        {"config_sha256": "x"},
        {"attestation": ""},
        {"attestation": 1},
        {"software": {}},
        {"software": {"image": "latest", "revision": None, "version": "1"}},
        {"software": {"image": None, "revision": 1, "version": "1"}},
        {"software": {"image": None, "revision": None, "version": None}},
        {"more": 1},
    ],
    ids=str,
)
def test_anything_else_is_no_registration(writer, change):
    data = encode(json.loads(writer.registration.data) | change)

    with pytest.raises(Malformed):
        parse_registration(writer.registration.name, data)


@pytest.mark.parametrize("role", ["console", "cli", "function:resolve-approval"])
def test_every_role_of_the_format_is_one(writer, role):
    data = encode(json.loads(writer.registration.data) | {"role": role, "attestation": "a.b.c"})

    assert parse_registration(writer.registration.name, data).role == role
