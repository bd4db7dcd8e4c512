"""Masking: what of a message is recorded, and what of it goes on.

Only leaves change, so JSON stays JSON. What cannot be masked raises, and the message is withheld.

Source: identity-and-approvals; evidence-format section 5, `masks`. Never does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from affidavit.masking.leaves import with_leaves
from affidavit.masking.rule import Direction, MaskingRule, View
from affidavit.masking.screen import Screen
from affidavit.masking.tokens import Tokens, known_tokens
from affidavit.masking.walk import MAX_BYTES, Change, MaskingFailed, Walk, rule_of

__all__ = ["Mask", "Masked", "Masker", "MaskingFailed", "Sieve"]

MAX_SIEVES = 4_096  # kinds of messages that are remembered

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Sieve:
    """The rules that apply to messages of one kind: one upstream, target, direction and set of groups.

    Attributes:
        recorded, sent: What is tried for each view; the same object where the same rules hold.
        sent_view: What `sent` is called in records.
    """

    recorded: Screen
    sent: Screen
    sent_view: View
    _tokens: Tokens
    _known: re.Pattern[bytes]

    @property
    def idle(self) -> bool:
        """Whether no rule looks at such messages."""
        return not self.recorded.rules and not self.sent.rules

    def tokens_in(self, recorded: bytes) -> tuple[Mask, ...]:
        """Return an entry for each token in what is recorded and is no JSON."""
        return tuple(
            Mask(rule_of(match[0]), "recorded", 1, f"bytes:{match.start()}-{match.end()}")
            for match in self._known.finditer(recorded)
            if match[0].count(b":") > 1
        )

    def value(self, value: Any) -> Masked[Any]:
        """Mask a parsed JSON message.

        Args:
            value: As `strict_json.parse_json` returns it; it is never changed itself.

        Raises:
            MaskingFailed: It cannot be masked.
        """
        recorded = self._walk(self.recorded, "recorded")
        kept = recorded.value(value)
        if self.sent is not self.recorded or recorded.has_blobs:
            sent = self._walk(self.sent, self.sent_view)
            passed_on, changes = sent.value(value), sent.changes
        else:  # the same places, so nothing is looked for twice
            changes = [replace(one, leaf=self._plainly(one.leaf)) for one in recorded.changes]
            passed_on = with_leaves(value, changes)
        return Masked(
            kept, passed_on, self._entries(recorded.changes, "recorded") + self._entries(changes, self.sent_view)
        )

    def data(self, data: bytes) -> Masked[bytes]:
        """Mask what is no JSON: what patterns find in it, and the values of named fields in forms and cut-off JSON.

        Raises:
            MaskingFailed: It cannot be masked.
        """
        if len(data) > MAX_BYTES:
            raise MaskingFailed("none", f"was not tried on more than {MAX_BYTES} bytes")
        kept, recorded = self._walk(self.recorded, "recorded").plain(data)
        passed_on, sent = self._walk(self.sent, self.sent_view).plain(data)
        masks = [Mask(rule, "recorded", 1, f"bytes:{start}-{end}") for rule, start, end in recorded]
        whole = f"bytes:0-{len(kept)}"
        masks += [Mask(rule, self.sent_view, count, whole) for rule, count in _counted(sent).items()]
        return Masked(kept, passed_on, tuple(masks))

    def text(self, text: str, where: str) -> Masked[str]:
        """Mask one text that stands beside a message, such as a header's value.

        Args:
            text: The value, decoded.
            where: As masks say it: `header:<name>`.

        Raises:
            MaskingFailed: It cannot be masked.
        """
        data = text.encode("utf-8", "surrogatepass")
        kept, recorded = self._walk(self.recorded, "recorded").plain(data)
        passed_on, sent = self._walk(self.sent, self.sent_view).plain(data)
        return Masked(
            text if kept is data else kept.decode("utf-8", "surrogatepass"),
            text if passed_on is data else passed_on.decode("utf-8", "surrogatepass"),
            _beside(recorded, "recorded", where) + _beside(sent, self.sent_view, where),
        )

    def _plainly(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        plain = self._known.sub(lambda match: Tokens.plain(rule_of(match[0])).encode(), data)
        return plain.decode("utf-8", "surrogatepass")

    def _entries(self, changes: Iterable[Change], view: View) -> tuple[Mask, ...]:
        return tuple(
            Mask(rule, view, count, f"pointer:{change.pointer}")
            for change in changes
            for rule, count in change.counts(self._known).items()
        )

    def _walk(self, screen: Screen, view: View) -> Walk:
        if view == "recorded":
            return Walk(screen, self._tokens.recorded_bytes, self._known, whole_blobs=True)
        return Walk(screen, _plain, self._known, whole_blobs=False)


class Masker:
    """All masking rules of a policy file.

    Args:
        rules: In the order of the file; each is known to compile.
        tokens: Makes what stands for masked values.
    """

    def __init__(self, rules: Iterable[MaskingRule], tokens: Tokens) -> None:
        self.rules = tuple(rules)
        self._tokens = tokens
        self._known = known_tokens(rule.name for rule in self.rules)
        self._screens: dict[tuple[MaskingRule, ...], Screen] = {}
        self._sieves: dict[tuple[str, str, Direction, tuple[str, ...]], Sieve] = {}

    def sieve(self, *, upstream: str, target: str, direction: Direction, groups: tuple[str, ...]) -> Sieve:
        """Return what masks messages of one kind; the same object for the same kind.

        Args:
            upstream: Its name.
            target: What a call is for; empty where a message has none.
            direction: `request` is what goes to the upstream, whoever began; `answer` what comes from it.
            groups: Of the principal.
        """
        key = (upstream, target, direction, groups)
        known = self._sieves.get(key)
        if known is None:
            if len(self._sieves) >= MAX_SIEVES:
                self._sieves.clear()
            known = self._sieves[key] = self._sieve(upstream, target, direction, groups)
        return known

    def _sieve(self, upstream: str, target: str, direction: Direction, groups: tuple[str, ...]) -> Sieve:
        rules = [one for one in self.rules if one.is_about(upstream=upstream, target=target, direction=direction)]
        sent: View = "forwarded" if direction == "request" else "released"
        return Sieve(
            recorded=self._screen(rule for rule in rules if not rule.shows("recorded", groups)),
            sent=self._screen(rule for rule in rules if not rule.shows(sent, groups)),
            sent_view=sent,
            _tokens=self._tokens,
            _known=self._known,
        )

    def _screen(self, rules: Iterable[MaskingRule]) -> Screen:
        chosen = tuple(rules)
        if chosen not in self._screens:  # there are few: combinations that the file itself makes
            self._screens[chosen] = Screen(chosen)
        return self._screens[chosen]


def _plain(rule: str, _: bytes) -> bytes:
    return Tokens.plain(rule).encode()


def _beside(told: Iterable[tuple[str, int, int]], view: View, where: str) -> tuple[Mask, ...]:
    return tuple(Mask(rule, view, count, where) for rule, count in _counted(told).items())


def _counted(told: Iterable[tuple[str, int, int]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for rule, _, _ in told:
        counts[rule] = counts.get(rule, 0) + 1
    return counts
