"""The section `rules` of the configuration file, and what its rules look at beside a request.

Source: architecture "Configuration"; identity-and-approvals "Approvals". What a rule may not say together is in
`consistency`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from affidavit.clock import DAY, SECOND, Micros
from affidavit.policy import fields
from affidavit.policy.condition import did_you_mean
from affidavit.policy.decide import Rule
from affidavit.policy.decision import EXPIRES, ApprovalTerms, Budget, Effect, Strength, Verdict
from affidavit.policy.facts import StatementSource
from affidavit.policy.networks import network
from affidavit.policy.section import Duration, Name, Section, text
from affidavit.policy.sections.conditions import When
from affidavit.policy.statement import DIALECT_NAMES

LONGEST_HOLD: Micros = 45 * SECOND  # mcp "Waiting for a person": clients drop a silent call after 30 to 60 s
LONGEST_WINDOW: Micros = DAY  # of a budget: it is counted in the memory of one instance
MOST_APPROVALS = 10
MOST_CALLS = 1_000_000_000


def _whole(most: int) -> BeforeValidator:
    def validate(value: Any) -> int:
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f"must be a whole number from 1 to {most:,}")
        return value

    return BeforeValidator(validate)


def _at_most(longest: Micros, said: str) -> BeforeValidator:
    def validate(value: str) -> Micros:
        length = fields.duration(value)
        if length > longest:
            raise ValueError(f"'{value}' is longer than {said}")
        return length

    return text(validate)


def _dialect(value: str) -> str:
    if value not in DIALECT_NAMES:
        known = ", ".join(sorted(DIALECT_NAMES))
        raise ValueError(f"no dialect '{value}'{did_you_mean(value, DIALECT_NAMES)}; known are {known}")
    return value


Tool = Annotated[str, text(fields.tool)]
Networks = dict[Name, list[Annotated[Any, text(network)]]]


class StatementSection(Section):
    argument: Annotated[str, text(fields.argument)]
    dialect: Annotated[str, text(_dialect)]

    def entry(self) -> StatementSource:
        return StatementSource(argument=self.argument, dialect=self.dialect)


class BudgetSection(Section):
    calls: Annotated[int, _whole(MOST_CALLS)] | None = None
    answers: Annotated[int, text(fields.size)] | None = None
    per: Annotated[int, _at_most(LONGEST_WINDOW, "a day")]

    def entry(self) -> Budget:
        return Budget(calls=self.calls, answers=self.answers, per=self.per)


class RuleSection(Section):
    name: Name
    when: When
    then: Verdict
    effect: Effect = "write"
    reason: Annotated[str, text(fields.sentence)] | None = None
    scopes: list[Annotated[str, text(fields.scope_token)]] = []
    budget: BudgetSection | None = None
    approvers: list[Annotated[str, text(fields.approver)]] = []
    approvals: Annotated[int, _whole(MOST_APPROVALS)] = 1
    expires: Duration = EXPIRES
    strength: Strength = "any"
    hold: Annotated[int, _at_most(LONGEST_HOLD, "the 45 s that clients wait")] = 0
    reason_required: bool = False

    def entry(self) -> Rule:
        return Rule(
            name=self.name,
            when=self.when,
            then=self.then,
            effect=self.effect,
            reason=self.reason,
            approval=self._approval() if self.then == "require_approval" else None,
            scopes=tuple(self.scopes),
            budget=self.budget.entry() if self.budget else None,
        )

    def _approval(self) -> ApprovalTerms:
        return ApprovalTerms(
            approvers=tuple(self.approvers),
            expires=self.expires,
            strength=self.strength,
            approvals=self.approvals,
            hold=self.hold,
            reason_required=self.reason_required,
        )


def statement_sources(statements: Mapping[str, StatementSection]) -> dict[str, StatementSource]:
    """Return where tools hold statements, by tool."""
    return {tool: section.entry() for tool, section in statements.items()}
