"""What must be said before a call can name it: the credential, the session, the key set.

Each is said once for each writer. Bounded: what falls out is said again when it comes back, which harms nothing.

Source: evidence-format section 5, `identity:verified`, `session:opened`.
"""

from __future__ import annotations

from collections import OrderedDict

import orjson

from affidavit.clock import MINUTE, Clock, Micros
from affidavit.evidence.body import Body
from affidavit.evidence.canonical import encode
from affidavit.evidence.recorder import Recorder
from affidavit.gateway.call import Call
from affidavit.identity.principal import Principal

REMEMBERED = 20_000  # credentials, and as many sessions
IDLE_SESSION: Micros = 30 * MINUTE
MAX_LIST = 16 * 1024  # bytes; a longer list becomes a body (evidence-format section 4)


class Introductions:
    """Remembers what this writer has said of credentials and sessions."""

    def __init__(self, recorder: Recorder, clock: Clock, identity_class: str) -> None:
        self._recorder = recorder
        self._clock = clock
        self._class = identity_class
        self._principals: OrderedDict[str, tuple[orjson.Fragment, tuple[Body, ...]]] = OrderedDict()
        self._sessions: OrderedDict[str, tuple[Micros, orjson.Fragment, tuple[Body, ...]]] = OrderedDict()

    def principal(self, call: Call) -> tuple[orjson.Fragment, tuple[Body, ...]]:
        """Return the principal as records carry it, encoded once for each credential."""
        principal = call.principal
        assert principal is not None  # noqa: S101 the path authenticates before it introduces
        known = self._principals.get(principal.key)
        if known is None:
            return self._encode(principal)
        self._principals.move_to_end(principal.key)
        return known

    def know(self, principal: Principal) -> None:
        """Take a principal for introduced: the gateway itself, whose credential is its registration."""
        self._principals[principal.key] = self._encode(principal)

    def make(self, call: Call) -> None:
        """Say what this call will name and this writer has not said yet."""
        principal = call.principal
        assert principal is not None  # noqa: S101 the path authenticates before it introduces
        if principal.key not in self._principals:
            self._verified(principal)
        if call.session is not None:
            self._open_session(call, call.session)

    def close_idle(self) -> None:
        """Say of every session that has been idle for `IDLE_SESSION` that it is closed."""
        while self._sessions:
            session, (last, _, _) = next(iter(self._sessions.items()))
            if self._clock() - last < IDLE_SESSION:
                return
            self.close_session(session, "idle")

    def close_all(self, reason: str) -> None:
        """Say of every session that it is closed."""
        for session in list(self._sessions):
            self.close_session(session, reason)

    def close_session(self, session: str, reason: str) -> None:
        """Say that a session is closed, if it was open."""
        known = self._sessions.pop(session, None)
        if known is not None:
            _, principal, bodies = known
            self._recorder.add("session:closed", {"principal": principal, "reason": reason, "session": session}, bodies)

    def _verified(self, principal: Principal) -> None:
        claims = self._recorder.body(orjson.dumps(principal.credential.body()), self._class)
        encoded, bodies = self._encode(principal)
        self._principals[principal.key] = encoded, bodies
        if len(self._principals) > REMEMBERED:
            self._principals.popitem(last=False)
        self._recorder.add(
            "identity:verified",
            {
                "claims": {**claims.reference(), "media_type": "application/json"},
                "principal": encoded,
                "token_sha256": principal.token_sha256,
            },
            (claims, *bodies),
        )

    def _encode(self, principal: Principal) -> tuple[orjson.Fragment, tuple[Body, ...]]:
        fields = dict(principal.record)
        bodies: tuple[Body, ...] = ()
        if len(encode(fields["groups"])) > MAX_LIST:
            body = self._recorder.body(encode(fields["groups"]), self._class)
            fields, bodies = {**fields, "groups": body.reference()}, (body,)
        return orjson.Fragment(encode(fields)), bodies

    def _open_session(self, call: Call, session: str) -> None:
        principal, bodies = self.principal(call)
        if session not in self._sessions:
            fields = {"principal": principal, "reason": "first call", "session": session}
            self._recorder.add("session:opened", fields, bodies)
            if len(self._sessions) >= REMEMBERED:
                self.close_session(next(iter(self._sessions)), "forgotten")
        self._sessions[session] = self._clock(), principal, bodies
        self._sessions.move_to_end(session)
