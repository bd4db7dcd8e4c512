"""What an upstream may not ask of a client is answered by the gateway, in the client's place.

Source: mcp "Duties" (sampling, elicitation, roots: denied unless the policy allows them; recorded either way).
"""

from __future__ import annotations

from affidavit.errors import OutcomeUnknown, Refused, Unavailable
from affidavit.gateway.call import Call, Inbound, Released
from affidavit.gateway.forward import UpstreamFailed, whole
from affidavit.gateway.masks import Masks
from affidavit.gateway.problems import DENIED
from affidavit.gateway.reading import Reading
from affidavit.gateway.trail import Trail
from affidavit.mcp.jsonrpc import error_response, parse_message


class ServerRequests:
    """Answers the upstream, as a call of its own in the same session."""

    def __init__(self, reading: Reading, trail: Trail, masks: Masks) -> None:
        self._reading = reading
        self._masks = masks
        self._trail = trail

    async def deny(self, call: Call, event: Released) -> None:
        """Tell the upstream that the client did not get what it asked; where that fails, it waits in vain."""
        if event.message is None or event.message.kind != "request":
            return
        text = "The gateway's policy does not let this through to the client."
        code = "denied" if event.withheld is None or event.withheld.code == "withheld" else event.withheld.code
        body = error_response(event.message.id, DENIED, text, {"code": code})
        answer_call = self._answer(call, body)
        try:
            await self._tell(answer_call)
        except UpstreamFailed as error:
            self._trail.ended(answer_call, error.outcome)
        except (Unavailable, OutcomeUnknown):
            pass  # what is in the chain says so; the call that carried the request goes on
        finally:
            self._trail.leave(answer_call)

    async def _tell(self, call: Call) -> None:
        try:
            await self._trail.requested(call)
        except Refused as error:
            await self._trail.refused(call, error.code, str(error))
            return
        answer = await self._reading.send(call)
        came = await whole(answer)
        released = Released(came, self._masks.body(call, came, answer.head.content_type), answer.head.content_type)
        await self._trail.answered(call, "answered", answer.head.status, released)

    def _answer(self, call: Call, body: bytes) -> Call:
        kept = (b"mcp-protocol-version", b"accept")
        headers = [(name, value) for name, value in call.inbound.headers if name in kept]
        headers.append((b"content-type", b"application/json"))
        inbound = Inbound.read("POST", call.inbound.upstream, headers, body, call.inbound.ip, query=b"")
        answer = self._reading.open(inbound)
        answer.era, answer.protocol, answer.method = call.era, call.protocol, "response"
        answer.principal, answer.upstream, answer.message = call.principal, call.upstream, parse_message(body)
        answer.upstream_session, answer.session = call.upstream_session, call.session
        answer.permit, answer.in_force = call.permit, call.in_force
        self._masks.request(answer)
        return answer
