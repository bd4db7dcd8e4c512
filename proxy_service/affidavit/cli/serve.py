"""`affidavit serve`: the gateway, over one data folder with its worker, or on Google Cloud."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from affidavit.errors import Misconfigured
from affidavit.policy.problems import ConfigurationErrors
from affidavit.serve.diagnostics import configure_diagnostics, configure_terminal
from affidavit.serve.run import Deployment, serve
from affidavit.wiring.cloud import load_cloud
from affidavit.wiring.embedded import EmbeddedFolder
from affidavit.wiring.reloading import Source, file_source, read_source

MAX_PORT = 65_535
_SECRET = re.compile(r"secret:|projects/[^/]+/secrets/")

_DESCRIPTION = """\
Serve every upstream of a configuration at /mcp/<upstream>, with every call recorded before it is forwarded and
before it is answered. /readyz says whether calls are taken. SIGTERM ends it within 8 s, with every record durable.

With --data, everything lies in DIR: the journal, the evidence, the bodies, the log and the keys; it is made if it is
not there. Without, this is Google Cloud: the environment says where records go (AFFIDAVIT_EVIDENCE_TOPIC and the like;
terraform/ sets them) and where to listen (PORT), and cloud functions store and sequence what is recorded.

A changed configuration is in force within seconds, and on record before it is (`policy:loaded`): rules, people,
sponsors, masking. What is wrong, or changes what is opened at the start (issuers, upstreams, origin, retention), leaves
the old one in force; the diagnostics and /readyz say so. Of a secret, its newest version counts (secret:NAME)."""


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve",
        help="run the gateway",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help="the configuration, affidavit.yaml; or where it is in Secret Manager: secret:NAME, or a version's name",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder; without it, this is Google Cloud")
    parser.add_argument("--host", help="where to listen (default: 127.0.0.1; on Google Cloud 0.0.0.0)")
    parser.add_argument("--port", type=_port, help="where to listen (default: PORT of the environment, else 8080)")
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 (any that is free) to {MAX_PORT}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop; return 0, or 1 where something is left for the next start, or 2 for a wrong file."""
    if arguments.data is None:
        configure_diagnostics(project=os.environ.get("AFFIDAVIT_PROJECT"))
    else:
        configure_terminal()
    source = _source(arguments.config)
    try:
        configuration = read_source(source)
    except ConfigurationErrors as error:
        for problem in error.errors:
            print(f"{source.path}:{problem}", file=sys.stderr)  # noqa: T201 this is the command's answer
        return 2
    host = arguments.host or ("0.0.0.0" if arguments.data is None else "127.0.0.1")  # noqa: S104 Cloud Run's contract
    return uvloop.run(serve(source, configuration, _deployment(arguments.data), host, _port_of(arguments, os.environ)))


def _port_of(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    if arguments.port is not None:
        return int(arguments.port)
    try:
        return _port(environment.get("PORT") or "8080")
    except argparse.ArgumentTypeError as error:
        raise Misconfigured(f"PORT of the environment: {error}") from error


def _source(config: str) -> Source:
    if not _SECRET.match(config):
        return file_source(Path(config))
    source: Source = load_cloud("cloud_policy").secret_source(config, os.environ)
    return source


def _deployment(data: Path | None) -> Deployment:
    if data is not None:
        return EmbeddedFolder.open(data, os.environ)
    deployment: Deployment = load_cloud("gcp").CloudGateway.open(os.environ)
    return deployment
