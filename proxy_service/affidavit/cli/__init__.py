"""The command line: one file a command.

Exit statuses that all commands have in common: 2 for a wrong command, 3 where the answer could not be written, 130 and
141 where Ctrl-C or a reader that had enough ended it.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from importlib import import_module

from rich.console import Console

from affidavit import __version__
from affidavit.cli.rendering.recorded import harmless, lines_of
from affidavit.errors import AffidavitError, Misconfigured

_COMMANDS = (
    "serve",
    "verify",
    "show",
    "tail",
    "check",
    "policy",
    "definitions",
    "doctor",
    "key",
    "mask-token",
    "redrive",
    "connect",
)
_INTERRUPTED, _BROKEN_PIPE = 130, 141  # 128 + SIGINT, 128 + SIGPIPE, as shells have it
_UNWRITTEN = 3  # never 1: that would say of a sound log that it is proved false
_OUTPUT_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def main() -> int:
    """Run one command; return its exit status."""
    if sys.stdout is None:  # `>&-`
        _complain("there is no standard output to write to")
        return _UNWRITTEN
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
        _give_up_output()  # whoever read has enough
        return _BROKEN_PIPE
    except SystemExit as end:
        # Rich makes status 1 of a broken pipe (`Console.on_broken_pipe`).
        if isinstance(end.__context__, BrokenPipeError):
            _give_up_output()
            return _BROKEN_PIPE
        raise
    except OSError as error:
        if error.errno not in _OUTPUT_ERRORS or error.filename is not None:
            raise
        _give_up_output()
        _complain(f"the answer could not be written: {error.strerror}")
        return _UNWRITTEN
    return status


def _give_up_output() -> None:
    # The interpreter's own last flush must not complain, nor change the exit status.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="affidavit", description="An MCP gateway whose audit trail is evidence.")
    parser.add_argument("--version", action="version", version=f"affidavit {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    called = tuple(name for name in sys.argv[1:2] if name in _COMMANDS)
    for name in called or _COMMANDS:  # an auditor need not wait until a server is loaded
        import_module(f"affidavit.cli.{name.replace('-', '_')}").add_parser(subparsers)
    return parser


def _complain(message: str) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    first, *more = lines_of(f"affidavit: {message}")
    console.print(harmless(first, "red"))
    for line in more:
        console.print(harmless(line))
