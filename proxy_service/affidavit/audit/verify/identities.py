"""Proofs of who called: is each token what was verified, and does a key that was on record then verify it?

Follows each chain from its beginning, since a token's claims and its issuer's keys were said before it expired. Of a
chain whose beginning was not read, nothing is judged.

Source: evidence-format section 5, `issuer:keys`, `identity:verified`, `identity:proof`; RFC 7515.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from affidavit.audit.verify.facts import WHOLE, SegmentFacts
from affidavit.audit.verify.report import RawFinding
from affidavit.clock import SECOND, Micros
from affidavit.errors import Malformed, Unauthenticated
from affidavit.evidence.names import ChainObject
from affidavit.identity.id_token import UnverifiedToken, check_signature
from affidavit.identity.jwks import KeySet

HASH = 32  # bytes
KEYS, VERIFIED, PROOF = "keys", "verified", "proof"

Said = tuple[str, int, str, Micros, bytes | None]  # what, offset, issuer or token_sha256, time, the body


@dataclass(slots=True)
class _Chain:
    keys: list[tuple[str, KeySet]] = field(default_factory=list)  # with whose they are
    seen: int = 0  # the next sequence number
    whole: bool = True  # nothing that was said is missing here
    verified: dict[str, bytes | None] = field(default_factory=dict)


class Identities:
    """What chains said of credentials, as far as proofs are held against it.

    Attributes:
        checked: Proofs that hold or do not.
        unchecked: Those that could not be judged: bodies are gone, or the chain's beginning was not read.
    """

    def __init__(self) -> None:
        self._chains: dict[str, _Chain] = {}
        self.checked = 0
        self.unchecked = 0

    def take(self, name: ChainObject, object_: str, facts: SegmentFacts) -> Iterator[RawFinding]:
        """Take a segment in the order of its chain; yield what is wrong."""
        if facts.state != WHOLE:
            return  # what is missing shows in the next sequence number
        if name.first_seq == 0:
            self._chains[name.writer] = _Chain()
        chain = self._chains.get(name.writer)
        if chain is not None:
            chain.whole = chain.whole and name.first_seq == chain.seen
            chain.seen = name.first_seq + len(facts.leaves) // HASH
        for what, offset, about, time, body in facts.identities:
            if what == PROOF:
                wrong = self._prove(chain, about, time, body)
                if wrong is not None:
                    yield "identities", object_, f"{name.writer}/{name.first_seq + offset}", *wrong
            elif chain is not None and what == KEYS:
                _add_keys(chain, about, body)
            elif chain is not None:
                chain.verified[about] = None if body is None else _digest(body)
        if facts.closed:
            self._chains.pop(name.writer, None)

    def _prove(
        self, chain: _Chain | None, token_sha256: str, time: Micros, token: bytes | None
    ) -> tuple[str, str] | None:
        """Return what was expected of a proof and what was found instead; None where nothing is wrong with it."""
        if token is not None and hashlib.sha256(token).hexdigest() != token_sha256:
            self.checked += 1
            return "the token of this hash", "another one"
        if chain is None or token is None or chain.verified.get(token_sha256, b"") is None:
            self.unchecked += 1
            return None
        wrong = _wrong(chain, token_sha256, time, token)
        if wrong is not None and wrong[1].startswith("none") and not chain.whole:
            self.unchecked += 1  # it may have been said in what is missing
            return None
        self.checked += 1
        chain.verified.pop(token_sha256, None)
        return wrong


def _add_keys(chain: _Chain, issuer: str, body: bytes | None) -> None:
    if body is None:
        chain.whole = False
    else:
        try:
            chain.keys.append((issuer, KeySet.parse(body)))
        except Malformed:
            return  # then no token verifies by it


def _wrong(chain: _Chain, token_sha256: str, time: Micros, text: bytes) -> tuple[str, str] | None:
    try:
        token = UnverifiedToken.read(text.decode("ascii", "replace"))
    except Unauthenticated as error:
        return "a token", str(error)
    if token_sha256 not in chain.verified:
        return "an identity:verified of this token before", "none"
    if _canonical(token.header, token.claims) != chain.verified[token_sha256]:
        return "the header and claims that were verified", "others"
    expires = token.claims.get("exp")
    if not isinstance(expires, int | float) or time < expires * SECOND:
        return "a token that has expired", f"one that holds until {expires}"
    if not any(issuer == token.claims.get("iss") and _verifies(keys, token) for issuer, keys in chain.keys):
        return "a signature by a key that issuer:keys recorded before", "none that verifies"
    return None


def _verifies(keys: KeySet, token: UnverifiedToken) -> bool:
    key = keys.find(token.kid, token.algorithm)
    if key is None:
        return False
    try:
        check_signature(token, key, "other")
    except Unauthenticated:
        return False
    return True


def _digest(body: bytes) -> bytes:
    try:
        value = orjson.loads(body)
        return _canonical(value["header"], value["claims"])
    except (ValueError, TypeError, KeyError):
        return b"unreadable"


def _canonical(header: Mapping[str, Any], claims: Mapping[str, Any]) -> bytes:
    text = orjson.dumps([dict(header), dict(claims)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).digest()


def pick(said: Sequence[tuple[str, int, str, Micros, str]], kept: Mapping[str, bytes]) -> list[Said]:
    """Return what was said with its bodies in the place of their hashes; None for those that are gone."""
    return [(what, offset, about, time, kept.get(body)) for what, offset, about, time, body in said]
