"""The tree of a checked CEL expression, read out of its serialized form: what a condition asks for, without guessing.

Source: google/cel-spec, `cel/expr/checked.proto` and `syntax.proto`; Protocol Buffers "Encoding". Knows the few kinds
of nodes that are looked at; all others are `other`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "ident", "call", "list", "comprehension", "other"]
_Fields = list[tuple[int, bytes]]

_ANY_VALUE = 2  # google.protobuf.Any
_CHECKED_EXPR = 4  # CheckedExpr
_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = range(3, 10)  # Expr
_STRING_VALUE = 6  # Constant
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        name: The text of a `text`, the name of an `ident`, the function of a `call`, the variable of a `comprehension`.
        children: Receiver and arguments of a `call`; elements of a `list`; whatever an `other` is made of.
    """

    kind: Kind
    name: str = ""
    children: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def conjuncts(self) -> Iterator[Node]:
        """Yield what must all be true, in the order in which it is evaluated."""
        if self.kind == "call" and self.name == "_&&_":
            for child in self.children:
                yield from child.conjuncts()
        else:
            yield self

    @property
    def words(self) -> frozenset[str] | None:
        """The texts of a list that is nothing but texts, or the one of a text; None where it is neither."""
        if self.kind == "text":
            return frozenset((self.name,))
        if self.kind == "list" and all(child.kind == "text" for child in self.children):
            return frozenset(child.name for child in self.children)
        return None


def read_tree(serialized: bytes) -> Node:
    """Return the expression in a serialized checked expression.

    Raises:
        ValueError: It is none.
    """
    for number, value in _fields(serialized):
        if number == _ANY_VALUE:
            return next(_expr(inner) for number, inner in _fields(value) if number == _CHECKED_EXPR)
    raise ValueError("no checked expression")


def _expr(data: bytes) -> Node:
    for number, value in _fields(data):
        if number == _CONST:
            return _constant(value)
        if number == _IDENT:
            return Node("ident", _text(value, 1))
        if number == _CALL:
            children = tuple(_expr(part) for at, part in _fields(value) if at in (1, 3))
            return Node("call", _text(value, 2), children)
        if number == _LIST:
            return Node("list", "", tuple(_expr(part) for at, part in _fields(value) if at == 1))
        if number == _SELECT:
            return Node("other", "", tuple(_expr(part) for at, part in _fields(value) if at == 1))
        if number == _STRUCT:
            return Node("other", "", tuple(_entries(value)))
        if number == _COMPREHENSION:
            return Node(
                "comprehension",
                _text(value, 1),
                tuple(_expr(part) for at, part in _fields(value) if at in (2, 4, 5, 6, 7)),
            )
    return Node("other")


def _entries(data: bytes) -> Iterator[Node]:
    for number, entry in _fields(data):
        if number == 2:  # noqa: PLR2004 CreateStruct.entries: a key and a value
            yield from (_expr(part) for at, part in _fields(entry) if at in (3, 4))


def _constant(data: bytes) -> Node:
    for number, value in _fields(data):
        if number == _STRING_VALUE:
            return Node("text", value.decode())
    return Node("other")


def _text(data: bytes, wanted: int) -> str:
    return next((value.decode() for number, value in _fields(data) if number == wanted), "")


def _fields(data: bytes) -> _Fields:
    """Return the fields of a message; of numbers, which nobody here looks at, nothing but that they are there."""
    found, at = [], 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire, value = tag & 7, b""
        if wire == _VARINT:
            _, at = _varint(data, at)
        elif wire == _LENGTH:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        found.append((tag >> 3, value))
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("a number breaks off")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 the last byte of a varint
            return value, at
