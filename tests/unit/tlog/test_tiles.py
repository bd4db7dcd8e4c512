"""affidavit.tlog.tiles against C2SP tlog-tiles."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import Malformed, VerificationFailed
from affidavit.tlog.merkle import HASH_SIZE, MAX_SIZE
from affidavit.tlog.tiles import (
    TileName,
    decode_entries,
    encode_entries,
    entries_path,
    parse_path,
    read_hashes,
    split_tile,
    tile_path,
    tiles_of,
)
from fakes.stored_log import stored_log

TOP = (MAX_SIZE // 256) - 1  # the last full tile of level 0 that a tree can have

PATH_LIKE = re.compile(r"tile/[0-9e]{1,2}(ntries)?/(x?[0-9]{2,4}/){0,2}[0-9]{3}(\.p/[0-9]{1,3})?")


@st.composite
def names(draw):
    level = draw(st.none() | st.integers(0, 6))
    hashes = MAX_SIZE >> 8 * (level or 0)  # that the largest tree has at this level
    width = draw(st.integers(1, min(256, hashes)))
    return TileName(level, draw(st.integers(0, (hashes - width) // 256)), width)


@pytest.mark.parametrize(
    ("path", "level", "index", "width"),
    [
        ("tile/0/000", 0, 0, 256),
        ("tile/0/x001/x234/067", 0, 1_234_067, 256),
        ("tile/0/x001/x234/067.p/89", 0, 1_234_067, 89),
        ("tile/1/999", 1, 999, 256),
        ("tile/1/x001/000.p/1", 1, 1_000, 1),
        ("tile/6/000.p/31", 6, 0, 31),
        ("tile/entries/000.p/255", None, 0, 255),
        ("tile/entries/x123/x456/789", None, 123_456_789, 256),
        ("tile/0/x035/x184/x372/x088/830", 0, TOP, 256),
        ("tile/entries/x035/x184/x372/x088/831.p/255", None, TOP + 1, 255),
    ],
)
def test_paths_are_those_of_the_specification(path, level, index, width):
    """C2SP tlog-tiles, "Merkle Tree": index 1234067 is encoded as x001/x234/067."""
    printed = entries_path(index, width) if level is None else tile_path(level, index, width)

    assert printed == path
    assert parse_path(path) == TileName(level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/1000",
        "tile/0/x000/001",  # a leading group of zeros
        "tile/0/001/002",  # all but the last element begin with x
        "tile/0/x001",
        "tile/0/x001/",
        "tile/0/x001/-02",
        "tile/0/x001/+02",
        "tile/00/000",
        "tile/+0/000",
        "tile/-1/000",
        "tile/7/000.p/1",  # 256^7 leaves are over 2^53-1
        "tile/64/000",
        "tile/Entries/000",
        "tile/entries/000.p/0",
        "tile/entries/000.p/01",
        "tile/entries/000.p/256",
        "tile/entries/000.p/257",
        "tile/entries/000.p/",
        "tile/entries/000.p",
        "tile/0/000.p/1/",
        "tile/0/000\n",
        "/tile/0/000",
        "tile/0/../0/000",
        "tile/0/\u0660\u0660\u0660",  # other digits than ASCII's
        "tile/0/x035/x184/x372/x088/831",  # the first full tile that would not fit
        "tile/0/" + "x999/" * 20_000 + "999",
    ],
)
def test_a_path_that_no_tree_has_is_refused(path):
    with pytest.raises(Malformed):
        parse_path(path)


@given(names())
def test_a_printed_path_parses_to_what_was_printed(name):
    assert parse_path(name.path) == name


@given(
    st.from_regex(
        re.compile(r"tile/[0-9e]{1,2}(ntries)?/(x?[0-9]{2,4}/){0,2}[0-9]{3}(\.p/[0-9]{1,3})?"), fullmatch=True
    )
)
def test_a_path_that_parses_is_printed_the_same(path):
    try:
        name = parse_path(path)
    except Malformed:
        return
    assert name.path == path


@pytest.mark.parametrize(
    ("level", "index", "width"), [(0, -1, 1), (-1, 0, 1), (0, 0, 0), (0, 0, 257), (0, TOP + 1, 256)]
)
def test_a_tile_that_no_tree_has_is_refused(level, index, width):
    with pytest.raises(Malformed):
        tile_path(level, index, width)


def test_a_tree_of_70_000_has_the_tiles_that_the_specification_counts():
    """C2SP tlog-tiles, "Partial Tiles"."""
    tiles = [name for name in tiles_of(70_000) if name.level is not None]

    assert sum(name.level == 0 and not name.is_partial for name in tiles) == 273
    assert [name for name in tiles if name.is_partial or name.level] == [
        TileName(0, 273, 112),
        TileName(1, 0, 256),
        TileName(1, 1, 17),
        TileName(2, 0, 1),
    ]


def test_a_tree_of_256_has_one_full_tile_and_one_hash_above():
    """C2SP tlog-tiles, "Partial Tiles"."""
    assert [name.path for name in tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]


def test_an_empty_tree_has_no_tiles():
    """C2SP tlog-tiles: empty tiles must not be served."""
    assert list(tiles_of(0)) == []


def test_a_bundle_puts_a_big_endian_length_before_each_entry():
    """C2SP tlog-tiles, "Log entries"."""
    assert encode_entries([b"", b"a" * 258]) == b"\x00\x00" + b"\x01\x02" + b"a" * 258


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_a_bundle_gives_back_its_entries(entries):
    assert decode_entries(encode_entries(entries)) == entries


@given(st.binary(max_size=40))
def test_bytes_that_decode_are_encoded_the_same(bundle):
    try:
        entries = decode_entries(bundle)
    except Malformed:
        return
    assert encode_entries(entries) == bundle


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5), st.data())
def test_a_cut_bundle_is_refused_or_holds_fewer_entries(entries, data):
    bundle = encode_entries(entries)
    cut = data.draw(st.integers(0, len(bundle) - 1))
    try:
        kept = decode_entries(bundle[:cut])
    except Malformed:
        return
    assert kept == entries[: len(kept)]
    assert len(kept) < len(entries)


@pytest.mark.parametrize("bundle", [b"", b"\x00", b"\x00\x02a", b"\x00\x00\x00", b"\x00\x00" * 257])
def test_a_bundle_with_a_byte_missing_or_left_over_is_refused(bundle):
    with pytest.raises(Malformed):
        decode_entries(bundle)


@pytest.mark.parametrize("entries", [[], [b""] * 257, [b"a" * 65_536]])
def test_entries_that_fit_no_bundle_are_refused(entries):
    with pytest.raises(Malformed):
        encode_entries(entries)


def test_the_longest_entry_fits():
    assert decode_entries(encode_entries([b"a" * 65_535])) == [b"a" * 65_535]


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65])
def test_a_tile_of_the_wrong_length_is_refused(length):
    with pytest.raises(Malformed):
        split_tile(b"a" * length, 1)


@pytest.mark.parametrize("width", [1, 17, 112, 255, 256])
def test_a_stale_partial_is_a_prefix_of_what_came_later(width):
    """C2SP tlog-tiles: partial tiles may stay after the full one exists, and the verifier compares them too."""
    early, late = stored_log(width).files, stored_log(300).files

    for name in (TileName(0, 0, width), TileName(None, 0, width)):
        full = TileName(name.level, 0)
        assert full.cut(late[full.path], width) == early[name.path]


@pytest.mark.parametrize("width", [-1, 0, 4, 257])
def test_no_tile_is_cut_to_a_width_that_it_never_had(width):
    with pytest.raises(Malformed):
        TileName(0, 0, 3).cut(b"a" * HASH_SIZE * 256, width)


def test_a_deleted_partial_is_read_from_the_full_tile():
    """C2SP tlog-tiles: a log may delete a partial tile once the full one is there."""
    read = stored_log(256).files.get

    assert read_hashes(read, TileName(0, 0, 3)) == [stored_log(256).leaf(index) for index in range(3)]


@pytest.mark.parametrize(
    "files", [{}, {"tile/0/000": b"short"}, {"tile/0/000.p/3": b"short", "tile/0/000": b"a" * 8192}]
)
def test_a_tile_that_is_missing_or_short_proves_nothing(files):
    with pytest.raises(VerificationFailed):
        read_hashes(files.get, TileName(0, 0, 3))
