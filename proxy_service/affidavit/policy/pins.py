"""What a condition pins: the upstreams, methods and targets beside which it is false, whatever else is so.

Only a conjunct at the top of the condition pins, and only when nothing before it could fail: `a && b` is then false as
soon as it is, without an error that would count as matched. In doubt nothing is pinned.

Source: CEL language definition, "Logical Operators"; architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.policy.checked_tree import Node

PINNABLE = ("upstream", "method", "target")

# Neither of these ever raises, nor do comparisons of them: the gateway itself made them, or has read them strictly.
_SAFE_NAMES = frozenset({*PINNABLE, "client.ip", "principal.attribution", "session"})
_SAFE_CALLS = frozenset({"_==_", "_!=_", "@in", "_||_", "_&&_", "!_", "startsWith", "endsWith", "contains"})


def pins_of(condition: Node) -> Mapping[str, frozenset[str]]:
    """Return for each pinned name the texts that it may have; one that is not pinned is absent."""
    pins: dict[str, frozenset[str]] = {}
    for conjunct in condition.conjuncts():
        pinned = _pin(conjunct)
        if pinned is not None:
            name, words = pinned
            pins[name] = pins[name] & words if name in pins else words
        elif not _is_safe(conjunct):
            break
    return pins


def _pin(node: Node) -> tuple[str, frozenset[str]] | None:
    if node.kind != "call" or node.name not in ("_==_", "@in"):
        return None
    left, right = node.children
    if node.name == "_==_" and right.kind == "ident":
        left, right = right, left
    words = right.words
    if (
        left.kind != "ident"
        or left.name not in PINNABLE
        or words is None
        or (right.kind == "list") is (node.name == "_==_")
    ):
        return None
    return left.name, words


def _is_safe(node: Node) -> bool:
    return all(_is_safe_alone(part) for part in node.walk())


def _is_safe_alone(node: Node) -> bool:
    if node.kind == "ident":
        return node.name in _SAFE_NAMES
    if node.kind == "call":
        return node.name in _SAFE_CALLS
    return node.kind in ("text", "list")
