"""Which tools a rule names: those for which a part of its condition was written.

A rule names a tool if a text in it is the tool's name, or if a part that looks at the target holds for it. A part that
says what a target is not names nothing but what it says.

Source: architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from affidavit.policy.condition import Condition
from affidavit.policy.decide import RULES, VARIABLES, Rule
from affidavit.policy.reads import reads
from affidavit.policy.skeleton import Part, Shape, skeleton, tokens

_THING = frozenset({"target", "upstream", "method"})
SERVER_REQUESTS = ("sampling/createMessage", "elicitation/create", "roots/list")  # what upstreams ask of clients


class Names:
    """The tools that some rule names."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._literals: set[str] = set()
        self._parts: list[Condition] = []
        for rule in rules:
            if "target" in rule.when.names:
                self._literals |= texts(rule)
                self._parts += [RULES.compile(part.text) for part in _affirmed(skeleton(rule.when.text))]

    def name(self, upstream: str, method: str, target: str) -> bool:
        """Tell whether some rule names this."""
        if target in self._literals:
            return True
        bound = RULES.bind({"upstream": upstream, "method": method, "target": target})
        return any(part.evaluate(bound) is True for part in self._parts)


def texts(rule: Rule) -> set[str]:
    """Return the texts that stand in a rule's condition, as far as they stand there plainly."""
    return {word.text[1:-1] for word in tokens(rule.when.text) if word.kind == "string" and word.text[0] in "\"'"}


def is_about_server_requests(rule: Rule) -> bool:
    """Tell whether a rule speaks of what an upstream asks of a client, which no call's record names a rule for."""
    return "method" in rule.when.names and not texts(rule).isdisjoint(SERVER_REQUESTS)


def _affirmed(shape: Shape) -> Iterator[Part]:
    """Yield the parts that look at the target, beside nothing but the upstream and the method."""
    if isinstance(shape, Part):
        looked_at = {read.variable for read in reads(shape.text, VARIABLES)}
        denied = any(word.kind == "sign" and word.text in ("!=", "!") for word in tokens(shape.text))
        if "target" in looked_at <= _THING and not denied:
            yield shape
        return
    if shape.join != "!":
        for part in shape.parts:
            yield from _affirmed(part)
