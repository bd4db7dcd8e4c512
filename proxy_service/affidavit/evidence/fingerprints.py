"""HMAC values: they prove "the same value" to whoever holds the key, and nothing to anybody else.

Keys for tokens, values, arguments and sessions are derived apart from one deployment secret.

Source: evidence-format section 1; RFC 5869.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES = 32
_KEY_ID_BYTES = 4


def derive(secret: bytes, purpose: str, length: int = SECRET_BYTES) -> bytes:
    """Return the key for one purpose."""
    return HKDF(SHA256(), length, salt=None, info=f"affidavit/1 {purpose}".encode()).derive(secret)


class Fingerprint:
    """The HMAC of one purpose: `<key id>:<64 hex>`."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._keyed = HMAC(derive(secret, purpose), SHA256())
        # The id names the deployment's secret, so that a reader knows which key to ask for after a rotation.
        self._prefix = derive(secret, "key id", _KEY_ID_BYTES).hex() + ":"

    def of(self, data: bytes) -> str:
        """Return the fingerprint of bytes."""
        keyed = self._keyed.copy()  # the key is taken in once
        keyed.update(data)
        return self._prefix + keyed.finalize().hex()


class Fingerprints:
    """All fingerprints that records carry, from one deployment secret.

    Args:
        secret: At least 32 random bytes; whoever holds them can test guesses of what was said.
    """

    def __init__(self, secret: bytes) -> None:
        self.values = Fingerprint(secret, "values")
        self.arguments = Fingerprint(secret, "arguments")
        self.sessions = Fingerprint(secret, "sessions")
