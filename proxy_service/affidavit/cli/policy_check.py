"""`affidavit policy check FILE`: are the rules right, and are they meant."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from affidavit.cli.policy_file import read
from affidavit.cli.rendering.page import Page
from affidavit.cli.rendering.recorded import harmless, joined
from affidavit.cli.rendering.rules import counted, verdict
from affidavit.policy.configuration import Configuration
from affidavit.policy.document import load
from affidavit.policy.doubts import doubts
from affidavit.policy.problems import ConfigurationErrors

_DESCRIPTION = """\
Check the rules of a configuration file: everything that is wrong with it, each with its line; else the rules in their
order, and what is allowed to stand there and is probably not meant, such as a rule that can never match.

Exit status: 0 where it holds, doubts or not; 2 where it does not."""


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="are the rules right, and are they meant",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration, affidavit.yaml")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check one file; return 0 when it holds; raises `Misconfigured` when it does not."""
    path: Path = arguments.file
    try:
        configuration = load(path, read(path))
    except ConfigurationErrors as error:
        if not arguments.json:
            raise
        _print({"file": str(path), "errors": [problem.form() for problem in error.errors]})
        return 2
    if arguments.json:
        _print(_form(configuration))
    else:
        _show(configuration, Page(Console(highlight=False)))
    return 0


def _form(configuration: Configuration) -> dict[str, Any]:
    return {
        "file": str(configuration.path),
        "digest": configuration.digest,
        "rules": [
            {"name": rule.name, "then": rule.then, "when": rule.when.text, "reads": sorted(rule.when.names)}
            for rule in configuration.rules
        ],
        "tests": len(configuration.tests),
        "doubts": list(doubts(configuration)),
    }


def _show(configuration: Configuration, page: Page) -> None:
    width = max(len(rule.then) for rule in configuration.rules) if configuration.rules else 0
    for at, rule in enumerate(configuration.rules, 1):
        margin = joined(harmless(f"{at:>3}  ", "dim"), verdict(rule.then, width))
        page.line(harmless(rule.name, "cyan"), margin)
        for line in rule.when.text.strip().splitlines():
            page.line(harmless(line.strip()), " " * 7)
    page.line(harmless("everything else"), joined(harmless("     ", "dim"), verdict("deny", width)))
    found = list(doubts(configuration))
    page.line()
    for doubt in found:
        page.line(harmless(doubt, "yellow"), harmless("! ", "yellow"))
    rules, tests = len(configuration.rules), len(configuration.tests)
    page.line(f"{counted(rules, 'rule')}, {counted(tests, 'test')}, {counted(len(found), 'doubt')}")


def _print(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
