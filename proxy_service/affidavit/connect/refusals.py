"""What the client is told when a message does not get through: one sentence with what to do, under a stable code.

Source: identity-and-approvals "Tokens"; RFC 6750 section 3.1; JSON-RPC 2.0 section 5.1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from affidavit.connect.address import Address
from affidavit.connect.http import Reply
from affidavit.connect.tokens.token import Token
from affidavit.errors import AffidavitError

# The gateway's own numbers for the same things (gateway/problems.py); outside of what JSON-RPC and MCP reserve.
UNAVAILABLE = -31002
OUTCOME_UNKNOWN = -31003
UNAUTHENTICATED = -31006
NOT_FOUND = -31007
FORBIDDEN = -31008

_TOO_LONG = 300  # characters of somebody else's sentence
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404

_AGAIN = "sign in again, or look at what the token source gives"
_MENDS: Mapping[str, str] = {
    "missing_token": "the gateway asks for a token, and none was sent: name a token source (affidavit connect --help)",
    "unknown_issuer": "the gateway does not accept tokens of this issuer{issuer}: connect with a token of an issuer "
    "that it knows, or have this one added to `issuers` of its configuration",
    "wrong_audience": "the token is for somebody else{audience}: say --audience with what the gateway expects",
    "expired": f"the token has expired: {_AGAIN}",
    "too_old": f"the token was issued too long ago for this gateway: {_AGAIN}",
    "not_yet_valid": "the token is not valid yet: is this machine's clock right?",
    "issued_in_the_future": "the token was issued in the future: is this machine's clock right?",
    "bad_signature": "the token's signature does not hold{issuer}: it was changed, or its issuer signs with other keys",
    "unknown_key": "the gateway does not know the key that signed the token{issuer}: has its issuer changed its keys?",
    "keys_unavailable": "the gateway cannot get the keys of the token's issuer{issuer} now: try again in a minute",
    "algorithm_not_allowed": "the token is signed in a way that the gateway never accepts{issuer}",
    "malformed_token": "the gateway takes only signed ID tokens (JWT), and this is none: name another token source",
    "missing_claim": "the token lacks a claim that the gateway needs{issuer}: ask for an ID token with more scopes",
    "revoked": "the gateway's owner has revoked this person, token or session: ask them",
    "revocation_unknown": "the gateway cannot tell now whether this token was revoked: try again in a minute",
    "forbidden_host": "the gateway is not served under the host of this address: connect to its public address",
    "unknown_upstream": "the gateway serves nothing at this address: look at the last part of it, the upstream's name",
}


class Undelivered(AffidavitError):
    """A message that got no answer.

    Attributes:
        rpc: The JSON-RPC error's code.
        data: With `code`, stable and machine-readable.
    """

    def __init__(self, sentence: str, *, rpc: int, data: Mapping[str, Any]) -> None:
        super().__init__(_capital(sentence))
        self.rpc = rpc
        self.data = data


def unreachable(address: Address, *, waited: bool, why: str) -> Undelivered:
    """Return what is said of a message that was surely not sent."""
    for_long = ", although it was tried for a while" if waited else ""
    text = f"the gateway at {address.origin} cannot be reached{for_long} ({why}); nothing was done"
    return Undelivered(text, rpc=UNAVAILABLE, data={"code": "gateway_unreachable", "retry": True})


def broken_off() -> Undelivered:
    """Return what is said of a message that was sent and whose answer is lost."""
    text = (
        "the connection to the gateway broke after the message was sent: its outcome is unknown, and it is not sent "
        "again; the gateway's record says whether it ran"
    )
    return Undelivered(text, rpc=OUTCOME_UNKNOWN, data={"code": "outcome_unknown", "retry": False})


def unreadable() -> Undelivered:
    """Return what is said of an answer that is no message."""
    text = "the gateway's answer is no message of MCP: the outcome is unknown; is this the gateway's address?"
    return Undelivered(text, rpc=OUTCOME_UNKNOWN, data={"code": "unreadable_answer", "retry": False})


def no_token(error: AffidavitError, refusal: Reply | None = None) -> Undelivered:
    """Return what is said where there is no token to send, and why the one before was refused."""
    data = {**gateway_data(refusal), "token": "none"} if refusal is not None else {"code": "no_token"}
    return Undelivered(f"there is no token for the gateway: {error}", rpc=UNAUTHENTICATED, data=data)


def refused(reply: Reply, token: Token | None) -> Undelivered:
    """Return what is said of an answer that refuses the message: the gateway's code, and what to do about it."""
    data = gateway_data(reply)
    code = str(data["code"])
    mend = _MENDS.get(code)
    if mend is not None:
        sentence = mend.format(issuer=_issuer(token), audience=_audience(token))
    else:
        sentence = _said(reply) or f"the gateway answers with status {reply.status}"
    rpc = {_UNAUTHORIZED: UNAUTHENTICATED, _FORBIDDEN: FORBIDDEN, _NOT_FOUND: NOT_FOUND}.get(reply.status, UNAVAILABLE)
    return Undelivered(f"{sentence} ({code})", rpc=rpc, data=data)


def gateway_data(reply: Reply) -> dict[str, Any]:
    """Return the data of the error that an answer holds; with a code of ours where it holds none."""
    data = _error(reply).get("data")
    said = data if isinstance(data, dict) else {}
    code = said.get("code")
    return {**said, "code": code if isinstance(code, str) and code else f"http_{reply.status}", "status": reply.status}


def _said(reply: Reply) -> str:
    message = _error(reply).get("message")
    return message[:_TOO_LONG].rstrip(".") if isinstance(message, str) else ""


def _error(reply: Reply) -> Mapping[str, Any]:
    try:
        value = json.loads(reply.body or b"")
    except (ValueError, RecursionError):
        return {}
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def _issuer(token: Token | None) -> str:
    issuer = token.unverified_issuer if token is not None else None
    return f", {issuer}" if issuer else ""


def _audience(token: Token | None) -> str:
    named = token.unverified_claims.get("aud") if token is not None else None
    texts = named if isinstance(named, list) else [named]
    listed = ", ".join(one for one in texts if isinstance(one, str))
    return f", {listed[:_TOO_LONG]}" if listed else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
