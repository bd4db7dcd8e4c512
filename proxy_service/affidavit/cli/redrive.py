"""`affidavit redrive`: what was delivered in vain is published once more, and `write_evidence` takes it from there.

Source: google-cloud "Pub/Sub" (dead letters); architecture "Failures" (nothing is lost).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console

from affidavit.cli.rendering.recorded import harmless
from affidavit.errors import AffidavitError
from affidavit.wiring.cloud import load_cloud

_EPILOG = """\
It ends when no more came for a while. Whatever goes wrong, a message stays where it is until it is published again; one
that is published twice is stored once. What write_evidence cannot take comes back here after its attempts, and what is
no evidence at all goes to the quarantine.

Needed: roles/pubsub.subscriber on the subscription; roles/pubsub.publisher and roles/pubsub.viewer on the topic, since
what is published where nothing is subscribed is lost, and that is looked at first.

example
  affidavit redrive --subscription projects/P/subscriptions/acme-evidence-dead --topic projects/P/topics/acme-evidence
"""
_RESOURCES = {"subscription": "projects/P/subscriptions/S", "topic": "projects/P/topics/T"}


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "redrive",
        help="publish dead letters again",
        description="Take what was delivered in vain out of a dead-letter subscription and publish it again.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--subscription", required=True, type=_resource("subscription"), help="the dead letters' subscription"
    )
    parser.add_argument("--topic", required=True, type=_resource("topic"), help="the topic that they came from")
    parser.add_argument("--dry-run", action="store_true", help="list what is there, and leave it there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Redrive or list; return 0."""
    wiring = load_cloud("redrive")
    letters = wiring.open_dead_letters(os.environ, subscription=arguments.subscription, topic=arguments.topic)
    told = letters.look() if arguments.dry_run else letters.redrive()
    if arguments.json:
        _print_json(told, done="found" if arguments.dry_run else "redriven")
    else:
        _show(told, done="found" if arguments.dry_run else "published again")
    return 0


def _print_json(told: Iterator[Any], *, done: str) -> None:
    """Print what was done, also when it could not be done to the end."""
    letters: list[dict[str, Any]] = []
    try:
        letters.extend(map(asdict, told))
    finally:
        sys.stdout.write(json.dumps({done: len(letters), "messages": letters}) + "\n")


def _show(told: Iterable[Any], *, done: str) -> None:
    out, errors = Console(soft_wrap=True, highlight=False), Console(stderr=True, highlight=False)
    count = 0
    try:
        with errors.status("waiting for messages") as status:
            for letter in told:
                count += 1
                out.print(harmless(f"{letter.bucket or '?'}/{letter.name or '?'}  {_facts(letter)}"))
                status.update(f"{count} {done}")
    except AffidavitError:
        errors.print(f"{count} {done} before it failed; the others are still there")
        raise
    out.print(f"{count} {done}")


def _facts(letter: Any) -> str:
    attempts = "" if letter.attempts is None else f", {letter.attempts} attempts"
    return f"({letter.size:,} bytes{attempts}, message {letter.id})"


def _resource(kind: str) -> Any:
    form = re.compile(rf"projects/[^/\s]+/{kind}s/[^/\s]+", re.ASCII)

    def read(text: str) -> str:
        if not form.fullmatch(text):
            raise argparse.ArgumentTypeError(f"must be of the form {_RESOURCES[kind]}")
        return text

    return read
