"""An ID token: three base64url parts, taken apart strictly, its claims held against the clock.

Keys come from the issuer's configured set only: `jku`, `x5u`, `x5c` and `jwk` in a header are passed over, and `crit`
is refused, since this understands no extension.

Source: RFC 7515, RFC 7519, RFC 8725; identity-and-approvals "Tokens".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import orjson

from affidavit.clock import SECOND, Micros
from affidavit.errors import Unauthenticated
from affidavit.identity.jwks import ALGORITHMS, IssuerKey

MAX_TOKEN = 16 * 1024  # characters; the servers before us allow about as much for all headers
MAX_SUBJECT = 255  # characters, OpenID Connect Core section 2
LEEWAY: Micros = 30 * SECOND  # identity-and-approvals "Tokens"

# gcloud's own OAuth client: everybody's `gcloud auth print-identity-token` is of it.
GCLOUD = "32555940559.apps.googleusercontent.com"

_LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second that evidence can write down
_PARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedToken:
    """A token taken apart; nobody vouches for any of it.

    Attributes:
        token_sha256: Of the token's text, hex.
        signed: The bytes that the signature is over.
    """

    token_sha256: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        """What the header asks for; one of `ALGORITHMS`."""
        return str(self.header["alg"])

    @property
    def kid(self) -> str | None:
        """Which key the header means."""
        return self.header.get("kid")

    @classmethod
    def read(cls, text: str) -> UnverifiedToken:
        """Take a token apart.

        Raises:
            Unauthenticated: It is none, or its header asks for what is never honoured.
        """
        if len(text) > MAX_TOKEN or text.count(".") != _PARTS - 1:
            raise _malformed(f"a token is three parts in at most {MAX_TOKEN} ASCII characters")
        head, body, tail = text.split(".")
        header = _read_object(_decode(head))
        _check_header(header)
        return cls(
            token_sha256=hashlib.sha256(text.encode()).hexdigest(),
            header=header,
            claims=_read_object(_decode(body)),
            signed=f"{head}.{body}".encode(),
            signature=_decode(tail),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checks below found."""

    audiences: frozenset[str]
    issued: Micros
    expires: Micros


def check_signature(token: UnverifiedToken, key: IssuerKey, issuer: str) -> None:
    """Refuse a token that the key does not verify; raises `Unauthenticated`."""
    algorithm = jwt.get_algorithm_by_name(token.algorithm)
    if not algorithm.verify(token.signed, key.public_key, token.signature):
        raise Unauthenticated("the token's signature does not hold", code="bad_signature", issuer=issuer)


def check_claims(claims: Mapping[str, Any], *, issuer: str, max_age: Micros, now: Micros) -> Checked:
    """Hold verified claims against the clock.

    Args:
        claims: Of a token whose signature holds.
        issuer: The configured issuer's name, for errors.
        max_age: How long ago `iat` may be.
        now: The clock.

    Raises:
        Unauthenticated: A claim is missing or of the wrong form, or it is not the time for this token.
    """
    for name in ("aud", "exp", "iat", "sub"):
        if name not in claims:
            raise Unauthenticated(f"the token has no claim '{name}'", code="missing_claim", issuer=issuer)
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise _malformed(f"'sub' is not a text of 1 to {MAX_SUBJECT} characters", issuer)
    expires, issued = _instant(claims, "exp", issuer), _instant(claims, "iat", issuer)
    if expires <= now - LEEWAY:
        raise Unauthenticated("the token has expired", code="expired", issuer=issuer)
    if "nbf" in claims and _instant(claims, "nbf", issuer) > now + LEEWAY:
        raise Unauthenticated("the token is not valid yet", code="not_yet_valid", issuer=issuer)
    if issued > now + LEEWAY:
        raise Unauthenticated("the token was issued in the future", code="issued_in_the_future", issuer=issuer)
    if issued < now - max_age - LEEWAY:
        raise Unauthenticated("the token was issued too long ago", code="too_old", issuer=issuer)
    audiences = _audiences(claims["aud"], issuer)
    if GCLOUD in audiences or claims.get("azp") == GCLOUD:
        raise Unauthenticated("the token is of gcloud's own client", code="shared_client", issuer=issuer)
    return Checked(audiences=audiences, issued=issued, expires=expires)


def _malformed(message: str, issuer: str = "other") -> Unauthenticated:
    return Unauthenticated(message, code="malformed_token", issuer=issuer)


def _check_header(header: Mapping[str, Any]) -> None:
    if "crit" in header:
        raise Unauthenticated("the token's header asks for an extension", code="critical_header")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Unauthenticated("the token's algorithm is not allowed", code="algorithm_not_allowed")
    if not isinstance(header.get("kid", ""), str):
        raise _malformed("'kid' is not a text")


def _decode(part: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise _malformed("a part of the token is not base64url") from error
    # The decoder passes over foreign characters and surplus bits; then one token would have many spellings and hashes.
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise _malformed("a part of the token is not canonical base64url")
    return raw


def _read_object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        orjson.dumps(value)  # refuses lone surrogates and huge integers, which evidence cannot carry
    except (ValueError, TypeError, RecursionError) as error:
        raise _malformed("a part of the token is not strict JSON") from error
    if not isinstance(value, dict):
        raise _malformed("a part of the token is not a JSON object")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _instant(claims: Mapping[str, Any], name: str, issuer: str) -> Micros:
    value = claims[name]
    # bool is an int to Python; an `exp` of true is nobody's time.
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _malformed(f"'{name}' is not a number of seconds", issuer)
    if not 0 <= value <= _LATEST:
        raise _malformed(f"'{name}' is beyond all time", issuer)
    return int(value * SECOND)


def _audiences(value: Any, issuer: str) -> frozenset[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise _malformed("'aud' is neither a text nor a list of texts", issuer)
    return frozenset(texts)
