"""What the rules and what happens no longer have in common: counted over recorded calls.

Holds one entry for each rule, tool, sponsor and person, not for each call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from affidavit.audit.review.calls import RecordedCall
from affidavit.audit.timeline.values import text
from affidavit.identity.principal import believed
from affidavit.policy.configuration import Configuration, SponsorEntry
from affidavit.policy.doubts import asks_directories
from affidavit.policy.naming import Names, is_about_server_requests

Kind = Literal["idle_rule", "unnamed_tool", "sponsor_without_person", "sponsored_by_nobody"]

MAX_TOOLS = 10_000  # names that are told apart: who may ask, may ask for anything
_OTHERS = "(others)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One finding.

    Attributes:
        about: The rule, the tool with its upstream, or the address.
        calls: In the period.
        says: What it is, in words.
        example: A record of such a call, None where there is none.
    """

    kind: Kind
    about: str
    calls: int
    says: str
    example: str | None = None


@dataclass(slots=True)
class Drifting:
    """Counts calls.

    Where people also come from directories, a sponsor is missed only where a call came without anybody for it.

    Attributes:
        configuration: Whose rules are looked at.
        calls: So far.
    """

    configuration: Configuration
    calls: int = 0
    _rules: Counter[str] = field(default_factory=Counter)
    _tools: Counter[tuple[str, str]] = field(default_factory=Counter)
    _allowed: Counter[tuple[str, str]] = field(default_factory=Counter)
    _sponsors: Counter[str] = field(default_factory=Counter)
    _examples: dict[tuple[str, ...], str] = field(default_factory=dict)
    _orphans: tuple[SponsorEntry, ...] = field(init=False)
    _people: frozenset[str] = field(init=False)
    _directories: bool = field(init=False)

    def __post_init__(self) -> None:
        self._people = frozenset(person.email for person in self.configuration.people)
        self._directories = asks_directories(self.configuration)
        sponsors = self.configuration.sponsors
        self._orphans = tuple(one for one in sponsors if one.person not in self._people)

    @property
    def reads_claims(self) -> bool:
        """Whether claims are needed, in order to tell whom a sponsor that is no person would have answered for."""
        return bool(self._orphans)

    def take(self, call: RecordedCall) -> None:
        """Count one call."""
        self.calls += 1
        self._rules[text(call.policy.get("rule"))] += 1
        if call.said("method") == "tools/call" and call.policy:
            self._tool(call)
        attribution, person = text(call.principal.get("attribution")), text(call.principal.get("person"))
        if attribution == "sponsored" and person not in self._people and not self._directories:
            self._count_sponsor(person, call)
        elif attribution == "none" and self._orphans:
            claims = believed(call.claims.value)
            for sponsor in self._orphans:
                if sponsor.matches(claims):
                    self._count_sponsor(sponsor.person, call)
                    break

    def findings(self) -> Iterator[Drift]:
        """Yield what there is to say."""
        yield from self._idle_rules()
        yield from self._unnamed_tools()
        yield from self._without_person()

    def unjudged(self) -> list[str]:
        """Return the rules of which records cannot tell whether they matched."""
        return [rule.name for rule in self.configuration.rules if is_about_server_requests(rule)]

    def _tool(self, call: RecordedCall) -> None:
        tool = call.said("upstream"), call.said("target")
        if tool not in self._tools and len(self._tools) >= MAX_TOOLS:
            tool = _OTHERS, _OTHERS
        self._tools[tool] += 1
        self._allowed[tool] += call.policy.get("decision") == "allow"
        self._examples.setdefault(tool, call.record.id)

    def _count_sponsor(self, person: str, call: RecordedCall) -> None:
        self._sponsors[person] += 1
        self._examples.setdefault((person,), call.record.id)

    def _idle_rules(self) -> Iterator[Drift]:
        for rule in self.configuration.rules:
            if not self._rules[rule.name] and not is_about_server_requests(rule):
                yield Drift(kind="idle_rule", about=rule.name, calls=0, says="decided nothing in the period")

    def _unnamed_tools(self) -> Iterator[Drift]:
        names = Names(self.configuration.rules)
        for (upstream, target), calls in self._tools.most_common():
            if upstream == _OTHERS or not names.name(upstream, "tools/call", target):
                allowed = self._allowed[upstream, target]
                yield Drift(
                    kind="unnamed_tool",
                    about=f"{upstream}/{target}",
                    calls=calls,
                    says=f"was called and no rule names it; {allowed:,} of the calls were allowed",
                    example=self._examples[upstream, target],
                )

    def _without_person(self) -> Iterator[Drift]:
        told = {one.person for one in self._orphans}
        for person in sorted(told | self._sponsors.keys()):
            calls = self._sponsors[person]
            if self._directories and not calls:
                continue  # a directory may know them, and nothing says otherwise
            stands = "sponsors and is not among people" if person in told else "sponsored calls and is not among people"
            yield Drift(
                kind="sponsor_without_person" if person in told else "sponsored_by_nobody",
                about=person,
                calls=calls,
                says=stands if calls else f"{stands}; nothing came of it in the period",
                example=self._examples.get((person,)),
            )
