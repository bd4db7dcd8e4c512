"""The gateway's own look at the tools of an upstream: recorded like any other call, in the gateway's own name.

Source: mcp "Duties" (`tools/list`: at start and on `list_changed`, so that every instance knows the same definitions).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from affidavit import __version__
from affidavit.errors import Malformed, OutcomeUnknown, Refused, Unavailable
from affidavit.gateway.call import Call, Inbound, Released
from affidavit.gateway.forward import UpstreamFailed, whole
from affidavit.gateway.in_force import Permit
from affidavit.gateway.masks import Masks
from affidavit.gateway.reading import Reading
from affidavit.gateway.trail import Trail
from affidavit.gateway.upstreams import Upstream
from affidavit.identity.principal import Principal
from affidavit.mcp.eras import CLIENT_INFO_KEY, MODERN_VERSIONS, VERSION_KEY, Era
from affidavit.mcp.headers import SESSION
from affidavit.mcp.jsonrpc import Message, parse_message, print_message
from affidavit.mcp.sse import EventParser

LEGACY_VERSION = "2025-11-25"  # offered to an upstream that does not speak the modern era
PAGES = 100  # of one listing; an upstream that has more never ends

_ID = "affidavit"
_US = {"name": "affidavit", "version": __version__}
_META = {
    VERSION_KEY: MODERN_VERSIONS[-1],
    CLIENT_INFO_KEY: _US,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_diagnostics = logging.getLogger("affidavit.listing")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conversation:
    upstream: Upstream
    era: Era
    version: str
    session: str | None = None


class Listing:
    """Lists tools as the gateway itself.

    Args:
        principal: The gateway's own.
        permit: That nobody but the gateway decides this.
    """

    def __init__(self, reading: Reading, trail: Trail, masks: Masks, principal: Principal, permit: Permit) -> None:
        self._reading = reading
        self._masks = masks
        self._trail = trail
        self._principal = principal
        self._permit = permit

    async def tools(self, upstream: Upstream) -> list[dict[str, Any]] | None:
        """Return an upstream's tools; None where it cannot be asked now."""
        try:
            modern = _Conversation(upstream=upstream, era=Era.MODERN, version=MODERN_VERSIONS[-1])
            tools = await self._pages(modern)
            return tools if tools is not None else await self._legacy(upstream)
        except (UpstreamFailed, Unavailable, OutcomeUnknown, Malformed, Refused) as error:
            _diagnostics.warning("upstream %s: its tools could not be listed: %s", upstream.name, error)
            return None

    async def _legacy(self, upstream: Upstream) -> list[dict[str, Any]] | None:
        start = _Conversation(upstream=upstream, era=Era.LEGACY, version=LEGACY_VERSION)
        hello = {"protocolVersion": LEGACY_VERSION, "capabilities": {}, "clientInfo": _US}
        answer, session = await self._send(start, "initialize", {"id": _ID, "params": hello})
        if answer is None or answer.result is None:
            return []
        version = answer.result.get("protocolVersion")
        talk = replace(start, session=session, version=version if type(version) is str else LEGACY_VERSION)
        await self._send(talk, "notifications/initialized", {})
        tools = await self._pages(talk)
        if session is not None:
            await self._send(talk, "delete", None)
        return tools or []

    async def _pages(self, talk: _Conversation) -> list[dict[str, Any]] | None:
        tools: list[dict[str, Any]] = []
        params: dict[str, Any] = {"_meta": _META} if talk.era is Era.MODERN else {}
        for _ in range(PAGES):
            answer, _session = await self._send(talk, "tools/list", {"id": _ID, "params": params})
            if answer is None or answer.result is None:
                return None
            tools += [tool for tool in answer.result.get("tools", ()) if type(tool) is dict]
            cursor = answer.result.get("nextCursor")
            if type(cursor) is not str:
                break
            params = {**params, "cursor": cursor}
        return tools

    async def _send(
        self, talk: _Conversation, method: str, content: Mapping[str, Any] | None
    ) -> tuple[Message | None, str | None]:
        call = self._call(talk, method, content)
        try:
            await self._trail.requested(call)
            answer = await self._reading.send(call)
            came = await whole(answer)
            views = self._masks.body(call, came, answer.head.content_type)
            released = Released(came, views, answer.head.content_type)
            await self._trail.answered(call, "answered", answer.head.status, released)
        except UpstreamFailed as error:
            self._trail.ended(call, error.outcome)
            raise
        except Refused as error:
            await self._trail.refused(call, error.code, str(error))
            raise
        finally:
            self._trail.leave(call)
        session = next((value.decode("latin-1") for name, value in answer.head.headers if _is_session(name)), None)
        return _response(came, answer.head.content_type), session

    def _call(self, talk: _Conversation, method: str, content: Mapping[str, Any] | None) -> Call:
        body = b"" if content is None else print_message({"jsonrpc": "2.0", "method": method, **content})
        headers = [
            (b"accept", b"application/json, text/event-stream"),
            (b"content-type", b"application/json"),
            (b"mcp-protocol-version", talk.version.encode("latin-1", "replace")),
        ]
        if talk.era is Era.MODERN:
            headers.append((b"mcp-method", method.encode()))
        http_method = "DELETE" if content is None else "POST"
        inbound = Inbound.read(http_method, talk.upstream.name, headers, body, "", query=b"")
        call = self._reading.open(inbound)
        call.era, call.protocol, call.method = talk.era, f"mcp/{talk.version}", method
        call.principal, call.permit, call.upstream = self._principal, self._permit, talk.upstream
        call.upstream_session = talk.session
        call.session = self._reading.session(call)
        call.message = parse_message(body) if body else None
        self._masks.request(call)
        return call


def own_permit(policy_digest: str) -> Permit:
    """Return what stands in the records of the gateway's own calls: no rule was asked."""
    from_policy = {"decision": "allow", "digest": policy_digest, "rule": None}
    return Permit(None, orjson.Fragment(orjson.dumps(from_policy, option=orjson.OPT_SORT_KEYS)))


def _is_session(name: bytes) -> bool:
    return name.lower() == SESSION.encode()


def _response(came: bytes, content_type: str) -> Message | None:
    """Return the response in a whole answer, be it JSON or a stream that has ended."""
    bodies = [came] if content_type == "application/json" else []
    if content_type == "text/event-stream":
        bodies = [event.data for event in EventParser().feed(came) if event.data]
    for body in bodies:
        message = parse_message(body)
        if message.kind == "response":
            return message
    return None
