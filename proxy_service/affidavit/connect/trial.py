"""One connection for a person's eyes: who the token says one is, who answers, and which tools are there.

Source: MCP 2025-11-25 "Lifecycle"; MCP 2026-07-28 "Discovery".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from affidavit import __version__
from affidavit.connect.answers import Answers
from affidavit.connect.gateway import Gateway
from affidavit.connect.outgoing import INITIALIZE, INITIALIZED, LIST_TOOLS, Outgoing
from affidavit.connect.refusals import Undelivered
from affidavit.mcp.eras import LEGACY_VERSIONS, MODERN_VERSIONS, VERSION_KEY
from affidavit.mcp.jsonrpc import Message

MAX_PAGES = 50
_OLDER = (400, 404, 405)  # what servers of the older era say to a hello of the newer one

_INFO = {"name": "affidavit connect --check", "version": __version__}
_MODERN: dict[str, Any] = {
    "_meta": {
        VERSION_KEY: MODERN_VERSIONS[-1],
        "io.modelcontextprotocol/clientInfo": _INFO,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}
_LEGACY: dict[str, Any] = {"protocolVersion": LEGACY_VERSIONS[-1], "capabilities": {}, "clientInfo": _INFO}


@dataclass(frozen=True, slots=True)
class Found:
    """What was there.

    Attributes:
        version: The protocol that was spoken.
        server: As it calls itself.
        tools: Their names.
    """

    version: str
    server: str
    tools: tuple[str, ...]


class Trial:
    """Connects once."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._answers = Answers(gateway)
        self._number = 0

    async def run(self) -> Found:
        """Say hello in the newer era, else in the older one, and list the tools.

        Raises:
            Undelivered: The gateway does not let us, or nothing answers.
        """
        try:
            hello = await self._asked("server/discover", _MODERN)
        except _Answered:
            return await self._legacy()
        except Undelivered as error:
            if error.data.get("status") not in _OLDER:
                raise
            return await self._legacy()
        return await self._found(MODERN_VERSIONS[-1], hello, _MODERN)

    async def _legacy(self) -> Found:
        try:
            hello = await self._asked(INITIALIZE, _LEGACY)
            (await self._gateway.post(Outgoing.make(INITIALIZED, None))).close()
            return await self._found(str((hello.result or {}).get("protocolVersion")), hello, {})
        except _Answered as error:
            raise Undelivered(f"the server answers with an error: {error}", rpc=0, data={"code": "server"}) from error

    async def _found(self, version: str, hello: Message, params: dict[str, Any]) -> Found:
        names: list[str] = []
        for _ in range(MAX_PAGES):
            result = (await self._asked(LIST_TOOLS, params)).result or {}
            tools = result.get("tools")
            names += [str(tool.get("name")) for tool in (tools if type(tools) is list else []) if type(tool) is dict]
            if type(result.get("nextCursor")) is not str:
                break
            params = {**params, "cursor": result["nextCursor"]}
        info = (hello.result or {}).get("serverInfo")
        server = str(info.get("name", "?")) if type(info) is dict else "?"
        return Found(version, server, tuple(names))

    async def _asked(self, method: str, params: dict[str, Any]) -> Message:
        self._number += 1
        asked = Outgoing.make(method, params, self._number)
        answer = None
        async for incoming in self._answers.to(asked):
            if incoming.message.kind == "response" and incoming.message.id == asked.message.id:
                answer = incoming
        if answer is None or answer.message.error is not None:
            error = answer.message.error if answer is not None and answer.message.error is not None else {}
            raise _Answered(str(error.get("message", "no answer")))
        if method == INITIALIZE:
            self._gateway.session.open(asked, answer.message, answer.headers)
        return answer.message


class _Answered(Exception):
    """The server itself says no; a server of the older era does so to a newer hello."""
