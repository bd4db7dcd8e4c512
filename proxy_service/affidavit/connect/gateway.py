"""The gateway as the client's side sees it: one message carried there, under a token that is accepted, and once.

What was surely not sent is sent again for a while; what may have been done is not, unless doing it twice does no harm.
A refusal that something can be done about (another token, another session, a moment's rest) is dealt with here, and the
message is sent once more, because the gateway refuses before it forwards.

Source: MCP 2025-11-25 "Session Management"; RFC 6750 section 3.1; RFC 9110 section 15.6.4.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from affidavit.connect import refusals
from affidavit.connect.address import Address
from affidavit.connect.challenge import read_challenge
from affidavit.connect.http import EVENT_STREAM, Http, Reply, Untrusted
from affidavit.connect.outgoing import CALL_TOOL, INITIALIZED, Outgoing
from affidavit.connect.patience import Attempts, Patience, asked_for
from affidavit.connect.session import Session
from affidavit.connect.telling import Tell
from affidavit.connect.tokens.fresh import FreshToken
from affidavit.connect.tokens.token import Token
from affidavit.connect.tool_headers import ToolHeaders
from affidavit.errors import Misconfigured, OutcomeUnknown, Unavailable

GOODBYE_TIMEOUT = 2.0  # seconds

# With these the gateway itself says that nothing was done. Any other 503 may be of whoever stands before it, who knows
# only that no answer came.
_NOTHING_DONE = frozenset({"unavailable", "overloaded", "no_upstream_credential"})
_BAD, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _MANY, _AWAY = 400, 401, 403, 404, 429, 503
_HEADER_MISMATCH = b"-32020"

Reopen = Callable[[int], Awaitable[None]]  # by the number of the session that was lost
Relist = Callable[[Outgoing], Awaitable[None]]


@dataclass(slots=True)
class _Way:
    """One message's attempts, and which remedies it has had: each of them once."""

    attempts: Attempts
    had: set[str] = field(default_factory=set)

    def first(self, remedy: str) -> bool:
        fresh = remedy not in self.had
        self.had.add(remedy)
        return fresh


