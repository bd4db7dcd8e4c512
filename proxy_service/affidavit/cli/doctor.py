"""`affidavit doctor`: is a deployment on Google Cloud what the gateway's promises rest on, and who can go around it.

Never changes anything.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.text import Text

from affidavit.adapters.gcp.inspection.finding import Finding
from affidavit.cli.rendering.recorded import harmless
from affidavit.errors import Misconfigured
from affidavit.policy.configuration import Configuration
from affidavit.policy.document import load

WRONG = 3  # exit status: something is not as it should be
_COLOURS = {"ok": "green", "FAIL": "bold red", "unchecked": "yellow"}
_ROLES = ("gateway", "write-evidence", "sequence-log", "check-log")

_DESCRIPTION = """\
Look at everything that one process of a deployment rests on: project, buckets and their retention, topic,
subscriptions and dead letters, key, secret, database, and what this account may do with each, too little or too much.
Nothing is changed. Whatever is wrong is named with the command that mends it.

The process is described by its environment (AFFIDAVIT_*), as it runs with it. Permissions are those of whoever runs
this: to ask as the gateway,

    gcloud auth application-default login --impersonate-service-account=ACCOUNT

Settings that the gateway may not look at need somebody who may; so run it as the gateway, and as an owner.

With --bypass: list everybody else who can reach an upstream of the configuration that is a Cloud Run service, by its
policy or an inherited one, and who can act as the gateway's account.

Exit status: 0 nothing is wrong, 2 wrong usage, 3 something is wrong, or somebody can go around the gateway."""


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor",
        help="is a deployment sound, and who can go around it",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration, affidavit.yaml")
    parser.add_argument("--role", choices=_ROLES, default="gateway", help="whose environment (default: %(default)s)")
    parser.add_argument("--bypass", action="store_true", help="who can reach an upstream around the gateway")
    parser.add_argument("--account", metavar="EMAIL", help="with --bypass: the gateway's account")
    parser.add_argument(
        "--project", metavar="ID", action="append", default=[], help="with --bypass: where upstreams run; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, access: Any = None) -> int:
    """Look; return 0 where nothing is wrong, else 3."""
    wiring = _wiring()
    configuration = None if arguments.config is None else _load(arguments.config)
    if arguments.bypass:
        if configuration is None:
            raise Misconfigured("--bypass needs --config FILE, which says what the upstreams are")
        found = wiring.bypasses(
            os.environ, configuration, gateway=arguments.account, projects=arguments.project, access=access
        )
    else:
        found = wiring.examine(arguments.role, os.environ, configuration, access)
    return _print_json(list(found)) if arguments.json else _show(found, Console(soft_wrap=True, highlight=False))


def _wiring() -> ModuleType:
    # Here and not above: an auditor's machine has no cloud library, and its `affidavit --help` loads every command.
    try:
        return import_module("affidavit.wiring.doctor")
    except ModuleNotFoundError as error:
        raise Misconfigured(f"{error.name} is not installed: pip install 'affidavit[gcp]'") from error


def _load(path: Path) -> Configuration:
    try:
        return load(path, path.read_bytes())
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from error


def _print_json(findings: list[Finding]) -> int:
    status = WRONG if any(one.status == "FAIL" for one in findings) else 0
    listed = [{"about": one.about, "status": one.status, "says": one.says, "mend": one.mend} for one in findings]
    print(json.dumps({"findings": listed, "status": status}, indent=2))  # noqa: T201 this is the command's answer
    return status


def _show(findings: Iterable[Finding], console: Console) -> int:
    failed = unchecked = 0
    for finding in findings:
        failed += finding.status == "FAIL"
        unchecked += finding.status == "unchecked"
        line = Text(f"{finding.status:<10}", style=_COLOURS[finding.status])
        console.print(line.append(_safe(f"{finding.about}: {finding.says}"), style="default"))
        if finding.mend is not None:
            console.print(Text(f"          {_safe(finding.mend)}", style="dim"))
    if unchecked:
        console.print(Text(f"{unchecked} not looked at, because this account may not.", style="yellow"))
    if failed:
        console.print(Text(f"{failed} wrong.", style="bold red"))
        return WRONG
    console.print(Text("Nothing is wrong." if not unchecked else "Nothing else is wrong.", style="bold green"))
    return 0


def _safe(text: str) -> str:
    return harmless(text).plain
