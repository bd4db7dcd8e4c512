"""What a condition reads of its variables: `arguments.table`, or all of `arguments`, or only whether it is there.

Errs on the side of reading more. Never evaluates anything.

Source: CEL language definition, "Name Resolution" and "Macros" (`has`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from affidavit.policy.skeleton import Token, tokens

Path = tuple[str | int, ...]  # of members and positions, from a variable's value; () is all of it
Hidden = Mapping[str, Collection[Path]]  # by variable: what of it is not known


@dataclass(frozen=True, slots=True)
class Read:
    """One place where a condition looks at a variable.

    Attributes:
        presence: Whether it only asks whether something is there (`has`).
    """

    variable: str
    path: Path
    presence: bool = False

    def touches(self, hidden: Hidden) -> bool:
        """Tell whether what is not known could change what is read here."""
        return any(self._meets(path) for path in hidden.get(self.variable, ()))

    def _meets(self, path: Path) -> bool:
        if not path:
            return True
        shorter = min(len(path), len(self.path))
        if path[:shorter] != self.path[:shorter]:
            return False
        return not self.presence or len(self.path) > len(path)  # a masked value is there all the same


def reads(text: str, variables: Collection[str]) -> tuple[Read, ...]:
    """Return what a condition that compiles reads of these variables."""
    words = tokens(text)
    found = []
    for at, word in enumerate(words):
        if word.kind == "name" and not _selected(words, at):
            steps, end = _chain(words, at)
            name = _variable(steps, variables)
            if name is not None:
                found.append(Read(name, tuple(steps[name.count(".") + 1 :]), _asks_presence(words, at, end)))
    return tuple(found)


def touched(what: Iterable[Read], hidden: Hidden) -> bool:
    """Tell whether anything that is read is not known."""
    return any(read.touches(hidden) for read in what)


def _selected(words: Sequence[Token], at: int) -> bool:
    """Tell whether a name is a member of what stands before it; after nothing, a dot means the outermost scope."""
    if at == 0 or words[at - 1].text not in (".", "?"):
        return False
    dot = at - 1 if words[at - 1].text == "." else at - 2
    before = words[dot - 1] if dot > 0 and words[dot].text == "." else None
    return before is not None and (before.kind != "sign" or before.text in (")", "]", "}"))


def _chain(words: Sequence[Token], at: int) -> tuple[list[str | int], int]:
    """Return the members that are named from a word on, and the position after them."""
    steps: list[str | int] = [words[at].text]
    at += 1
    while at + 1 < len(words):
        sign, step = words[at].text, words[at + 1]
        if sign == "." and step.kind == "name" and not _is(words, at + 2, "("):
            steps.append(step.text.strip("`"))
            at += 2
        elif sign == "[" and _is(words, at + 2, "]") and (known := _literal(step)) is not None:
            steps.append(known)
            at += 3
        else:
            break
    return steps, at


def _literal(word: Token) -> str | int | None:
    if word.kind == "number" and word.text.isdecimal():
        return int(word.text)
    if word.kind == "string" and word.text[0] in "\"'" and word.text[:3] not in ('"""', "'''"):
        inner = word.text[1:-1]
        return inner if "\\" not in inner else None
    return None


def _variable(steps: Sequence[str | int], variables: Collection[str]) -> str | None:
    """Return the longest declared name that a chain begins with."""
    for length in range(len(steps), 0, -1):
        name = ".".join(map(str, steps[:length]))
        if name in variables:
            return name
    return None


def _asks_presence(words: Sequence[Token], at: int, end: int) -> bool:
    return at > 1 and words[at - 1].text == "(" and words[at - 2].text == "has" and _is(words, end, ")")


def _is(words: Sequence[Token], at: int, text: str) -> bool:
    return at < len(words) and words[at].text == text
