"""Reading a request: from verified principal and raw bytes to what is asked, and what goes on to the upstream.

The exact bytes that were read are the bytes that are sent, unless a rule masks something of them.

Source: mcp "Duties"; evidence-format section 5, `session`, `arguments_hmac`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache

from affidavit.clock import Clock, format_time
from affidavit.errors import Refused
from affidavit.evidence.fingerprints import Fingerprint
from affidavit.gateway.call import Call, Inbound, call_id
from affidavit.gateway.forward import Answer
from affidavit.mcp.calls import NAMED, bound_arguments, needs_target, target_of
from affidavit.mcp.eras import Era, client_info, era_of
from affidavit.mcp.headers import SESSION, check_media_types, compare_with_body, to_upstream
from affidavit.mcp.jsonrpc import Message, parse_message
from affidavit.mcp.sessions import SessionSeal
from affidavit.mcp.trace_context import trace_context

INLINE = 128 * 1024  # bytes; a longer body is parsed beside the event loop, so that it holds nobody else up
SESSIONS = 256  # whose names are remembered; what a name is made of may have 64 KiB
MAX_NAME = 2048  # characters of a method or a target, so that a record stays far below its limit


class Reading:
    """Reads requests, and sends what it has read.

    Args:
        seal: Opens the session ids that clients hold.
        sessions: Makes the recorded name of a session.
        clock: Now.
        random: Random bytes.
    """

    def __init__(
        self, *, seal: SessionSeal, sessions: Fingerprint, clock: Clock, random: Callable[[int], bytes]
    ) -> None:
        self._seal = seal
        self._session_name = lru_cache(maxsize=SESSIONS)(sessions.of)
        self._clock = clock
        self._random = random

    def open(self, inbound: Inbound) -> Call:
        """Begin a call."""
        now = self._clock()
        return Call(id=call_id(now, self._random(10)), inbound=inbound, received=now)

    async def read(self, call: Call) -> None:
        """Find out what a request asks.

        Raises:
            Malformed: The body is no message.
            Refused: It is one that is not taken, or its session is somebody else's.
        """
        inbound = call.inbound
        call.session = self.session(call)
        check_media_types(inbound.http_method, inbound.unverified)
        call.headers = to_upstream(inbound.headers)
        message = None
        if inbound.http_method == "POST":
            body = inbound.body
            message = parse_message(body) if len(body) <= INLINE else await asyncio.to_thread(parse_message, body)
        elif inbound.body:  # it is not read, so no rule sees it; some servers would read it
            raise Refused("A GET and a DELETE have no body.", code="unexpected_body")
        call.message = message
        call.era, call.protocol = era_of(message, inbound.unverified.get("mcp-protocol-version"))
        if call.era is Era.MODERN:
            self._read_modern(call, message)
        if call.era is Era.MODERN or message is None:
            self._let_cancel(call)
        self._name(call, message)
        call.upstream_session = self._open_session(call)
        if call.upstream_session is not None:
            call.session = self.session(call)
        call.trace = trace_context(inbound.unverified, message)

    async def send(self, call: Call) -> Answer:
        """Send a recorded call to its upstream, with the credential that its record names.

        Raises:
            UpstreamFailed: No answer came.
        """
        assert call.upstream is not None  # noqa: S101 the doorman found it
        assert call.shown is not None  # noqa: S101 it was recorded
        said = call.headers if call.headers is not None else to_upstream(call.inbound.headers)
        headers = {**said, **call.shown.headers}
        if call.upstream_session is not None:
            headers[SESSION] = call.upstream_session
        call.sent = self._clock()
        body = call.inbound.body if call.content is None else call.content.sent
        return await call.upstream.forwarder.send(call.inbound.http_method, headers, body)

    def _read_modern(self, call: Call, message: Message | None) -> None:
        if message is None:
            raise Refused("This protocol version has no GET and no DELETE.", code="method_not_allowed")
        compare_with_body(message, call.inbound.unverified)

    def _let_cancel(self, call: Call) -> None:
        """Let a client that goes away end its call: any modern one, and a legacy stream that waits for news.

        A server has one such stream a session: held for a client that is gone, it would be refused when it comes back.
        """
        task = asyncio.current_task()
        call.inbound.cancel = None if task is None else task.cancel

    def _name(self, call: Call, message: Message | None) -> None:
        if message is None:
            call.method = "stream" if call.inbound.http_method == "GET" else "delete"
            return
        method = message.method if message.kind != "response" else "response"
        assert method is not None  # noqa: S101 a message that is no response has a method
        target = target_of(method, message.params)
        if len(method) > MAX_NAME or len(target or "") > MAX_NAME:  # no record could hold them
            raise Refused(f"A method or a name may have at most {MAX_NAME} characters.", code="name_too_long")
        if target is None and method in NAMED:
            raise Refused(f"A {method} names what it is for, as a text.", code="bad_target")
        call.method, call.target = method, target
        if needs_target(call.method):
            call.arguments = bound_arguments(message.params)
        call.client_info = client_info(message)

    def _open_session(self, call: Call) -> str | None:
        wrapped = call.inbound.unverified.get(SESSION)
        if wrapped is None or call.era is Era.MODERN:
            return None
        assert call.principal is not None  # noqa: S101 the path authenticates before it reads
        return self._seal.unwrap(
            wrapped, upstream=call.inbound.upstream, issuer=call.principal.issuer, subject=call.principal.subject
        )

    def session(self, call: Call) -> str:
        """Return the recorded session: of the MCP session, else CI run, else token, else principal, client and hour."""
        principal = call.principal
        assert principal is not None  # noqa: S101 the path authenticates before it reads
        token_id = principal.credential.claims.get("jti")
        if call.upstream_session is not None:
            # An upstream may give one id to several clients; in the evidence they stay apart.
            named = ["mcp", call.inbound.upstream, call.upstream_session, principal.issuer, principal.subject]
        elif principal.run is not None:
            named = ["run", principal.issuer, principal.run]
        elif type(token_id) is str:
            named = ["jti", principal.issuer, token_id]
        else:
            agent = call.inbound.unverified.get("user-agent", "")
            named = ["hour", principal.issuer, principal.subject, agent, format_time(call.received)[:13]]
        return self._session_name("\0".join(named).encode())
