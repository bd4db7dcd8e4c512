"""The boolean skeleton of a condition: which parts its `&&`, `||` and `!` join.

A part is a condition itself. What this does not understand (`a ? b : c`, say) is one part, never cut wrongly.
Never evaluates anything.

Source: CEL language definition, "Syntax" (precedence, lexis of strings).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

_TOKEN = re.compile(
    r"""
      (?P<blank> \s+ | //[^\n]* )
    | (?P<string>
          (?: [bB]?[rR] | [rR][bB] ) (?: \"{3} .*? \"{3} | '{3} .*? '{3} | "[^"\n]*" | '[^'\n]*' )
        | [bB]? (?: \"{3} (?: \\. | [^\\] )*? \"{3} | '{3} (?: \\. | [^\\] )*? '{3}
                  | " (?: \\. | [^\\"\n] )* " | ' (?: \\. | [^\\'\n] )* ' )
      )
    | (?P<name> [A-Za-z_][A-Za-z0-9_]* | `[^`\n]*` )
    | (?P<number> 0x[0-9a-fA-F]+[uU]? | [0-9]+ (?: \.[0-9]+ )? (?: [eE][+-]?[0-9]+ )? [uU]? )
    | (?P<sign> && | \|\| | [<>=!]= | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")

Join = Literal["&&", "||", "!"]


class Token(NamedTuple):
    """One word of a condition; `kind` is `string`, `name`, `number` or `sign`."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """What is not taken apart any further."""

    text: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Parts that are joined; `!` has one."""

    join: Join
    text: str
    parts: tuple[Shape, ...]


Shape = Part | Joined


def tokens(text: str) -> list[Token]:
    """Return the words of a condition that compiles, without blanks and comments."""
    return [
        Token(str(found.lastgroup), found[0], found.start(), found.end())
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "blank"
    ]


def skeleton(text: str) -> Shape:
    """Return how a condition that compiles is joined."""
    return _shape(text, tokens(text))


def parts(shape: Shape) -> Iterator[Part]:
    """Yield the parts of a skeleton, in their order."""
    if isinstance(shape, Part):
        yield shape
        return
    for inner in shape.parts:
        yield from parts(inner)


def _shape(text: str, words: Sequence[Token]) -> Shape:
    words = _unwrapped(words)
    here = text[words[0].start : words[-1].end] if words else ""
    if not words or any(word.text == "?" for word in _outer(words)):
        return Part(here)
    for join in ("||", "&&"):
        pieces = _split(words, join)
        if len(pieces) > 1 and all(pieces):
            return Joined(join, here, tuple(_shape(text, piece) for piece in pieces))
    if words[0].text == "!" and len(_unwrapped(words[1:])) < len(words) - 1:
        return Joined("!", here, (_shape(text, words[1:]),))
    return Part(here)


def _unwrapped(words: Sequence[Token]) -> Sequence[Token]:
    """Return what stands in parentheses that hold all of it."""
    while len(words) > 2 and words[0].text == "(" and _closes(words) == len(words) - 1:  # noqa: PLR2004
        words = words[1:-1]
    return words


def _closes(words: Sequence[Token]) -> int:
    """Return where the bracket that begins these words is closed."""
    depth = 0
    for at, word in enumerate(words):
        depth += _turn(word)
        if depth == 0:
            return at
    return -1


def _outer(words: Sequence[Token]) -> Iterator[Token]:
    depth = 0
    for word in words:
        depth += _turn(word)
        if depth == 0:
            yield word


def _split(words: Sequence[Token], sign: str) -> list[Sequence[Token]]:
    pieces, begins, depth = [], 0, 0
    for at, word in enumerate(words):
        depth += _turn(word)
        if depth == 0 and word.text == sign and word.kind == "sign":
            pieces.append(words[begins:at])
            begins = at + 1
    return [*pieces, words[begins:]]


def _turn(word: Token) -> int:
    if word.kind != "sign":
        return 0
    return (word.text in _OPENING) - (word.text in _CLOSING)
