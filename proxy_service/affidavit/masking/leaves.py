"""A JSON value with some of its leaves replaced; what is not on the way to one is shared with the original."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from affidavit.masking.pointers import Step


class _Leaf(Protocol):
    @property
    def path(self) -> tuple[Step, ...]: ...
    @property
    def leaf(self) -> Any: ...


def with_leaves(value: Any, leaves: Iterable[_Leaf]) -> Any:
    """Return a value with other leaves; the value itself, which is never changed, where there are none.

    Args:
        value: Parsed JSON.
        leaves: Each at a place that is there.
    """
    copies: dict[tuple[Step, ...], Any] = {}
    for one in leaves:
        if not one.path:
            return one.leaf
        node = _copied(value, (), copies)
        for depth, step in enumerate(one.path[:-1], 1):
            here = one.path[:depth]
            child = _copied(node[step], here, copies)
            node[step] = child
            node = child
        node[one.path[-1]] = one.leaf
    return copies.get((), value)


def _copied(node: Any, path: tuple[Step, ...], copies: dict[tuple[Step, ...], Any]) -> Any:
    if path not in copies:
        copies[path] = node.copy()
    return copies[path]
