"""`affidavit policy explain FILE`: which rule decides a call, why, and why none above it did."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from affidavit.audit.review.calls import recorded_call
from affidavit.audit.timeline import finding
from affidavit.audit.timeline.reader import Reader
from affidavit.cli.folder import open_buckets
from affidavit.cli.policy_file import read, read_policy
from affidavit.cli.recorded_facts import Seen, seen
from affidavit.cli.rendering.page import Page
from affidavit.cli.rendering.recorded import harmless, joined
from affidavit.cli.rendering.rules import one_line, value, verdict
from affidavit.cli.show import write_json
from affidavit.cli.written_calls import facts_of
from affidavit.clock import system_clock
from affidavit.errors import AffidavitError, Misconfigured
from affidavit.policy.call_file import read_call
from affidavit.policy.configuration import Configuration
from affidavit.policy.explanation import Explanation, RuleOutcome, explain
from affidavit.policy.partial import Answer, PartialPolicy

_DESCRIPTION = """\
Explain what the rules of FILE say of one call: the rule that decides, and each rule above it, with what its condition
came to, what each part of it came to, and the value of every variable that it names.

The call is a JSON file, or one that was recorded (--record ID --data DIR).

    {"principal": {"attribution": "person", "email": "ana@example.com", "groups": ["dba"]},
     "client": {"ip": "192.0.2.7"},
     "upstream": "warehouse",
     "method": "tools/call",
     "target": "sql.query",
     "arguments": {"sql": "select 1"},
     "session": "any text",
     "now": "2026-11-27T09:30:00Z"}

  principal  as records have it: attribution (person, ci-person, delegated, sponsored, none), issuer, subject, email,
             person, groups, run, actor, on_behalf_of, claims. Left out: a person's `person` is their address, and their
             groups are those that FILE gives them. Or the claims of a token, {"iss": …, "sub": …, …}: then FILE says
             who it is
  claims     of the token, where the principal stands as records have it and a rule looks at `claims`
  method     tools/call unless said
  now        the present unless said

Exit status: 0, whatever is decided; 2 where a file is wrong."""
_MARGIN = " " * 5


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "explain",
        help="which rule decides a call, and why",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration, affidavit.yaml")
    parser.add_argument("--call", type=Path, metavar="CALL", help="the call, a JSON file")
    parser.add_argument("--record", metavar="ID", help="a record of a call, as in 20261125T035139Z-aa69ea0b77e7b03b/13")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder that holds the record")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain one call."""
    if (arguments.call is None) == (arguments.record is None):
        raise Misconfigured("say which call: --call call.json, or --record ID --data DIR")
    if (arguments.record is None) != (arguments.data is None):
        raise Misconfigured("--record and --data go together: the record's id, and the data folder that holds it")
    configuration = read_policy(arguments.file)
    call = _call(arguments, configuration)
    policy = configuration.policy()
    explanation = explain(policy, call.facts)
    partial = PartialPolicy(policy)
    possible = (partial.could_use if explanation.by_use else partial.decide)(call.facts, call.hidden)
    if arguments.json:
        write_json(_form(explanation, call, possible))
    else:
        _show(explanation, call, possible, Page(Console(highlight=False)))
    return 0


def _call(arguments: argparse.Namespace, configuration: Configuration) -> Seen:
    if arguments.call is not None:
        call = read_call(read(arguments.call), str(arguments.call))
        return Seen(facts_of(call, configuration, system_clock()), {}, ())
    named = finding.RECORD_ID.fullmatch(arguments.record)
    if named is None:
        raise Misconfigured(f"{arguments.record!r} is no record's id, as in 20261125T035139Z-aa69ea0b77e7b03b/13")
    reader = Reader(open_buckets(arguments.data))
    record = finding.record(reader, named[1], int(named[2]))
    call_id = record.record.get("call") if record else None
    found = recorded_call(reader, named[1], call_id) if isinstance(call_id, str) else None
    if found is None:
        raise AffidavitError(f"no record {arguments.record} of a call by somebody who was authenticated is here")
    return seen(found, configuration.policy().surroundings)


def _form(explanation: Explanation, call: Seen, possible: Answer) -> dict[str, Any]:
    decision = explanation.decision
    return {
        "decision": decision.decision,
        "rule": decision.rule,
        "reason": decision.reason,
        "effect": decision.effect,
        "by_use": explanation.by_use,
        "unknown": list(call.problems),
        "decidable": possible.decision is not None,
        "rules": [_rule_form(one) for one in explanation.rules],
        "rules_below": explanation.after,
    }


def _rule_form(one: RuleOutcome) -> dict[str, Any]:
    return {
        "name": one.rule.name,
        "then": one.rule.then,
        "when": one.rule.when.text,
        "outcome": one.outcome,
        "why": one.why,
        "matched": one.matched,
        "decides": one.decides,
        "parts": [
            {"depth": part.depth, "join": part.join, "text": part.text, "outcome": part.outcome, "why": part.why}
            for part in one.parts
        ],
        "values": dict(one.values),
    }


def _show(explanation: Explanation, call: Seen, possible: Answer, page: Page) -> None:
    decision = explanation.decision
    by = f"by {decision.rule}" if decision.rule else "by default"
    page.line(joined(verdict(decision.decision), harmless(by, "bold")))
    page.line(harmless(decision.reason))
    if explanation.by_use:
        page.line(
            "A request without a target is decided by whether a rule lets this principal use the upstream at all."
        )
    for problem in call.problems:
        page.line(harmless(problem, "yellow"), harmless("! ", "yellow"))
    if possible.decision is None:
        what = (
            "What was true cannot be told: the decision depends on that. With what is here it comes out as it stands."
        )
        page.line(harmless(what, "bold yellow"), harmless("! ", "yellow"))
    for at, one in enumerate(explanation.rules, 1):
        page.line()
        _show_rule(at, one, page)
    page.line()
    if explanation.after:
        page.line(harmless(f"{explanation.after} more below it, which were not asked", "dim"))


def _show_rule(at: int, one: RuleOutcome, page: Page) -> None:
    margin = joined(harmless(f"{at:>3}  ", "dim"), verdict(one.rule.then))
    page.line(joined(harmless(one.rule.name, "cyan"), harmless("  "), _outcome(one)), margin)
    if not one.parts:
        page.line(harmless(one_line(one.rule.when.text)), _told(one.outcome))
    for part in one.parts:
        indent = "  " * (part.depth - 1) + (f"{part.join} " if part.join else "")
        text = harmless(indent + one_line(part.text), "" if part.leaf else "dim")
        page.line(text, _told(part.outcome))
        if part.why:
            page.line(harmless(part.why, "yellow"), f"{_MARGIN}{'':>8}")
    if one.why and not one.parts:
        page.line(harmless(one.why, "yellow"), f"{_MARGIN}{'':>8}")
    widest = max(map(len, one.values), default=0)
    for name, known in one.values.items():
        page.line(harmless(value(known)), harmless(f"{_MARGIN}  {name:<{widest}}  = ", "dim"))


def _outcome(one: RuleOutcome) -> Text:
    told = "matches" if one.matched else "does not match"
    if one.outcome == "failed":
        told = f"fails, which counts as {'matched' if one.matched else 'not matched'}"
    return harmless(f"{told}, and decides" if one.decides else told, "bold" if one.decides else "")


def _told(outcome: str) -> Text:
    colour = {"true": "green", "false": "red", "failed": "yellow"}[outcome]
    return joined(harmless(_MARGIN), harmless(f"{outcome:>6}  ", colour))
