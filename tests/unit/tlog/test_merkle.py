"""affidavit.tlog.merkle against RFC 6962 section 2.1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from affidavit.tlog.merkle import EMPTY_ROOT, MAX_SIZE, Frontier, leaf_hash, node_hash, root_of

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/tlog/rfc6962.json").read_text())
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
hashes = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size):
    """vectors/tlog/rfc6962.json."""
    assert root_of(LEAVES[:size]).hex() == VECTORS["roots"][size]


def test_the_empty_tree_hashes_nothing():
    """RFC 6962 section 2.1: the hash of an empty list is the hash of an empty string."""
    assert Frontier().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == VECTORS["roots"][0]


@given(hashes, hashes)
def test_a_node_never_passes_as_a_leaf(left, right):
    """RFC 6962 section 2.1: the prefixes give second preimage resistance."""
    assert leaf_hash(left + right) != node_hash(left, right)


@given(st.integers(0, 700))
def test_roots_are_those_of_an_independent_implementation(size):
    """pymerkle, which shares no code with this package."""
    entries = [b"%d" % index for index in range(size)]
    tree = InmemoryTree.init_from_entries(entries, algorithm="sha256")

    assert root_of([leaf_hash(entry) for entry in entries]) == (tree.get_root() if size else EMPTY_ROOT)


@pytest.mark.parametrize("size", [4_095, 4_096, 4_097, 8_191, 8_193, 13_000])
def test_roots_over_many_blocks_are_those_of_an_independent_implementation(size):
    entries = [b"%d" % index for index in range(size)]
    tree = InmemoryTree.init_from_entries(entries, algorithm="sha256")

    assert root_of([leaf_hash(entry) for entry in entries]) == tree.get_root()


@given(st.lists(st.lists(hashes, max_size=40), max_size=20))
def test_how_leaves_are_cut_into_batches_does_not_matter(batches):
    bulk, single = Frontier(), Frontier()
    for batch in batches:
        bulk.extend(iter(batch))
        for leaf in batch:
            single.append(leaf)

    assert (bulk.size, bulk.edge) == (single.size, single.edge)


@given(st.integers(0, 600), st.lists(hashes, max_size=20))
def test_a_frontier_goes_on_from_its_size_and_edge(size, more):
    leaves = [leaf_hash(b"%d" % index) for index in range(size)]
    first = Frontier()
    first.extend(leaves)

    second = Frontier(first.size, first.edge)
    second.extend(more)

    assert second.root() == root_of([*leaves, *more])


def test_a_copy_leaves_its_original_alone():
    original = Frontier()
    original.extend(LEAVES[:3])
    original.copy().extend(LEAVES[3:])

    assert original.root().hex() == VECTORS["roots"][3]


@pytest.mark.parametrize(
    ("size", "edge"),
    [(3, LEAVES[:1]), (4, LEAVES[:2]), (0, LEAVES[:1]), (-1, LEAVES[:1]), (1, [b"short"]), (2**53, LEAVES[:1])],
)
def test_an_edge_that_does_not_fit_its_size_is_refused(size, edge):
    with pytest.raises(ValueError):
        Frontier(size, edge)


def test_a_tree_does_not_grow_past_the_integers_that_json_keeps_exact():
    """evidence-format.md section 2: positions are at most 2^53-1."""
    full = Frontier(MAX_SIZE - 1, [LEAVES[0]] * 52)
    full.append(LEAVES[1])

    assert full.size == MAX_SIZE == 2**53 - 1
    assert full.copy().root() == full.root()
    with pytest.raises(ValueError):
        full.append(LEAVES[1])
