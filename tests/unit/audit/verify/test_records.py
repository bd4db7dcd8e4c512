"""The fast reading of records against the plain one.

Source: evidence-format sections 1 and 4.
"""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.audit.verify.records import MOST_REMEMBERED, RecordReader
from affidavit.clock import parse_time
from affidavit.errors import Malformed
from affidavit.evidence.body import references
from affidavit.evidence.canonical import decode
from fakes.json_values import scalars, values_of

KEYS = st.text(st.sampled_from("abz09_"), min_size=1, max_size=4)
VALUES = values_of(scalars, KEYS | st.sampled_from(["body", "size", "A", ""]))


def plainly(line: bytes) -> object:
    try:
        return decode(line)
    except (Malformed, TypeError):
        return None


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.booleans())
def test_a_record_is_read_as_the_plain_reader_reads_it(value, sort):
    try:
        line = orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort else None)
    except TypeError:
        return
    expected = plainly(line)
    try:
        record, found = RecordReader().read(line)
    except Malformed:
        assert expected is None
    else:
        assert record == expected
        assert sorted(map(orjson.dumps, found)) == sorted(map(orjson.dumps, references(record)))


@given(st.binary(max_size=60))
def test_no_bytes_make_the_reader_stumble(line):
    try:
        record, _ = RecordReader().read(line)
    except Malformed:
        assert plainly(line) is None
    else:
        assert record == plainly(line)


def test_references_come_in_the_order_of_their_bytes():
    inner = {"body": "inner", "size": 1}
    line = orjson.dumps({"a": {"b": [inner], "body": "outer", "c": {"body": "last", "size": 1}, "size": 2}})

    _, found = RecordReader().read(line)

    assert [reference["body"] for reference in found] == ["inner", "outer", "last"]


def test_words_that_were_checked_are_remembered_and_bounded():
    reader = RecordReader()
    for number in range(2 * MOST_REMEMBERED):
        reader.read(b'{"key_%d":1}' % number)
        assert reader.time(f"{number:04d}-01-01T00:00:00.000001Z") if 0 < number < 9999 else True
        assert reader.has_form({"v": 1, "salt": "0" * 32, "kind": f"kind:number_{number}"})

    with pytest.raises(Malformed):
        reader.read(b'{"Key":1}')
    assert not reader.has_form({"v": 1, "salt": "0" * 32, "kind": "kind"})


@pytest.mark.parametrize("text", ["2026-11-22T12:25:57.000001Z", "1999-12-31T23:59:59.999999Z"])
def test_times_are_read_as_the_clock_writes_them(text):
    reader = RecordReader()

    assert reader.time(text) == reader.time(text) == parse_time(text)


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "2026-11-22T12:25:57Z",
        "2026-11-22T12:25:57.00001Z",
        "2026-11-22T12:25:57.00000١Z",
        "2026-11-22T12:25:57.000001z",
        "2026-11-22T12:25:57.0000 1Z",
        "2026-02-30T12:25:57.000001Z",
    ],
)
def test_what_is_no_time_is_refused_also_when_its_second_is_known(text):
    reader = RecordReader()
    reader.time("2026-11-22T12:25:57.000001Z")

    with pytest.raises(ValueError, match=r"time|day"):
        reader.time(text)


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 2},
        {"v": True},
        {"v": "1"},
        {"salt": "0" * 31},
        {"salt": "0" * 31 + "A"},
        {"salt": None},
        {"kind": "call"},
        {"kind": "call:"},
        {"kind": "call:made:up"},
        {"kind": ["call:made"]},
    ],
)
def test_a_record_without_its_form_is_told(changed):
    whole = {"v": 1, "salt": "0123456789abcdef" * 2, "kind": "call:made"}

    assert RecordReader().has_form(whole)
    assert not RecordReader().has_form({**whole, **changed})


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"a":9007199254740992}', "not_canonical"),
        (b'{"a":-9007199254740992}', "not_canonical"),
        (b'{"a":18446744073709551616}', "not_canonical"),
        (b'{"a":1.5}', "not_canonical"),
        (b'{"a": 1}', "not_canonical"),
        (b'{"a":1,"a":1}', "not_canonical"),
        (b'{"a":1', "not_json"),
        (b'{"a":"\xff"}', "not_json"),
        (b'{"A":1}', "not_canonical"),
        (b"[]", "not_an_object"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_apart(line, code):
    """evidence-format section 1: JSON that is not canonical is something else than no JSON."""
    with pytest.raises(Malformed) as wrong:
        RecordReader().read(line)

    assert wrong.value.code == code
