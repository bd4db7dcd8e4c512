"""Which directory a bearer secret is of.

Every secret is compared with every one that is known, in constant time, so that an answer's time says nothing. Never
prints one.

Source: RFC 6750; RFC 7644 section 2.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from affidavit.errors import Misconfigured, Unauthenticated

SHORTEST = 16  # characters; a secret that can be guessed lets anybody say who is a person
MOST = 2  # at once, while one is replaced


def read_secrets(name: str, value: bytes) -> tuple[bytes, ...]:
    """Return the one or two secrets that a value holds, one a line.

    Raises:
        Misconfigured: There are none or too many, or one is too short.
    """
    lines = tuple(line.strip() for line in value.splitlines() if line.strip())
    if not 1 <= len(lines) <= MOST or any(len(line) < SHORTEST or not line.isascii() for line in lines):
        raise Misconfigured(
            f"directory {name}: its secret must be one line of at least {SHORTEST} ASCII characters, or two while it "
            "is replaced"
        )
    return lines


class DirectorySecrets:
    """The secrets of all directories that push.

    Args:
        secrets: Of each, by its name.
    """

    def __init__(self, secrets: Mapping[str, tuple[bytes, ...]]) -> None:
        self._secrets = dict(secrets)

    def replace(self, name: str, secrets: tuple[bytes, ...]) -> None:
        """Know other ones of a directory from now on."""
        self._secrets[name] = secrets

    def whose(self, unverified: str | None) -> str:
        """Return which directory has shown its secret.

        Raises:
            Unauthenticated: None has; the issuer is the one directory there is, or `other`.
        """
        issuer = next(iter(self._secrets)) if len(self._secrets) == 1 else "other"
        if not unverified:
            raise Unauthenticated("The directory's secret is required.", code="missing_token", issuer=issuer)
        shown = unverified.encode("utf-8", "surrogatepass")
        found = None
        for name, secrets in self._secrets.items():
            for secret in secrets:
                if hmac.compare_digest(secret, shown):
                    found = name
        if found is None:
            raise Unauthenticated("That is no directory's secret.", code="wrong_secret", issuer=issuer)
        return found
