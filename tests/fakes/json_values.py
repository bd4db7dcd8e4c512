"""JSON values for property tests: what a parser may meet."""

from __future__ import annotations

from hypothesis import strategies as st

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
edges = st.sampled_from([2**53 - 1, 2**53, -(2**53), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**300])
integers = st.integers(-(2**70), 2**70) | edges
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | integers | floats | texts


def values_of(leaves: st.SearchStrategy, keys: st.SearchStrategy[str] = texts) -> st.SearchStrategy:
    """Return values with given leaves."""
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


values = values_of(scalars)
objects = st.dictionaries(texts, values, max_size=5)
