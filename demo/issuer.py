"""A token issuer in one process: an Ed25519 key, its key set in a file, tokens as CI systems and clouds give them."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm


class Issuer:
    """Whoever holds the key behind `jwks_file`.

    Args:
        url: What its tokens have as `iss`.
        jwks_file: Where its key set is written.
    """

    def __init__(self, url: str, jwks_file: Path) -> None:
        self.url = url
        self._key = Ed25519PrivateKey.generate()
        public = OKPAlgorithm().to_jwk(self._key.public_key(), as_dict=True)
        key_set = {"keys": [{**public, "kid": "1", "alg": "EdDSA", "use": "sig"}]}
        jwks_file.write_text(json.dumps(key_set, indent=2) + "\n")

    def token(self, audience: str, *, lasts: int, **claims: Any) -> str:
        """Mint a token; `lasts` is in seconds."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": audience, "iat": now, "exp": now + lasts, "jti": secrets.token_hex(8)}
        return jwt.encode({**usual, **claims}, self._key, algorithm="EdDSA", headers={"kid": "1"})
