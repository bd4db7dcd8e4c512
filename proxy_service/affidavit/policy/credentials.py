"""The credential that the gateway shows an upstream, as the configuration says it: where it comes from.

Holds names and paths, never a value.

Source: architecture "Configuration" (`upstreams[].credential`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from affidavit.errors import Unusable

_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", re.ASCII)  # RFC 9110 section 5.5, without obs-text


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeader:
    """A header whose value is a mounted file's."""

    name: str
    file: Path
    prefix: str

    def value(self, mounted: bytes) -> str:
        """Return the header's value from the file's bytes; raises `Unusable`."""
        return header_value(self.prefix, mounted, str(self.file))


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretHeader:
    """A header whose value is a secret's of Secret Manager.

    Attributes:
        secret: `secret:NAME`, `secret:NAME@VERSION` or a version's resource name.
    """

    name: str
    secret: str
    prefix: str

    def value(self, secret: bytes) -> str:
        """Return the header's value from the secret's bytes; raises `Unusable`."""
        return header_value(self.prefix, secret, self.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleIdToken:
    """A Google ID token in `Authorization`.

    Attributes:
        impersonate: The service account that it is of; None for the one that the gateway runs as.
    """

    audience: str
    impersonate: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleAccessToken:
    """A Google access token in `Authorization`; `impersonate` as of `GoogleIdToken`."""

    scopes: tuple[str, ...]
    impersonate: str | None


CredentialEntry = FileHeader | SecretHeader | GoogleIdToken | GoogleAccessToken


def header_value(prefix: str, secret: bytes, origin: str) -> str:
    """Return a header's value from a secret's bytes; one line end after them is no part of it.

    Raises:
        Unusable: It could not stand in a header. The message names the origin and never shows the value.
    """
    text = prefix + secret.decode("latin-1").removesuffix("\n").removesuffix("\r")
    if not secret.strip() or not _HEADER_VALUE.fullmatch(text):
        raise Unusable(f"{origin}: not one line of printable ASCII that can stand in a header")
    return text
