"""affidavit.tlog.proof against RFC 6962 section 2.1, RFC 9162 section 2.1 and an independent implementation."""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from affidavit.errors import VerificationFailed
from affidavit.tlog.merkle import EMPTY_ROOT, leaf_hash, node_hash, root_of
from affidavit.tlog.proof import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from fakes.stored_log import stored_log

BIG = 70_000  # three levels of tiles, each with a partial one


@st.composite
def place_in_tree(draw):
    size = draw(st.integers(1, 600) | st.just(BIG))
    return draw(st.integers(0, size - 1)), size


@st.composite
def two_sizes(draw):
    new = draw(st.integers(1, 600) | st.just(BIG))
    return draw(st.integers(1, new) | st.sampled_from([1, new, max(new & ~255, 1)])), new


def path(index, leaves):
    """RFC 6962 section 2.1.1, letter by letter."""
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if index < k:
        return [*path(index, leaves[:k]), root_of(leaves[k:])]
    return [*path(index - k, leaves[k:]), root_of(leaves[:k])]


def subproof(old, leaves, known):
    """RFC 6962 section 2.1.2, letter by letter."""
    if old == len(leaves):
        return [] if known else [root_of(leaves)]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= k:
        return [*subproof(old, leaves[:k], known), root_of(leaves[k:])]
    return [*subproof(old - k, leaves[k:], known=False), root_of(leaves[:k])]


@lru_cache
def independent_tree():
    return InmemoryTree.init_from_entries([b"entry %d" % index for index in range(600)], algorithm="sha256")


@lru_cache
def leaves_of(size):
    return [leaf_hash(entry) for entry in stored_log(size).entries]


def check_inclusion(index, log, proof, /, **changes):
    given = {"leaf": log.leaf(index), "index": index, "size": log.size, "proof": proof, "root": log.root}
    verify_inclusion(**{**given, **changes})


def check_consistency(old, new, proof, /, **changes):
    given = {"old": old, "new": new, "old_root": stored_log(old).root, "new_root": stored_log(new).root, "proof": proof}
    verify_consistency(**{**given, **changes})


def test_proofs_of_seven_leaves_are_those_that_the_rfc_draws():
    """RFC 6962 section 2.1.3, with its letters."""
    log = stored_log(7)
    a, b, c, d, e, f, j = leaves_of(7)
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, m = node_hash(g, h), node_hash(i, j)  # the RFC's l is m here

    assert inclusion_proof(log.files.get, 0, 7) == (b, h, m)
    assert inclusion_proof(log.files.get, 3, 7) == (c, g, m)
    assert inclusion_proof(log.files.get, 4, 7) == (f, j, k)
    assert inclusion_proof(log.files.get, 6, 7) == (i, k)
    assert consistency_proof(log.files.get, 3, 7) == (c, d, g, m)
    assert consistency_proof(log.files.get, 4, 7) == (m,)
    assert consistency_proof(log.files.get, 6, 7) == (i, j, k)


@given(place_in_tree())
def test_an_inclusion_proof_is_the_path_of_the_rfc_and_holds(place):
    index, size = place
    log = stored_log(size)
    proof = inclusion_proof(log.files.get, index, size)

    assert list(proof) == path(index, leaves_of(size))
    check_inclusion(index, log, proof)


@given(place_in_tree())
def test_an_inclusion_proof_is_that_of_an_independent_implementation(place):
    index, size = place
    size = min(size, 600)
    index %= size
    other = independent_tree().prove_inclusion(index + 1, size).path[1:]

    assert list(inclusion_proof(stored_log(size).files.get, index, size)) == other


@given(two_sizes())
def test_a_consistency_proof_is_that_of_the_rfc_and_holds(sizes):
    old, new = sizes
    proof = consistency_proof(stored_log(new).files.get, old, new)

    assert list(proof) == subproof(old, leaves_of(new), known=True)
    check_consistency(old, new, proof)


@given(st.integers(1, 600), st.integers(0, 600))
def test_a_consistency_proof_holds_between_roots_of_an_independent_implementation(old, more):
    new = min(old + more, 600)
    verify_consistency(
        old=old,
        new=new,
        old_root=independent_tree().get_root(old),
        new_root=independent_tree().get_root(new),
        proof=consistency_proof(stored_log(new).files.get, old, new),
    )


@settings(max_examples=40)
@given(place_in_tree(), st.integers(0, 255))
def test_no_altered_inclusion_proof_holds(place, bit):
    index, size = place
    log = stored_log(size)
    proof = inclusion_proof(log.files.get, index, size)

    for altered in alterations(proof, bit):
        with pytest.raises(VerificationFailed):
            check_inclusion(index, log, altered)
    for change in (
        {"leaf": flip(log.leaf(index), bit)},
        {"root": flip(log.root, bit)},
        {"index": -1},
        {"index": size},
        {"leaf": log.leaf(index)[:31]},
    ):
        with pytest.raises(VerificationFailed):
            check_inclusion(index, log, proof, **change)


