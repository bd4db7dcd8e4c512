"""`affidavit policy …`: what the rules say, of calls that are written down and of calls that were recorded."""

from __future__ import annotations

import argparse
from typing import Any

from affidavit.cli import policy_check, policy_drift, policy_explain, policy_replay, policy_test

_DESCRIPTION = """\
Look at the rules of a configuration before they are in force, and afterwards.

    affidavit policy check FILE                          is it right, and is it meant
    affidavit policy explain FILE --call call.json       which rule decides a call, and why
    affidavit policy test FILE                           run the cases in the file
    affidavit policy replay NEW --over DIR --since 90d   which recorded calls NEW would decide differently
    affidavit policy drift --over DIR --since 90d        what the rules and what happens no longer have in common"""


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "policy",
        help="check, explain, test and replay the rules",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inner = parser.add_subparsers(required=True, metavar="WHAT", title="what")
    for command in (policy_check, policy_explain, policy_test, policy_replay, policy_drift):
        command.add_parser(inner)
