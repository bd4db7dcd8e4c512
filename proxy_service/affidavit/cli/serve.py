"""`affidavit serve`: the gateway over one data folder, with its worker."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import uvloop

from affidavit.errors import Misconfigured
from affidavit.policy.document import load
from affidavit.policy.problems import ConfigurationErrors
from affidavit.serve.diagnostics import configure_terminal
from affidavit.serve.run import serve
from affidavit.wiring.embedded import EmbeddedFolder

MAX_PORT = 65_535

_DESCRIPTION = """\
Serve every upstream of a configuration at /mcp/<upstream>, with every call recorded before it is forwarded and
before it is answered. DIR receives the journal, the evidence, the bodies, the log and the keys; it is made if it is
not there. /readyz says whether calls are taken. SIGTERM ends it within 8 s, with everything committed."""


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve",
        help="run the gateway",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration, affidavit.yaml")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data folder")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8080, help="where to listen (default: %(default)s)")
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 (any that is free) to {MAX_PORT}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop; return 0, or 1 where something is left for the next start, or 2 for a wrong file."""
    configure_terminal()
    path: Path = arguments.config
    try:
        configuration = load(path, path.read_bytes())
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from error
    except ConfigurationErrors as error:
        for problem in error.errors:
            print(f"{path}:{problem}", file=sys.stderr)  # noqa: T201 this is the command's answer
        return 2
    folder = EmbeddedFolder.open(arguments.data, os.environ)
    return uvloop.run(serve(configuration, folder, arguments.host, arguments.port))
