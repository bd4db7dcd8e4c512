"""The command line: one file a command."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from rich.console import Console

from affidavit import __version__
from affidavit.cli.rendering.recorded import harmless, lines_of
from affidavit.errors import AffidavitError, Misconfigured

_COMMANDS = ("serve", "verify", "show", "tail", "check", "definitions")
_INTERRUPTED, _BROKEN_PIPE = 130, 141  # 128 + SIGINT, 128 + SIGPIPE, as shells have it


def main() -> int:
    """Run one command; return its exit status."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal may not know all letters
    try:
        arguments = _parser().parse_args()
        status = int(arguments.run(arguments))
        sys.stdout.flush()
    except AffidavitError as error:
        _complain(str(error))
        return 2 if isinstance(error, Misconfigured) else 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough; the interpreter's own last flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="affidavit", description="An MCP gateway whose audit trail is evidence.")
    parser.add_argument("--version", action="version", version=f"affidavit {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    called = tuple(name for name in sys.argv[1:2] if name in _COMMANDS)
    for name in called or _COMMANDS:  # an auditor need not wait until a server is loaded
        import_module(f"affidavit.cli.{name}").add_parser(subparsers)
    return parser


def _complain(message: str) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    first, *more = lines_of(f"affidavit: {message}")
    console.print(harmless(first, "red"))
    for line in more:
        console.print(harmless(line))
