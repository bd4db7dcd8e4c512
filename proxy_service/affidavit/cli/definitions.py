"""`affidavit definitions`: which tool definitions stand, which have changed, and letting a changed one stand."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from affidavit.adapters.embedded.state import State
from affidavit.cli.login import login
from affidavit.clock import system_clock
from affidavit.errors import Misconfigured
from affidavit.gateway.ports import DefinitionReview, SeenDefinition
from affidavit.wiring.cloud import load_cloud

_DESCRIPTION = """\
The first definition that an upstream shows of a tool stands. When the upstream changes it, calls of the tool are
refused with the code definition_changed until somebody has read what changed and accepts it:

    affidavit definitions DIR                            list all, with what changed
    affidavit definitions DIR --accept warehouse/sql.query@7c9e41d2
    affidavit definitions --project PROJECT              the same on Google Cloud, where they are in Firestore

What follows the @ is the beginning of the digest that you have read: the newest one is accepted only if it is that one.
The running gateway takes an accepted definition at once, and records who accepted it (`tool:accepted`)."""
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}  # of a line of a diff, by how it begins


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "definitions",
        help="review changed tool definitions",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, nargs="?", metavar="DIR", help="the gateway's data folder")
    parser.add_argument("--project", help="the gateway's project on Google Cloud, in the place of DIR")
    parser.add_argument("--database", default="(default)", help="its Firestore database (default: %(default)s)")
    parser.add_argument(
        "--accept",
        metavar="UPSTREAM/TOOL[@DIGEST]",
        help="show what changed, and let the newest definition of this tool stand",
    )
    parser.add_argument("--by", metavar="WHO", help="who accepts it (default: you, as this machine knows you)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a tool")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List or accept; return 1 where a changed definition waits for somebody to look at it."""
    if (arguments.data is None) == (arguments.project is None):
        raise Misconfigured(
            "say where the gateway keeps them: its data folder DIR, or on Google Cloud --project PROJECT"
        )
    if arguments.data is None:
        cloud = load_cloud("cloud_definitions")
        return _answer(cloud.open_definitions(arguments.project, arguments.database, os.environ), arguments)
    path: Path = arguments.data / "state.sqlite"
    if not path.is_file():
        raise Misconfigured(f"{path} is not there: DIR is the folder that `affidavit serve --data DIR` was given")
    try:
        return _answer(State(path, system_clock), arguments)
    except sqlite3.DatabaseError as error:
        raise Misconfigured(f"{path} cannot be read: {error}") from error


def _answer(review: DefinitionReview, arguments: argparse.Namespace) -> int:
    with contextlib.closing(review):
        if arguments.accept is not None:
            return _accept(review, arguments.accept, arguments.by or login())
        return _list(review.definitions(), as_json=arguments.json)


def _accept(review: DefinitionReview, wanted: str, by: str) -> int:
    name, _, digest = wanted.partition("@")
    upstream, _, target = name.partition("/")
    shown = [one for one in review.definitions() if (one.upstream, one.target) == (upstream, target)]
    if not shown:
        raise Misconfigured(f"no upstream has shown a tool {name!r}; without --accept all are listed")
    newest = shown[-1]
    if not newest.digest.startswith(digest):
        raise Misconfigured(f"{name} has changed again: its newest definition is {newest.digest[:16]}; read that first")
    console = _console()
    _show_diff(console, next(one for one in shown if one.stands), newest)
    review.accept(upstream, target, newest.digest, by)
    console.print(Text(f"{name}: the definition {newest.digest[:16]} of {newest.seen} stands now, accepted by {by}"))
    return 0


def _list(definitions: Sequence[SeenDefinition], *, as_json: bool) -> int:
    console = _console()
    changed = 0
    for (upstream, target), group in groupby(definitions, key=lambda one: (one.upstream, one.target)):
        shown = list(group)
        standing = next(one for one in shown if one.stands)
        newest = shown[-1]
        changed += newest is not standing
        if as_json:
            print(json.dumps(_form(upstream, target, standing, newest)))  # noqa: T201 this is the command's answer
        else:
            _show(console, f"{upstream}/{target}", standing, newest)
    return 1 if changed else 0


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False)  # a line that is broken cannot be searched for, nor pasted


def _form(upstream: str, target: str, standing: SeenDefinition, newest: SeenDefinition) -> dict[str, Any]:
    return {
        "upstream": upstream,
        "target": target,
        "changed": newest is not standing,
        "standing": standing.digest,
        "newest": newest.digest,
        "diff": list(_diff(standing, newest)),
    }


def _show(console: Console, name: str, standing: SeenDefinition, newest: SeenDefinition) -> None:
    if newest is standing:
        console.print(Text.assemble(("stands   ", "green"), f"{name}  {standing.digest[:16]}  since {standing.seen}"))
        return
    console.print(Text.assemble(("CHANGED  ", "bold red"), f"{name}  {newest.digest[:16]}  seen {newest.seen}"))
    _show_diff(console, standing, newest)
    console.print(Text(f"         accept it with --accept {name}@{newest.digest[:16]}"))


def _show_diff(console: Console, standing: SeenDefinition, newest: SeenDefinition) -> None:
    for line in _diff(standing, newest):
        console.print(Text(line, _COLOURS.get(line[:1], "")))


def _diff(standing: SeenDefinition, newest: SeenDefinition) -> Iterator[str]:
    before, after = _lines(standing), _lines(newest)
    return difflib.unified_diff(before, after, standing.digest[:16], newest.digest[:16], lineterm="")


def _lines(definition: SeenDefinition) -> list[str]:
    return json.dumps(json.loads(definition.canonical), indent=2, sort_keys=True).splitlines()
