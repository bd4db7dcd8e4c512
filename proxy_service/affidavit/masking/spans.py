"""Ranges of a text that are to be masked: overlapping ones become one, which nothing of any is left out of."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

Range = tuple[int, int]  # from, to (exclusive)
Span = tuple[int, int, str]  # and the rule


def joined(spans: Iterable[Span], kept: Sequence[Range]) -> list[Span]:
    """Return ranges from left to right that do not overlap.

    Args:
        spans: In the order of their rules. Where several overlap, the one that begins first names the rule, of those
            the longest, of those the one whose rule comes first.
        kept: Ranges that stay as they are, from left to right: of a range that reaches into one the rest is taken.
    """
    merged: list[Span] = []
    for start, end, rule in sorted(spans, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            first, last, named = merged[-1]
            merged[-1] = (first, max(last, end), named)
        else:
            merged.append((start, end, rule))
    return [part for span in merged for part in _around(span, kept)] if kept else merged


def _around(span: Span, kept: Sequence[Range]) -> Iterator[Span]:
    at, end, rule = span
    for i in range(max(0, bisect_right(kept, (at, 0)) - 1), len(kept)):
        first, last = kept[i]
        if first >= end:
            break
        if at < first:
            yield at, first, rule
        at = max(at, last)
    if at < end:
        yield at, end, rule
