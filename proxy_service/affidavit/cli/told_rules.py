"""Rules, and what they look at, as `affidavit check` tells them: to people and to programs.

Source: architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape

from affidavit.clock import DAY, MINUTE, SECOND, Micros
from affidavit.policy.configuration import Configuration
from affidavit.policy.decide import Rule
from affidavit.policy.decision import ApprovalTerms, Budget
from affidavit.policy.facts import STATEMENT, StatementSource
from affidavit.policy.networks import Networks

_UNITS = (("d", DAY), ("h", 60 * MINUTE), ("m", MINUTE), ("s", SECOND))
_SIZES = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_VERDICTS = {"allow": "[green]allow[/green]", "deny": "[red]deny[/red] ", "require_approval": "[yellow]ask[/yellow]  "}


def duration(length: Micros) -> str:
    """Return the shortest form that the file itself could have."""
    return next(f"{length // unit}{letter}" for letter, unit in _UNITS if length % unit == 0)


def lines(*several: str) -> str:
    """Return lines of which the first is where the section's entries stand, and the others behind it."""
    return "\n     ".join(several)


def rule_form(rule: Rule) -> dict[str, Any]:
    """Return a rule for programs."""
    return {
        "name": rule.name,
        "when": rule.when.text,
        "then": rule.then,
        "effect": None if rule.then == "deny" else rule.effect,
        "reason": rule.reason,
        "reads": sorted(rule.when.names),
        "scopes": rule.scopes,
        "budget": _budget_form(rule.budget) if rule.budget else None,
        "approval": _approval_form(rule.approval) if rule.approval else None,
    }


def networks_form(networks: Networks) -> dict[str, list[str]]:
    """Return named networks for programs."""
    return {name: [str(one) for one in held] for name, held in networks.named.items()}


def statements_form(statements: Mapping[str, StatementSource]) -> dict[str, Any]:
    """Return where statements are, for programs."""
    return {tool: {"argument": one.argument, "dialect": one.dialect} for tool, one in statements.items()}


def explain_rule(rule: Rule) -> str:
    """Return a rule for people."""
    effect = "" if rule.then == "deny" else f"  (a {rule.effect})"
    return lines(
        f"{_VERDICTS[rule.then]}  [cyan]{rule.name}[/cyan]{effect}",
        *(f"  {escape(line)}" for line in rule.when.text.strip().splitlines()),
        *(f"  {escape(line)}" for line in _terms(rule)),
        *([f"  “{escape(rule.reason)}”"] if rule.reason else []),
    )


def explain_networks(networks: Networks) -> Iterator[str]:
    """Yield named networks for people."""
    for name, held in networks.named.items():
        yield f"[cyan]{name}[/cyan]  {', '.join(map(str, held))}"


def explain_statements(statements: Mapping[str, StatementSource]) -> Iterator[str]:
    """Yield where statements are, for people."""
    for tool, one in statements.items():
        yield escape(f"statement  {tool}, argument {one.argument}, read as {one.dialect}")


def notes(configuration: Configuration) -> Iterator[str]:
    """Yield what rules may say that is not meant."""
    if not any(rule.then != "deny" for rule in configuration.rules):
        yield "no rule allows anything: every call will be denied"
    parsed = any(upstream.statements for upstream in configuration.upstreams)
    for rule in configuration.rules:
        if not parsed and not rule.when.names.isdisjoint(STATEMENT):
            yield f"the rule {rule.name} looks at statements, and no upstream says where they are: each is unknown"
        if rule.then == "require_approval":
            yield f"the rule {rule.name} takes an approval, and nobody can give one yet: what it matches is refused"


def _terms(rule: Rule) -> Iterator[str]:
    if rule.scopes:
        yield f"for tokens with the scope {' '.join(rule.scopes)}"
    if rule.budget:
        counted = [f"{rule.budget.calls:,} calls"] if rule.budget.calls is not None else []
        counted += [f"{_size(rule.budget.answers)} of answers"] if rule.budget.answers is not None else []
        yield f"{' and '.join(counted)} in {duration(rule.budget.per)}, for each person, in each instance"
    if rule.approval:
        yield _approval(rule.approval)


def _approval(terms: ApprovalTerms) -> str:
    said = f"{terms.approvals} of {', '.join(terms.approvers)}; good for {duration(terms.expires)}"
    said += "; on the console only" if terms.strength == "console" else ""
    said += f"; a call waits {duration(terms.hold)}" if terms.hold else ""
    return said + ("; with a reason" if terms.reason_required else "")


def _budget_form(budget: Budget) -> dict[str, Any]:
    return {"calls": budget.calls, "answers": budget.answers, "per": duration(budget.per)}


def _approval_form(terms: ApprovalTerms) -> dict[str, Any]:
    return {
        "approvers": terms.approvers,
        "approvals": terms.approvals,
        "expires": duration(terms.expires),
        "strength": terms.strength,
        "hold": duration(terms.hold) if terms.hold else None,
        "reason_required": terms.reason_required,
    }


def _size(size: int) -> str:
    return next((f"{size // unit} {name}" for name, unit in _SIZES if size % unit == 0), f"{size} bytes")