class Gateway:
    """Carries messages.

    Args:
        address: Where.
        http: Connections.
        tokens: The token in use.
        session: The legacy session, which every request of it names.
        tools: What calls mirror into headers.
        patience: How long to try.
        tell: Hears when the gateway is away, and when it is back.
    """

    def __init__(
        self,
        address: Address,
        http: Http,
        tokens: FreshToken,
        *,
        session: Session,
        tools: ToolHeaders,
        patience: Patience,
        tell: Tell,
    ) -> None:
        self.address = address
        self.session = session
        self.tools = tools
        self._http = http
        self._tokens = tokens
        self._patience = patience
        self._tell = tell
        self._away = False
        self.reopen: Reopen | None = None
        self.relist: Relist | None = None

    @property
    def token(self) -> Token | None:
        """The token that was used last."""
        return self._tokens.last

    async def post(self, outgoing: Outgoing) -> Reply:
        """Carry a message there; return an answer that is no refusal which anything could be done about.

        Raises:
            Undelivered: There is none, and why.
        """
        way = _Way(self._patience.begin())
        while True:
            token = await self._token(way)
            session = self.session.opened if self.session.holds(outgoing) else None
            headers = {**outgoing.headers(), **self.session.headers(outgoing), **self.tools.of(outgoing)}
            reply = await self._attempt("POST", headers, outgoing.raw, token, way, safe=outgoing.is_safe)
            if reply is not None and not await self._remedied(reply, token, way, outgoing, session):
                return reply

    async def listen(self, last_event: str | None, *, resumes: bool = False) -> Reply:
        """Ask for the stream of the legacy session, after the last event that came of one.

        Args:
            last_event: Its id.
            resumes: Whether an answer is waited for, which another session would not bring.

        Raises:
            Undelivered: There is no answer.
        """
        way = _Way(self._patience.begin())
        begun = self.session.opened
        while True:
            token = await self._token(way)
            session = self.session.opened
            if session != begun:  # an upstream may give two sessions one id
                if resumes:
                    raise refusals.broken_off()
                last_event = None  # event ids are a session's own
            headers = {"Accept": EVENT_STREAM, **self.session.headers()}
            if last_event is not None:
                headers["Last-Event-ID"] = last_event
            reply = await self._attempt("GET", headers, b"", token, way, safe=True)
            if reply is not None and not await self._remedied(reply, token, way, None, session):
                return reply

    async def goodbye(self) -> None:
        """End the legacy session, if there is one and the gateway is there; nothing depends on it."""
        token = self._tokens.last
        if self.session.id is None or token is None:
            return
        headers = {**self.session.headers(), **_bearer(token)}
        self.session.close()
        try:
            await self._http.send("DELETE", self.address.url, headers, timeout=GOODBYE_TIMEOUT)
        except (Unavailable, OutcomeUnknown):
            return

    def refusal(self, reply: Reply) -> refusals.Undelivered:
        """Return what is said of a reply that refuses."""
        return refusals.refused(reply, self._tokens.last)

    async def _token(self, way: _Way) -> Token | None:
        while True:
            try:
                return await self._tokens.current()
            except Unavailable as error:
                self._tell(f"waiting for a token: {error}")
                if not await way.attempts.again():
                    raise refusals.no_token(error) from error
            except Misconfigured as error:
                raise refusals.no_token(error) from error

    async def _attempt(
        self, method: str, headers: Mapping[str, str], body: bytes, token: Token | None, way: _Way, *, safe: bool
    ) -> Reply | None:
        sent = {**headers, **_bearer(token)}
        try:
            reply = await self._http.send(method, self.address.url, sent, body)
        except Untrusted as error:
            raise refusals.unreachable(self.address, waited=False, why=str(error)) from error
        except Unavailable as error:
            await self._wait(way, refusals.unreachable(self.address, waited=True, why=str(error)))
            return None
        except OutcomeUnknown as error:
            if not safe:
                raise refusals.broken_off() from error
            await self._wait(way, refusals.broken_off())
            return None
        if self._away:
            self._away = False
            self._tell("the gateway is back")
        return reply

    async def _wait(self, way: _Way, otherwise: refusals.Undelivered) -> None:
        if not self._away:
            self._away = True
            self._tell(f"the gateway at {self.address.origin} is away; trying again")
        if not await way.attempts.again():
            raise otherwise

    async def _remedied(
        self, reply: Reply, token: Token | None, way: _Way, outgoing: Outgoing | None, session: int | None
    ) -> bool:
        """Do what can be done about a refusal; return whether the message shall be sent again."""
        if reply.status == _UNAUTHORIZED:
            return await self._with_another_token(reply, token, way)
        if reply.status == _FORBIDDEN:
            return await self._with_more_scope(reply, token, way)
        if reply.status == _NOT_FOUND and session is not None and self.reopen is not None:
            return await self._in_another_session(reply, way, outgoing, session)
        if reply.status in (_AWAY, _MANY):
            return await self._after_a_rest(reply, way, outgoing)
        if (
            reply.status == _BAD
            and outgoing is not None
            and self.relist is not None
            and _HEADER_MISMATCH in (reply.body or b"")
        ):
            return await self._with_other_headers(outgoing, way)
        return False

    async def _with_another_token(self, reply: Reply, token: Token | None, way: _Way) -> bool:
        challenge = read_challenge(reply.headers)
        # Whoever sent none has had none refused yet.
        if challenge is None or not way.first("token" if token is not None else "first token"):
            return False
        return await self._replace(reply, token, way)

    async def _with_more_scope(self, reply: Reply, token: Token | None, way: _Way) -> bool:
        challenge = read_challenge(reply.headers)
        wants_more = challenge is not None and challenge.error == "insufficient_scope"
        if not (wants_more and self._tokens.source.steps_up and way.first("scope")):
            return False
        return await self._replace(reply, token, way)

    async def _replace(self, reply: Reply, token: Token | None, way: _Way) -> bool:
        while True:
            try:
                other = await self._tokens.replace(token, read_challenge(reply.headers))
            except Unavailable as error:
                self._tell(f"waiting for a token: {error}")
                if not await way.attempts.again():
                    raise refusals.no_token(error, reply) from error
            except Misconfigured as error:
                raise refusals.no_token(error, reply) from error
            else:
                return token is None or other.text != token.text

    async def _in_another_session(self, reply: Reply, way: _Way, outgoing: Outgoing | None, session: int) -> bool:
        if refusals.gateway_data(reply)["code"] == "unknown_upstream" or not way.first("session"):
            return False
        if outgoing is not None and (outgoing.message.kind == "response" or outgoing.message.method == INITIALIZED):
            return False  # what it answers, or begins, went with the session
        assert self.reopen is not None  # noqa: S101 the caller looked
        await self.reopen(session)
        return True

    async def _after_a_rest(self, reply: Reply, way: _Way, outgoing: Outgoing | None) -> bool:
        code = refusals.gateway_data(reply)["code"]
        harmless = outgoing is None or outgoing.is_safe or code in _NOTHING_DONE
        if not harmless or (reply.status == _MANY and not str(code).startswith("http_")):
            return False
        self._tell("the gateway asks to wait a moment")
        return await way.attempts.again(asked_for(reply.headers.get("retry-after")))

    async def _with_other_headers(self, outgoing: Outgoing, way: _Way) -> bool:
        if outgoing.version is None or outgoing.message.method != CALL_TOOL or not way.first("headers"):
            return False
        before = self.tools.of(outgoing)
        assert self.relist is not None  # noqa: S101 the caller looked
        await self.relist(outgoing)
        return self.tools.of(outgoing) != before


def _bearer(token: Token | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token.text}"}
