"""`affidavit policy test FILE`: run the cases that stand in the file under `tests`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from affidavit.cli.policy_file import read_policy
from affidavit.cli.rendering.page import Page
from affidavit.cli.rendering.recorded import harmless, joined
from affidavit.cli.rendering.rules import counted
from affidavit.cli.show import write_json
from affidavit.cli.written_calls import facts_of
from affidavit.clock import parse_time
from affidavit.errors import Misconfigured
from affidavit.mcp.calls import needs_target
from affidavit.policy.cases import Case
from affidavit.policy.configuration import Configuration
from affidavit.policy.decide import Policy
from affidavit.policy.decision import Decision

NOON = parse_time("2026-01-01T12:00:00.000000Z")  # of cases that do not say when: what passes today passes tomorrow

_DESCRIPTION = """\
Run the cases that stand in a configuration file. The gateway does not look at them.

    tests:
      - name: a job without a sponsor cannot write
        call:
          principal: {attribution: none, email: robot@proj.iam.gserviceaccount.com}
          upstream: warehouse
          target: sql.query
          arguments: {sql: "delete from orders"}
        expect: deny                 # or allow, or require_approval
        rule: people-may-ask         # which rule decides; may be left out

A call reads as `affidavit policy explain --help` says; one that does not say `now` comes on 2026-01-01T12:00:00Z.

Exit status: 0 when all pass, 1 when one fails, 2 where the file is wrong."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case; `problem` says why it did not pass."""

    case: Case
    decision: Decision | None
    problem: str | None


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "test",
        help="run the cases in the file",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration, affidavit.yaml")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run them; return 1 when one fails."""
    configuration = read_policy(arguments.file)
    policy = configuration.policy()
    results = [_result(case, configuration, policy) for case in configuration.tests]
    failed = sum(one.problem is not None for one in results)
    if arguments.json:
        for result in results:
            write_json(_form(result))
    else:
        _show(results, failed, Page(Console(highlight=False)))
    return 1 if failed else 0


def _result(case: Case, configuration: Configuration, policy: Policy) -> Result:
    try:
        facts = facts_of(case.call, configuration, NOON)
    except Misconfigured as error:
        return Result(case, None, str(error))
    decision = policy.decide(facts) if needs_target(facts.method) else policy.could_use(facts)
    return Result(case, decision, _problem(case, decision))


def _problem(case: Case, decision: Decision) -> str | None:
    by = f"by {decision.rule}" if decision.rule else "since no rule matches"
    if decision.decision != case.expect:
        return f"expected {case.expect}, and it is {decision.decision} {by}"
    if case.rule is not None and decision.rule != case.rule:
        return f"it is {decision.decision} as expected, but {by}, not by {case.rule}"
    return None


def _form(result: Result) -> dict[str, Any]:
    return {
        "name": result.case.name,
        "passed": result.problem is None,
        "expect": result.case.expect,
        "decision": result.decision.decision if result.decision else None,
        "rule": result.decision.rule if result.decision else None,
        "problem": result.problem,
    }


def _show(results: list[Result], failed: int, page: Page) -> None:
    for result in results:
        mark = harmless("✗ ", "red") if result.problem else harmless("✓ ", "green")
        told = harmless(f": {result.problem}", "red") if result.problem else harmless(_grounds(result), "dim")
        page.line(joined(harmless(result.case.name), told), mark)
    if not results:
        page.line("there are no tests in this file")
        return
    page.line()
    page.line(f"{counted(len(results), 'test')}, {failed} failed")


def _grounds(result: Result) -> str:
    assert result.decision is not None  # noqa: S101 a case that passes was decided
    return f": {result.decision.decision}, {result.decision.rule or 'no rule matches'}"
