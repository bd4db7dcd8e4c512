"""`make emulators`: a whole deployment on emulators, 1,000 calls, everything that may go wrong, and the proof.

python -m cloud [--stay]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from cloud.deployment import deployed
from cloud.processes import Broken
from cloud.story import Ending, play


def main() -> int:
    """Play; return 0 only if everything was as it has to be."""
    arguments = _parser().parse_args()
    console = Console(highlight=False, soft_wrap=True)
    begun = time.monotonic()

    def say(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - begun:6.1f} s[/]  {what}")

    try:
        with tempfile.TemporaryDirectory(prefix="affidavit-cloud-") as folder:
            say("starting Pub/Sub, Firestore, Storage, KMS, Secret Manager, three functions, an upstream, a gateway")
            with deployed(Path(folder)) as deployment:
                say(f"the gateway serves at {deployment.url}")
                if arguments.stay:
                    _stay(console, deployment.token())
                    return 0
                ending = play(deployment, say=say)
    except Broken as error:
        console.print(f"[red]{error}[/]")
        return 1
    except KeyboardInterrupt:
        return 130
    return _tell(console, ending)


def _tell(console: Console, ending: Ending) -> int:
    status, report = ending.verify
    facts = {
        f"{ending.load.ended} calls, {ending.at_the_upstream} requests at the upstream, "
        f"{ending.recorded.answered} in the records": (
            ending.load.ended == ending.at_the_upstream == ending.recorded.answered
        ),
        f"affidavit verify: {report['head']['size']:,} records, exit status {status}": status == 0,
        f"the gateway ended with status {ending.exit_status}": ending.exit_status == 0,
        f"{len(ending.quarantined)} objects in quarantine": not ending.quarantined,
        f"strange answers: {ending.load.strange[:3]}": not ending.load.strange,
    }
    for fact, holds in facts.items():
        console.print(f"[green]ok[/]    {fact}" if holds else f"[red]FAIL[/]  {fact}")
    return 0 if all(facts.values()) else 1


def _stay(console: Console, token: str) -> None:
    console.print(f"Your token: {token}\nCtrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make emulators", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stay", action="store_true", help="leave it running until Ctrl-C, without the story")
    return parser


if __name__ == "__main__":
    sys.exit(main())
