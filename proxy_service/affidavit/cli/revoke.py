"""`affidavit revoke`: lock somebody or something out, on every instance within seconds."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from affidavit.adapters.embedded.revocations import SqliteRevocations
from affidavit.cli.login import login
from affidavit.clock import format_time, system_clock
from affidavit.errors import Misconfigured
from affidavit.identity.revocation import Revocation, RevocationList, What
from affidavit.wiring.cloud import load_cloud

_DESCRIPTION = """\
Lock out a person, a token, a session, a sponsor or a subject. It takes effect on every instance within 5 seconds: the
next call is refused with the code revoked, calls and streams that are under way are cut, and each instance records it
(`identity:revoked`). It is for good; a person who comes back gets in through the directory or under another address.

    affidavit revoke person ana@example.com --reason "left the company" --data DIR
    affidavit revoke sponsor ana@example.com --reason "moved teams" --data DIR   # their machines, not themselves
    affidavit revoke token - --reason leaked --data DIR < token                  # or its SHA-256, as records have it
    affidavit revoke session 1f0c…:9b2e… --reason "odd" --data DIR               # as records have it
    affidavit revoke subject "https://issuer.example/ robot-7" --reason gone --data DIR
    affidavit revoke list --data DIR

On Google Cloud, --project PROJECT takes the place of --data DIR. `person` means their own tokens, the jobs that they
started, the agents that act for them, and the machines that they sponsor."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"[!-~]+@[!-~]+", re.ASCII)
_SESSION = re.compile(r"[0-9a-f]{8}:[0-9a-f]{64}")
_MAX_TOKEN = 64 * 1024  # bytes
_MAX_REASON = 500  # characters
_WHAT: tuple[What, ...] = ("person", "token", "session", "sponsor", "subject")


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "revoke",
        help="lock somebody or something out",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=(*_WHAT, "list"), metavar="WHAT", help=f"{', '.join(_WHAT)}; or list")
    parser.add_argument(
        "value", nargs="?", metavar="VALUE", help="whom or what; a token is read from standard input: -"
    )
    parser.add_argument("--reason", help="why; it is on record")
    parser.add_argument("--by", metavar="WHO", help="who says so (default: you, as this machine knows you)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the gateway's data folder")
    parser.add_argument("--project", help="the gateway's project on Google Cloud, in the place of --data")
    parser.add_argument("--database", default="(default)", help="its Firestore database (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a revocation")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Revoke or list; return 0."""
    entries = _open(arguments)
    if arguments.what == "list":
        _show(entries.since(0), as_json=arguments.json)
        return 0
    if arguments.value is None:
        raise Misconfigured(f"say which {arguments.what}: affidavit revoke {arguments.what} VALUE --reason WHY")
    reason = arguments.reason or ""
    if not reason.strip() or len(reason) > _MAX_REASON or any(char < " " for char in reason):
        raise Misconfigured(f"say why, in one line of at most {_MAX_REASON} characters: --reason")
    one = Revocation(
        what=arguments.what,
        value=_value(arguments.what, arguments.value),
        by=arguments.by or login(),
        reason=reason,
        at=system_clock(),
    )
    entries.add(one)
    _show([one], as_json=arguments.json)
    if not arguments.json:
        _console().print(Text("takes effect within 5 s on every instance; each records it", "dim"))
    return 0


def _open(arguments: argparse.Namespace) -> RevocationList:
    if (arguments.data is None) == (arguments.project is None):
        raise Misconfigured("say where the gateway keeps them: --data DIR, or on Google Cloud --project PROJECT")
    if arguments.data is None:
        cloud = load_cloud("cloud_revocations")
        found: RevocationList = cloud.open_revocations(arguments.project, arguments.database, os.environ)
        return found
    path: Path = arguments.data / "state.sqlite"
    if not path.is_file():
        raise Misconfigured(f"{path} is not there: DIR is the folder that `affidavit serve --data DIR` was given")
    try:
        return SqliteRevocations(path)
    except sqlite3.DatabaseError as error:
        raise Misconfigured(f"{path} cannot be read: {error}") from error


def _value(what: What, given: str) -> str:
    if what == "token":
        return _token(given)
    if what in ("person", "sponsor"):
        return _matching(_ADDRESS, given.lower(), "an address, as in ana@example.com")
    if what == "session":
        return _matching(_SESSION, given, "a session as records have it: 8 hex digits, a colon, 64 hex digits")
    if " " not in given.strip():
        raise Misconfigured("a subject is an issuer and its subject with a space between them, in quotes")
    return given.strip()


def _token(given: str) -> str:
    if given != "-":  # never the token itself: what stands on a command line is everybody's to read
        return _matching(
            _SHA256, given.lower(), "the SHA-256 of a token, 64 hex digits; or - to read it from standard input"
        )
    text = sys.stdin.buffer.read(_MAX_TOKEN).decode("ascii", "replace").strip()
    if text.count(".") != 2:  # noqa: PLR2004 header, claims, signature (RFC 7515 section 7.1)
        raise Misconfigured("what came on standard input is no token: three parts with dots between them")
    return hashlib.sha256(text.encode()).hexdigest()


def _matching(pattern: re.Pattern[str], given: str, expected: str) -> str:
    if not pattern.fullmatch(given):
        raise Misconfigured(f"this is not {expected}")
    return given


def _show(entries: Sequence[Revocation], *, as_json: bool) -> None:
    console = _console()
    for one in entries:
        form = {"what": one.what, "value": one.value, "by": one.by, "reason": one.reason, "at": format_time(one.at)}
        if as_json:
            print(json.dumps(form))  # noqa: T201 this is the command's answer
        else:
            console.print(Text(f"{form['at']}  {one.what:8} {one.value}  by {one.by}: {one.reason}"))


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False)
