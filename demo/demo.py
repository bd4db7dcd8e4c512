"""`make demo`: one evening of a small warehouse, audited from the first call to the proof, and one flipped byte.

Exits with 0 only if everything that it claims was so.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import house as house_of
import httpx2
import scenes
from house import Broken, House
from mcp.shared.exceptions import MCPError
from rich.text import Text
from stage import Stage, new_console

from affidavit.audit.timeline.entries import Entry
from affidavit.audit.timeline.reader import Reader
from affidavit.cli.folder import open_buckets
from affidavit.cli.rendering.entries import EntryPrinter
from affidavit.cli.rendering.page import Page
from affidavit.cli.tail import follow
from affidavit.clock import system_clock

KEPT = Path(__file__).parents[1] / "demo-data"
YOUR_TOKEN_S = 30 * 24 * 3600


def main() -> int:
    """Play; return the exit status."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stage = Stage(new_console(recorded=arguments.svg is not None))
    begun = time.monotonic()
    try:
        with _folder(arguments.keep) as folder, _house(stage, folder, keep=arguments.keep is not None) as house:
            _play(stage, house)
            if arguments.keep is not None and not stage.broken:
                you = {"sub": "you", "email": "you@example.com", "email_verified": True}
                _invite(stage, house.url, house.laptop.token(house.url, lasts=YOUR_TOKEN_S, **you))
                _stay(stage, house)
        if arguments.keep is None:
            stage.say(f"{time.monotonic() - begun:.0f} s in all.", "dim")
            with stage.left_out_of_the_picture():
                _invite(stage, f"http://127.0.0.1:{house_of.USUAL_PORT}/mcp/warehouse", None)
    except (Broken, MCPError, httpx2.HTTPError) as error:
        stage.claim(f"{type(error).__name__}: {error}", holds=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has enough
        return 141
    except KeyboardInterrupt:
        stage.say("Interrupted.", "dim")
        return 130
    if arguments.svg is not None:
        stage.write_picture(arguments.svg)
    return 1 if stage.broken else 0


def _play(stage: Stage, house: House) -> None:
    changed = asyncio.run(scenes.a_job_with_a_sponsor(stage, house))
    with stage.left_out_of_the_picture():
        asyncio.run(scenes.a_job_without(stage, house))
    last = asyncio.run(scenes.an_outage(stage, house))
    scenes.the_timeline(stage, house, last)
    scenes.the_proof(stage, house)
    scenes.the_flip(stage, house, changed)
    if stage.broken:
        stage.console.print()
        stage.say(f"{len(stage.broken)} things were not as claimed.", "bold red")


def _invite(stage: Stage, url: str, token: str | None) -> None:
    """Print what to paste into an MCP client."""
    explained = (
        "`make demo KEEP=1` leaves the gateway running, and says what stands for TOKEN."
        if token is None
        else "The gateway takes calls as long as this runs; the token is good for 30 days."
    )
    stage.scene("Your own MCP client", explained)
    bearer = f"Bearer {token or 'TOKEN'}"
    server = {"type": "http", "url": url, "headers": {"Authorization": bearer}}
    stage.say("Claude Code:", mark="· ")
    stage.paste(f'claude mcp add --transport http warehouse {url} --header "Authorization: {bearer}"')
    stage.say('Cursor and most others (VS Code: .vscode/mcp.json, with "servers" for "mcpServers"):', mark="· ")
    stage.paste(json.dumps({"mcpServers": {"warehouse": server}}, indent=2))


def _stay(stage: Stage, house: House) -> None:
    """Show what is done until Ctrl-C."""
    stage.console.print()
    stage.say(f"What you do appears here. Ctrl-C ends it; the evidence stays in {house.data}.", "dim")
    printer = EntryPrinter(Page(stage.console), lambda record: f"affidavit show {house.data} {record}")

    def show(entries: Iterable[Entry]) -> None:
        for entry in entries:
            printer.print(entry)

    def sleep(seconds: float) -> None:
        house.gateway.check()
        house.warehouse.check()
        time.sleep(seconds)

    with contextlib.suppress(KeyboardInterrupt):
        follow(Reader(open_buckets(house.data)), show, system_clock, sleep, last=0, keep=None)


@contextlib.contextmanager
def _house(stage: Stage, folder: Path, *, keep: bool) -> Iterator[House]:
    stage.console.print(Text("Affidavit: an MCP gateway whose audit trail holds up as evidence", "bold"))
    stage.console.print()
    with contextlib.ExitStack() as open_house:
        with stage.step("Starting a warehouse, a real MCP server on SQLite") as more:
            stock = open_house.enter_context(house_of.warehouse(folder))
            more.append(f"at {stock[1]}/mcp")
        with stage.step("Starting token issuers, the gateway and its worker") as more:
            port = house_of.free_port(usual=keep)
            house = open_house.enter_context(house_of.gateway(folder, stock, port))
            house.wait_until_ready()
            more.append(f"at {house.url}")
        yield house
        with stage.step("Stopping the gateway, which commits its last words"):
            status = house_of.stop(house.gateway)
        if status != 0:
            stage.claim(f"The gateway ended with status {status}", holds=False)


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        kept = Path(os.path.relpath(keep))
        house_of.refuse_if_used(kept / "data")
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="affidavit-demo-") as folder:
        yield Path(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--keep", nargs="?", type=Path, const=KEPT, metavar="DIR", help="leave the gateway running until Ctrl-C"
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="also write a picture of the terminal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
