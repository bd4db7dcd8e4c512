"""`affidavit connect`: a stdio MCP server for any desktop client, which carries messages to a gateway."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from affidavit.clock import system_clock
from affidavit.connect.address import Address
from affidavit.connect.options import Options
from affidavit.connect.patience import Patience
from affidavit.connect.refusals import Undelivered
from affidavit.connect.run import opened, serve
from affidavit.connect.snippets import PLACES, snippet
from affidavit.connect.telling import Teller
from affidavit.connect.tokens.choose import Surroundings
from affidavit.connect.tokens.google import IdToken
from affidavit.connect.trial import Trial
from affidavit.errors import Misconfigured
from affidavit.wiring.cloud import load_cloud

CHECK_PATIENCE = 5.0  # seconds

_DESCRIPTION = """\
Be a stdio MCP server for a desktop client, and carry its messages to a gateway under a token that is always fresh.
First see that it works, which also signs you in; then paste what --print gives into the client:

    affidavit connect https://gateway.example.com/mcp/warehouse --check
    affidavit connect https://gateway.example.com/mcp/warehouse --print claude

Without a token option, tokens come from the first of these that is there: the job of GitHub Actions, the variable
AFFIDAVIT_ID_TOKEN of a GitLab job, the service account of this machine on Google Cloud, else a sign-in in the browser.
Tokens are replaced ahead of their end, and once more when the gateway refuses one. A gateway that is away is waited for
(60 s); a call whose connection broke is never sent twice: its client is told that the outcome is unknown.
What goes on is said on stderr. Ends with 0 when the client has ended it, 2 where an option is wrong."""


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "connect",
        help="let a desktop client use a gateway",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", metavar="URL", help="where the gateway serves an upstream: https://HOST/mcp/UPSTREAM")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--print", choices=PLACES, dest="client", help="print what to paste into a client, and end")
    instead.add_argument("--check", action="store_true", help="connect once, say who and what is there, and end")
    parser.add_argument("--name", help="with --print: what the client shall call it (default: the upstream's name)")
    _add_sources(parser)
    _add_oauth(parser)
    parser.set_defaults(run=run)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where tokens come from")
    source = group.add_mutually_exclusive_group()
    source.add_argument("--oauth", action="store_true", help="a person signs in with the server the gateway names")
    source.add_argument(
        "--google", action="store_true", help="a service account of Google: this machine's, or its key's"
    )
    source.add_argument("--github", action="store_true", help="the job of GitHub Actions that this runs in")
    source.add_argument("--gitlab-token-env", metavar="NAME", help="a variable under id_tokens of this GitLab job")
    source.add_argument("--token-command", metavar="COMMAND", help="what a command prints; run without a shell")
    source.add_argument("--token-file", type=Path, metavar="FILE", help="what a file holds; read again when it is old")
    group.add_argument("--impersonate", metavar="ACCOUNT", help="with --google: as this service account")
    group.add_argument("--audience", help="whom tokens are for (default: as the gateway's metadata says)")


def _add_oauth(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("signing in (--oauth)")
    group.add_argument("--issuer", metavar="URL", help="the authorization server, where the gateway names several")
    group.add_argument("--client-id", metavar="ID", help="a client that is registered there")
    group.add_argument("--client-secret-file", type=Path, metavar="FILE", help="for servers that want one all the same")
    group.add_argument("--client-metadata-url", metavar="URL", help="a published Client ID Metadata Document")
    group.add_argument("--scope", help="what to ask for (default: as the gateway says, else openid email)")
    group.add_argument("--callback-port", type=_port, default=0, metavar="N", help="where the browser comes back to")
    group.add_argument("--no-browser", action="store_true", help="only print the page to sign in on, on stderr")
    group.add_argument("--id-token", action="store_true", help="show the ID token, although the access token is a JWT")


def run(arguments: argparse.Namespace) -> int:
    """Carry messages until the client ends it; or print; or check, which gives 1 where the gateway does not let us."""
    address = Address.read(arguments.url)
    options = _options(arguments)
    if arguments.client is not None:
        _print_snippet(arguments, address)
        return 0
    if arguments.check:
        return asyncio.run(_check(address, options, _around()))
    incoming, outgoing = _own_streams()
    asyncio.run(serve(address, options, _around(), incoming, outgoing))
    return 0


def _options(arguments: argparse.Namespace) -> Options:
    if arguments.impersonate is not None and not arguments.google:
        raise Misconfigured("--impersonate goes with --google")
    return Options(
        source=_source(arguments),
        audience=arguments.audience,
        impersonate=arguments.impersonate,
        variable=arguments.gitlab_token_env,
        command=arguments.token_command,
        file=arguments.token_file,
        issuer=arguments.issuer,
        client_id=arguments.client_id,
        client_secret_file=arguments.client_secret_file,
        client_metadata_url=arguments.client_metadata_url,
        scope=arguments.scope,
        callback_port=arguments.callback_port,
        browser=not arguments.no_browser,
        id_token=arguments.id_token,
    )


def _source(arguments: argparse.Namespace) -> Any:
    chosen = {
        "oauth": arguments.oauth,
        "google": arguments.google,
        "github": arguments.github,
        "gitlab": arguments.gitlab_token_env is not None,
        "command": arguments.token_command is not None,
        "file": arguments.token_file is not None,
    }
    return next((name for name, is_chosen in chosen.items() if is_chosen), None)


def _around() -> Surroundings:
    environment = dict(os.environ)

    def load_google(impersonate: str | None) -> IdToken:
        opened_tokens: IdToken = load_cloud("cloud_tokens").open_id_tokens(impersonate, environment)
        return opened_tokens

    return Surroundings(
        environment=environment,
        home=Path.home(),
        load_google=load_google,
        open_browser=webbrowser.open,
        clock=system_clock,
        tell=Teller(),
    )


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return stdin and stdout for the protocol alone: a browser or a library that prints gets stderr instead."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


async def _check(address: Address, options: Options, around: Surroundings) -> int:
    async with opened(address, options, around, Patience(limit=CHECK_PATIENCE)) as gateway:
        try:
            found = await Trial(gateway).run()
        except Undelivered as error:
            _say(f"Not connected: {error}")
            return 1
        token = gateway.token
        await gateway.goodbye()
    who = f"as {token.unverified_holder} of {token.unverified_issuer or 'an unnamed issuer'}" if token else "as nobody"
    tools = ", ".join(found.tools) or "none that you may use"
    _say(f"Connected {who} to {found.server} (MCP {found.version}); tools: {tools}.")
    return 0


def _print_snippet(arguments: argparse.Namespace, address: Address) -> None:
    name = arguments.name or re.sub(r"[^A-Za-z0-9-]+", "-", address.path.rstrip("/").rpartition("/")[2]) or "gateway"
    print(f"Paste into {PLACES[arguments.client]}:", file=sys.stderr)  # noqa: T201 beside the answer
    _say(snippet(arguments.client, name, _program(), ["connect", *_repeated(sys.argv[2:])]))


def _program() -> str:
    """Return where this program is; clients do not start in anybody's shell, so its plain name would rarely do."""
    here = Path(sys.argv[0])
    found = str(here.absolute()) if here.is_file() else shutil.which(sys.argv[0])
    return found or "affidavit"


def _repeated(words: Sequence[str]) -> list[str]:
    """Return the words of this command without what only printing needs; files with their whole path."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option in ("--print", "--name"):
            if not equals:
                next(rest, None)
        elif option in ("--token-file", "--client-secret-file"):
            kept += [option, str(Path(value if equals else next(rest, "")).absolute())]
        else:
            kept.append(word)
    return kept


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:  # noqa: PLR2004 RFC 9293 section 3.1
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _say(line: str) -> None:
    print("".join(letter if letter.isprintable() or letter == "\n" else " " for letter in line))  # noqa: T201 the answer
