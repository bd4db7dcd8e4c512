"""Opens the source of tokens that was chosen, or that fits where this runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from affidavit.clock import Clock
from affidavit.connect.address import Address
from affidavit.connect.http import Http
from affidavit.connect.options import Options
from affidavit.connect.telling import Tell
from affidavit.connect.tokens.command import TokenCommand, read_command
from affidavit.connect.tokens.detect import detect
from affidavit.connect.tokens.file import TokenFile
from affidavit.connect.tokens.github import GitHubToken
from affidavit.connect.tokens.gitlab import DEFAULT_NAME, GitLabToken
from affidavit.connect.tokens.google import GoogleToken, IdToken
from affidavit.connect.tokens.metadata import MetadataToken
from affidavit.connect.tokens.oauth.source import open_oauth
from affidavit.connect.tokens.oauth.store import folder_of
from affidavit.connect.tokens.resource import audience_of
from affidavit.connect.tokens.source import Source

LoadGoogle = Callable[[str | None], IdToken]  # by the account to impersonate

_KEY = "GOOGLE_APPLICATION_CREDENTIALS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What sources need of the outside.

    Attributes:
        environment: Of the process.
        home: The person's.
        load_google: Loads Google's libraries; raises `Misconfigured` where they are not installed.
        open_browser: Opens a page; returns whether that worked. Blocks.
        clock: Now.
        tell: Hears which source it is, and where to sign in.
    """

    environment: Mapping[str, str]
    home: Path
    load_google: LoadGoogle
    open_browser: Callable[[str], bool]
    clock: Clock
    tell: Tell


async def choose(options: Options, address: Address, http: Http, around: Surroundings) -> Source:
    """Return the source, and say which it is where nobody has chosen.

    Raises:
        Misconfigured: It cannot be opened.
    """
    kind = options.source
    if kind is None:
        kind = await detect(around.environment, http)
    source = _open(kind, options, address, http, around)
    if options.source is None:
        around.tell(f"tokens come from {source.name} (choose with an option; see affidavit connect --help)")
    return source


def _open(kind: str, options: Options, address: Address, http: Http, around: Surroundings) -> Source:
    audience = audience_of(http, address, options.audience)
    if kind == "command":
        return TokenCommand(read_command(options.command or ""), around.clock)
    if kind == "file":
        return TokenFile(options.file or Path(), around.clock)
    if kind == "github":
        return GitHubToken(around.environment, audience, http, around.clock)
    if kind == "gitlab":
        return GitLabToken(options.variable or DEFAULT_NAME, around.environment, around.clock)
    if kind == "oauth":
        folder = folder_of(around.environment, around.home)
        return open_oauth(
            options,
            address,
            http,
            folder=folder,
            open_browser=around.open_browser,
            clock=around.clock,
            tell=around.tell,
        )
    if options.impersonate is None and not around.environment.get(_KEY):
        return MetadataToken(around.environment, audience, http, around.clock)
    return GoogleToken(around.load_google(options.impersonate), audience, around.clock)
