"""Session ids as clients hold them: the upstream's own, sealed to the principal who opened it.

Whoever else presents one, or one for another upstream, has none. No store: every instance with the same key reads them.

Source: mcp "Duties" (sessions); RFC 5297 (AES-SIV), which gives the same seal for the same session.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from affidavit.errors import Refused

KEY_BYTES = 64  # AES-256-SIV
MAX_SESSION = 1024  # characters of a sealed id


class SessionSeal:
    """Seals and opens session ids."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def wrap(self, session: str, *, upstream: str, issuer: str, subject: str) -> str:
        """Return a session id for one principal, visible ASCII; the same each time."""
        sealed = self._cipher.encrypt(session.encode(), _bound_to(upstream, issuer, subject))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def unwrap(self, wrapped: str, *, upstream: str, issuer: str, subject: str) -> str:
        """Return the upstream's session id.

        Raises:
            Refused: There is no such session for this principal (`unknown_session`).
        """
        try:
            if len(wrapped) > MAX_SESSION:
                raise ValueError(wrapped)
            sealed = base64.b64decode(wrapped + "=" * (-len(wrapped) % 4), altchars=b"-_", validate=True)
            return self._cipher.decrypt(sealed, _bound_to(upstream, issuer, subject)).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise Refused("There is no such session; open a new one.", code="unknown_session") from error


def _bound_to(upstream: str, issuer: str, subject: str) -> list[bytes]:
    # AES-SIV keeps the parts apart, so no two principals can be spelled alike.
    return [b"affidavit-session/1", upstream.encode(), issuer.encode(), subject.encode()]
