"""affidavit.tlog.builder: the tiles of a growing log, against their definition in C2SP tlog-tiles."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import Malformed, VerificationFailed
from affidavit.tlog.builder import TreeBuilder
from affidavit.tlog.merkle import EMPTY_ROOT, MAX_SIZE, leaf_hash, node_hash, root_of
from affidavit.tlog.tiles import decode_entries, parse_path, split_tile, tiles_of
from fakes.stored_log import stored_log

SIZES = [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000]
batch_sizes = st.lists(st.one_of(st.integers(0, 5), st.integers(0, 700), st.just(256)), max_size=8)


@pytest.mark.parametrize("size", SIZES)
def test_a_log_has_exactly_the_tiles_of_its_size(size):
    assert set(stored_log(size).files) == {name.path for name in tiles_of(size)}


@pytest.mark.parametrize("size", SIZES)
def test_every_hash_of_a_tile_is_the_root_over_its_leaves(size):
    """C2SP tlog-tiles: MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])."""
    log = stored_log(size)
    leaves = [leaf_hash(entry) for entry in log.entries]

    for path, body in log.files.items():
        name = parse_path(path)
        if name.level is None:
            assert decode_entries(body) == log.entries[name.index * 256 : name.index * 256 + name.width]
            continue
        span = 256**name.level
        for i, found in enumerate(split_tile(body, name.width)):
            start = (name.index * 256 + i) * span
            assert found == root_of(leaves[start : start + span])


@pytest.mark.parametrize("size", SIZES)
def test_the_root_is_that_over_all_leaves(size):
    log = stored_log(size)

    assert log.root == root_of([leaf_hash(entry) for entry in log.entries])


@given(batch_sizes)
def test_how_entries_are_cut_into_batches_does_not_matter(batches):
    log = stored_log(sum(batches))
    builder, files, at = TreeBuilder(), {}, 0
    for count in batches:
        full = builder.append(log.entries[at : at + count])
        assert not files.keys() & dict(full).keys()  # nothing is ever written a second time
        files.update(full)
        at += count
        assert builder.root() == stored_log(at).root
    files.update(builder.partials())

    assert files == log.files


@given(batch_sizes)
def test_hashes_alone_give_the_same_tiles_without_bundles(batches):
    log = stored_log(sum(batches))
    builder, files, at = TreeBuilder(bundles=False), {}, 0
    for count in batches:
        files.update(builder.extend([log.leaf(index) for index in range(at, at + count)]))
        at += count
    files.update(builder.partials())

    assert files == {path: body for path, body in log.files.items() if not path.startswith("tile/entries/")}


@given(st.integers(0, 1_100), st.integers(0, 600), st.booleans())
def test_a_restarted_builder_derives_what_one_that_never_stopped_would(size, more, bundles):
    before, after = stored_log(size), stored_log(size + more)
    builder = TreeBuilder.resume(before.files.get, size=size, root=before.root, bundles=bundles)
    added = after.entries[size:]
    files = dict(builder.extend([leaf_hash(entry) for entry in added], added if bundles else None))
    files.update(builder.partials())

    assert builder.size == size + more
    assert builder.root() == after.root
    assert all(after.files[path] == body for path, body in files.items())
    assert {path for path in after.files if bundles or "entries" not in path} <= before.files.keys() | files.keys()


def test_a_copy_leaves_its_original_alone():
    log = stored_log(300)
    original = TreeBuilder.resume(log.files.get, size=300, root=log.root)
    copy = original.copy()
    copy.append([b"one more"])

    assert (original.size, original.root()) == (300, log.root)
    assert dict(original.partials()).items() <= log.files.items()
    assert copy.size == 301
    assert copy.root() == root_of([*(leaf_hash(entry) for entry in log.entries), leaf_hash(b"one more")])


RIGHT_EDGE = ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]


@pytest.mark.parametrize("path", RIGHT_EDGE)
@pytest.mark.parametrize("damage", ["first byte", "last byte", "one byte more", "one byte less", "empty", "gone"])
def test_a_restart_notices_a_damaged_right_edge(path, damage):
    """architecture.md: tiles are a pure function of the commits; a log whose tiles differ must not be signed again."""
    log = stored_log(70_000)
    body = log.files[path]
    damaged = {
        "first byte": bytes([body[0] ^ 1]) + body[1:],
        "last byte": body[:-1] + bytes([body[-1] ^ 1]),
        "one byte more": body + b"\x00",
        "one byte less": body[:-1],
        "empty": b"",
        "gone": None,
    }[damage]

    with pytest.raises(VerificationFailed):
        TreeBuilder.resume({**log.files, path: damaged}.get, size=log.size, root=log.root)


def test_a_restart_reads_the_right_edge_only():
    log, asked = stored_log(70_000), []

    def read(path):
        asked.append(path)
        return log.files.get(path)

    TreeBuilder.resume(read, size=log.size, root=log.root)

    assert sorted(asked) == sorted(RIGHT_EDGE)


def test_a_restart_goes_on_from_full_tiles_that_were_written_before_a_crash():
    """C2SP tlog-tiles: a partial tile may be deleted once the full one exists, even before that is signed."""
    before, after = stored_log(300), stored_log(600)

    builder = TreeBuilder.resume({**before.files, **after.files}.get, size=300, root=before.root)
    only_full = TreeBuilder.resume(
        {**after.files, "tile/1/000.p/1": before.files["tile/1/000.p/1"]}.get, size=300, root=before.root
    )

    for one in (builder, only_full):
        one.append(after.entries[300:])
        assert one.root() == after.root


def test_a_restart_of_nothing_believes_only_the_empty_root():
    assert TreeBuilder.resume({}.get, size=0, root=EMPTY_ROOT).size == 0
    with pytest.raises(VerificationFailed):
        TreeBuilder.resume({}.get, size=0, root=b"a" * 32)


@pytest.mark.parametrize("before", [0, 200, 255])
def test_an_entry_that_fits_no_bundle_adds_nothing(before):
    builder = TreeBuilder()
    builder.append([b"entry %d" % index for index in range(before)])

    with pytest.raises(Malformed):
        builder.append([b"fits", b"a" * 65_536])

    assert (builder.size, builder.root()) == (before, stored_log(before).root)
    assert dict(builder.partials()) == stored_log(before).files


def test_the_longest_entry_fits():
    builder = TreeBuilder()
    builder.append([b"a" * 65_535])

    assert dict(builder.partials())["tile/entries/000.p/1"] == b"\xff\xff" + b"a" * 65_535


def test_bundles_are_not_derived_from_hashes_alone():
    with pytest.raises(ValueError):
        TreeBuilder().extend([leaf_hash(b"a")])
    with pytest.raises(ValueError):
        TreeBuilder(bundles=False).extend([leaf_hash(b"a")], [b"a"])
    with pytest.raises(ValueError):
        TreeBuilder().extend([leaf_hash(b"a")], [])


def test_the_largest_tree_takes_one_more_leaf_and_no_second():
    """evidence-format.md section 2: positions are at most 2^53-1. Every tile of the edge is 254 or more wide."""
    files = {
        f"tile/{level}/{index}.p/{width}": os.urandom(32 * width)
        for level, index, width in [
            (0, "x035/x184/x372/x088/831", 254),
            (1, "x137/x438/x953/471", 255),
            (2, "x536/x870/911", 255),
            (3, "x002/x097/151", 255),
            (4, "x008/191", 255),
            (5, "031", 255),
            (6, "000", 31),
        ]
    }
    edge = [one for path in reversed(files) for one in _perfect_roots(split_tile(files[path], len(files[path]) // 32))]
    root = edge[-1]
    for left in reversed(edge[:-1]):
        root = node_hash(left, root)

    builder = TreeBuilder.resume(files.get, size=MAX_SIZE - 1, root=root, bundles=False)

    assert builder.extend([b"a" * 32]) == []
    assert builder.size == MAX_SIZE
    with pytest.raises(ValueError):
        builder.extend([b"b" * 32])


def _perfect_roots(hashes):
    """Split as RFC 6962 does: the largest power of two first."""
    at = 0
    while at < len(hashes):
        width = 1 << (len(hashes) - at).bit_length() - 1
        yield root_of(hashes[at : at + width])
        at += width
