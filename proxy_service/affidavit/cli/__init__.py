"""The command line: one file a command."""

from __future__ import annotations

import argparse
import sys

from affidavit.cli import check, serve
from affidavit.errors import AffidavitError, Misconfigured


def main() -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="affidavit")
    subparsers = parser.add_subparsers(required=True)
    for command in (check, serve):
        command.add_parser(subparsers)
    arguments = parser.parse_args()
    try:
        return int(arguments.run(arguments))
    except AffidavitError as error:
        print(f"affidavit: {error}", file=sys.stderr)  # noqa: T201 this is the command's answer
        return 2 if isinstance(error, Misconfigured) else 1
