"""Commits: parse and print are one another's inverse, and nothing else is read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.audit.commit import LOG_WRITER, ZERO_HASH, Commit, NamedSegment, Place, commit_hash, parse_commit
from affidavit.clock import parse_time
from affidavit.errors import Malformed
from affidavit.evidence.names import segment_name

WRITER = "20261122T122557Z-0123456789abcdef"
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
places = st.builds(Place, st.integers(1, 2**53 - 1), hashes)
writers = st.dictionaries(
    st.just(LOG_WRITER) | st.from_regex(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}", fullmatch=True), places, max_size=3
)


@st.composite
def segments(draw):
    sha256 = draw(hashes)
    return NamedSegment(
        segment_name(WRITER, draw(st.integers(0, 10**12 - 1)), sha256), sha256, draw(st.integers(1, 1000))
    )


@st.composite
def commits(draw):
    start = draw(st.just(0) | st.integers(1, 2**52))
    statements = tuple(draw(st.lists(st.text(min_size=1, max_size=40), max_size=3)))
    named = tuple(draw(st.lists(segments(), min_size=0 if statements else 1, max_size=3)))
    return Commit(
        previous=draw(hashes.filter(lambda one: one != ZERO_HASH)) if start else ZERO_HASH,
        start=start,
        size=start + len(statements) + sum(one.count for one in named),
        time=draw(st.integers(0, 2**52)),
        statements=statements,
        segments=named,
        writers=draw(writers),
    )


EXAMPLE = Commit(
    previous=ZERO_HASH,
    start=0,
    size=3,
    time=parse_time("2026-11-22T12:25:57.000001Z"),
    statements=('{"kind":"log:retention"}',),
    segments=(NamedSegment(segment_name(WRITER, 0, "ab" * 32), "ab" * 32, 2),),
    writers={LOG_WRITER: Place(1, "cd" * 32), WRITER: Place(2, "ef" * 32)},
)


@given(commits())
def test_what_is_printed_is_read_back(commit):
    assert parse_commit(commit.encode()) == commit


def test_a_commit_is_spelled_as_the_format_says():
    """evidence-format section 7."""
    assert EXAMPLE.encode().decode() == (
        '{"previous":"' + "0" * 64 + '","segments":[{"count":2,"name":"segment/20261122T122557Z-0123456789abcdef/'
        '000000000000-abababababababab.ndjson.gz","sha256":"' + "ab" * 32 + '"}],"size":3,"start":0,'
        '"statements":["{\\"kind\\":\\"log:retention\\"}"],"time":"2026-11-22T12:25:57.000001Z","v":1,"writers":{'
        '"20261122T122557Z-0123456789abcdef":{"last":"' + "ef" * 32 + '","next_seq":2},'
        '"log":{"last":"' + "cd" * 32 + '","next_seq":1}}}'
    )
    assert EXAMPLE.name == "commit/00000000000000000000.json"
    assert len(commit_hash(EXAMPLE.encode())) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"v": 1.0},
        {"extra": 1},
        {"previous": "0" * 63},
        {"previous": "AB" * 32},
        {"previous": "ab" * 32},
        {"size": 4},
        {"size": "3"},
        {"size": True},
        {"start": -1},
        {"start": None},
        {"start": 2**53},
        {"time": "2026-11-22T12:25:57Z"},
        {"time": "2026-13-22T12:25:57.000001Z"},
        {"time": 7},
        {"statements": []},
        {"statements": [""]},
        {"statements": [1]},
        {"statements": ["x" * 65_536]},
        {"statements": "x"},
        {"segments": {}},
        {"segments": [1]},
        {"segments": [{"count": 2, "name": "segment/x", "sha256": "ab" * 32}]},
        {"segments": [{"count": 2, "name": EXAMPLE.segments[0].name, "sha256": "cd" * 32}]},
        {"segments": [{"count": 0, "name": EXAMPLE.segments[0].name, "sha256": "ab" * 32}]},
        {"segments": [{"count": True, "name": EXAMPLE.segments[0].name, "sha256": "ab" * 32}]},
        {"segments": [{"count": 1001, "name": EXAMPLE.segments[0].name, "sha256": "ab" * 32}], "size": 1002},
        {"segments": [{"count": 2, "name": EXAMPLE.segments[0].name, "sha256": "ab" * 32, "x": 1}]},
        {"segments": [{"count": 2, "name": 7, "sha256": "ab" * 32}]},
        {"writers": []},
        {"writers": {"x": {"last": "ab" * 32, "next_seq": 1}}},
        {"writers": {"log": {"last": "ab" * 32, "next_seq": 0}}},
        {"writers": {"log": {"last": "ab" * 32}}},
        {"writers": {"log": 1}},
    ],
    ids=str,
)
def test_anything_else_is_refused(change):
    value = json.loads(EXAMPLE.encode()) | change
    data = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    with pytest.raises(Malformed):
        parse_commit(data)


@pytest.mark.parametrize("missing", list(json.loads(EXAMPLE.encode())))
def test_a_missing_field_is_refused(missing):
    value = json.loads(EXAMPLE.encode())
    del value[missing]

    with pytest.raises(Malformed):
        parse_commit(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


@pytest.mark.parametrize("wrap", [b" %b", b"%b\n", b"[%b]"])
def test_only_the_canonical_spelling_is_read(wrap):
    with pytest.raises(Malformed):
        parse_commit(wrap % EXAMPLE.encode())


def test_an_empty_commit_is_refused():
    """evidence-format section 7: a commit that would hold nothing is not made."""
    value = json.loads(EXAMPLE.encode()) | {"segments": [], "statements": [], "size": 0}
    with pytest.raises(Malformed):
        parse_commit(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