@settings(max_examples=40)
@given(st.integers(2, 600), st.data())
def test_no_leaf_is_proved_at_another_place(size, data):
    index, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    log = stored_log(size)

    with pytest.raises(VerificationFailed):
        check_inclusion(index, log, inclusion_proof(log.files.get, index, size), index=other)


@settings(max_examples=40)
@given(two_sizes(), st.integers(0, 255))
def test_no_altered_consistency_proof_holds(sizes, bit):
    old, new = sizes
    proof = consistency_proof(stored_log(new).files.get, old, new)

    for altered in alterations(proof, bit):
        with pytest.raises(VerificationFailed):
            check_consistency(old, new, altered)
    for change in (
        {"old_root": flip(stored_log(old).root, bit)},
        {"new_root": flip(stored_log(new).root, bit)},
        {"old": -1},
        {"old": new + 1},
        {"old_root": b"", "new_root": b""},
    ):
        with pytest.raises(VerificationFailed):
            check_consistency(old, new, proof, **change)


@pytest.mark.parametrize("size", [2, 7, 8])
def test_a_root_is_not_proved_to_be_a_leaf(size):
    log = stored_log(size)
    for index in range(size):
        with pytest.raises(VerificationFailed):
            check_inclusion(index, log, (), leaf=log.root)


def test_a_root_is_not_proved_to_be_that_of_a_larger_tree():
    with pytest.raises(VerificationFailed):
        check_consistency(4, 7, (), new_root=stored_log(4).root)


def test_a_byte_moved_from_one_hash_to_its_neighbour_is_noticed():
    """Two hashes are hashed as one string of bytes, so their lengths are all that parts them."""
    log = stored_log(8)
    sibling, *rest = inclusion_proof(log.files.get, 0, 8)
    with pytest.raises(VerificationFailed):
        check_inclusion(0, log, (sibling[1:], *rest), leaf=log.leaf(0) + sibling[:1])

    (sibling,) = consistency_proof(log.files.get, 4, 8)
    with pytest.raises(VerificationFailed, match="32 bytes"):
        check_consistency(4, 8, (sibling[1:],), old_root=stored_log(4).root + sibling[:1])


def test_every_tree_grew_from_the_empty_one():
    assert consistency_proof(stored_log(7).files.get, 0, 7) == ()
    check_consistency(0, 7, ())


def test_the_empty_tree_has_one_root():
    with pytest.raises(VerificationFailed):
        check_consistency(0, 7, (), old_root=flip(EMPTY_ROOT, 0))


def test_two_histories_of_one_size_are_not_consistent():
    with pytest.raises(VerificationFailed):
        check_consistency(7, 7, (), new_root=stored_log(8).root)


@pytest.mark.parametrize(("old", "new"), [(3, 7), (4, 7)])
def test_a_missing_consistency_proof_is_no_proof(old, new):
    with pytest.raises(VerificationFailed):
        check_consistency(old, new, ())


@pytest.mark.parametrize("index", [-1, 7, 8])
def test_no_proof_is_made_for_a_leaf_that_is_not_there(index):
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(stored_log(7).files.get, index, 7)


@pytest.mark.parametrize("old", [-1, 8])
def test_no_proof_is_made_from_a_size_that_never_was(old):
    with pytest.raises(ValueError, match="never had"):
        consistency_proof(stored_log(7).files.get, old, 7)


@pytest.mark.parametrize("tile", ["tile/0/001", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1", "tile/0/273.p/112"])
@pytest.mark.parametrize(
    "damage", [lambda body: flip(body, 4_000 % (len(body) * 8)), lambda body: body[:-1], lambda _: None]
)
def test_a_damaged_tile_gives_no_proof_that_holds(tile, damage):
    """Each full tile is held against its parent; a partial one is caught by the signed root."""
    log = stored_log(BIG)
    files = {**log.files, tile: damage(log.files[tile])}
    index = {"tile/0/001": 300, "tile/1/000": 300}.get(tile, BIG - 1)

    with pytest.raises(VerificationFailed):
        check_inclusion(index, log, inclusion_proof(files.get, index, BIG))


@pytest.mark.parametrize("at", [0, 1, 255])
def test_a_full_tile_that_does_not_hash_to_its_parent_is_never_used(at):
    log = stored_log(BIG)
    files = {**log.files, "tile/0/001": flip(log.files["tile/0/001"], at * 256)}

    with pytest.raises(VerificationFailed, match="tile/0/001"):
        inclusion_proof(files.get, 300, BIG)


def flip(raw, bit):
    damaged = bytearray(raw)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def alterations(proof, bit):
    """Every element flipped, cut, dropped or doubled; neighbours swapped; something before and after."""
    for at, element in enumerate(proof):
        yield (*proof[:at], flip(element, bit), *proof[at + 1 :])
        yield (*proof[:at], element[:31], *proof[at + 1 :])
        yield (*proof[:at], *proof[at + 1 :])
        yield (*proof[:at], element, *proof[at:])
        if at:
            yield (*proof[: at - 1], element, proof[at - 1], *proof[at + 1 :])
    yield (*proof, bytes(32))
    yield (bytes(32), *proof)
