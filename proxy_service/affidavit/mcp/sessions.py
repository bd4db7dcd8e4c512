"""Session ids as clients hold them: the upstream's own, sealed to the principal who opened it.

Whoever else presents one, or one for another upstream, has none. No store: every instance with the same key reads them.

Source: mcp "Duties" (sessions); RFC 5297 (AES-SIV), which gives the same seal for the same session. Never does I/O.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from affidavit.errors import Refused

KEY_BYTES = 64  # AES-256-SIV


class SessionSeal:
    """Seals and opens session ids.

    Args:
        key: 64 random bytes, the same in every instance.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def wrap(self, session: str, *, upstream: str, issuer: str, subject: str) -> str:
        """Return a session id for one principal: characters of base64url; the same each time."""
        sealed = self._cipher.encrypt(_bytes(session) + _END, _bound_to(upstream, issuer, subject))
        return _spell(sealed)

    def unwrap(self, wrapped: str, *, upstream: str, issuer: str, subject: str) -> str:
        """Return the upstream's session id.

        Raises:
            Refused: There is no such session for this principal (`unknown_session`).
        """
        try:
            opened = self._cipher.decrypt(_read(wrapped), _bound_to(upstream, issuer, subject))
        except (InvalidTag, ValueError) as error:
            raise Refused("There is no such session; open a new one.", code="unknown_session") from error
        return opened[:-1].decode("utf-8", "surrogatepass")


_END = b"\n"  # AES-SIV takes no empty text; no header holds a line end, so it is nobody's


def _spell(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _read(wrapped: str) -> bytes:
    try:
        sealed = base64.b64decode(wrapped + "=" * (-len(wrapped) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if _spell(sealed) != wrapped:
        raise ValueError("another spelling of the same bytes")
    return sealed


def _bound_to(upstream: str, issuer: str, subject: str) -> list[bytes]:
    # AES-SIV keeps the parts apart, so no two principals can be spelled alike.
    return [b"affidavit-session/1", _bytes(upstream), _bytes(issuer), _bytes(subject)]


def _bytes(text: str) -> bytes:
    # Claims may hold lone surrogates, which JSON allows and UTF-8 does not.
    return text.encode("utf-8", "surrogatepass")
