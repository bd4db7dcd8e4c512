"""What a person chooses: where tokens come from, and how they sign in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Chosen = Literal["oauth", "google", "github", "gitlab", "command", "file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The choice; what nobody said is None.

    Attributes:
        source: None: what fits where this runs.
        audience: What tokens are for; else the gateway's metadata says it.
        impersonate: With `google`: the service account.
        variable: With `gitlab`: the name under `id_tokens`.
        command: With `command`: a command line.
        file: With `file`: where the token is.
        issuer: With `oauth`, as all below: the authorization server.
        client_id: Registered there beforehand.
        client_secret_file: For servers that want one of native clients, too.
        client_metadata_url: A published Client ID Metadata Document.
        scope: Instead of what the gateway asks for.
        callback_port: Where the browser comes back to; else any that is free.
        browser: Whether to open one.
        id_token: Whether the gateway gets the ID token, whatever the access token looks like.
    """

    source: Chosen | None = None
    audience: str | None = None
    impersonate: str | None = None
    variable: str | None = None
    command: str | None = None
    file: Path | None = None
    issuer: str | None = None
    client_id: str | None = None
    client_secret_file: Path | None = None
    client_metadata_url: str | None = None
    scope: str | None = None
    callback_port: int = 0
    browser: bool = True
    id_token: bool = False
