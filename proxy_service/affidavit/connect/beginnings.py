"""Beginning again what the gateway or the upstream has forgotten: a legacy session, or what is known of tools.

The client hears nothing of it: it said what it is, and that is said again for it.

Source: MCP 2025-11-25 "Session Management" (404); MCP 2026-07-28 "Client Behavior" (-32020).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from affidavit.connect import refusals
from affidavit.connect.answers import Answers
from affidavit.connect.gateway import Gateway
from affidavit.connect.news import News
from affidavit.connect.outgoing import INITIALIZED, LIST_TOOLS, Outgoing
from affidavit.connect.telling import Tell
from affidavit.mcp.jsonrpc import Message

MAX_PAGES = 50  # of a listing

_OURS = "io.modelcontextprotocol/"  # what a modern request says of its client


class Beginnings:
    """Begins again.

    Args:
        gateway: Where.
        answers: Reads what it answers.
        news: Listens in the new session.
        tell: Hears of it.
    """

    def __init__(self, gateway: Gateway, answers: Answers, news: News, tell: Tell) -> None:
        self._gateway = gateway
        self._session = gateway.session
        self._answers = answers
        self._news = news
        self._tell = tell
        self._turn = asyncio.Lock()

    async def session(self, lost: int) -> None:
        """Begin another session in the place of a lost one, unless somebody has done so already.

        Args:
            lost: Its number, as `Session.opened` counts them.

        Raises:
            Undelivered: The gateway does not let us.
        """
        async with self._turn:
            if self._session.opened != lost or self._session.hello is None:
                return
            agreed = self._session.version
            again = self._session.again()
            async for incoming in self._answers.to(again):
                if incoming.message.kind == "response" and incoming.message.id == again.message.id:
                    self._adopt(incoming.message, incoming.headers)
            if self._session.version != agreed:
                self._tell(
                    f"the new session speaks {self._session.version}, the client {agreed}: start the client anew"
                )
            reply = await self._gateway.post(Outgoing.make(INITIALIZED, None))
            reply.close()
        self._tell("the session was gone, and was begun again")
        self._news.start()

    async def tools(self, outgoing: Outgoing) -> None:
        """List the tools again, as the sender of a modern call would.

        Raises:
            Undelivered: The gateway does not let us.
        """
        meta = (outgoing.message.params or {}).get("_meta") or {}
        params: dict[str, Any] = {"_meta": {name: value for name, value in meta.items() if name.startswith(_OURS)}}
        for page in range(MAX_PAGES):
            cursor = None
            asked = Outgoing.make(LIST_TOOLS, params, f"affidavit-connect-tools-{page}")
            async for incoming in self._answers.to(asked):
                if incoming.message.kind == "response" and incoming.message.id == asked.message.id:
                    cursor = (incoming.message.result or {}).get("nextCursor")
                    self._gateway.tools.learn(incoming.message)
            if type(cursor) is not str:
                return
            params = {**params, "cursor": cursor}

    def _adopt(self, answer: Message, headers: Mapping[str, str]) -> None:
        hello = self._session.hello
        assert hello is not None  # noqa: S101 the caller looked
        if not self._session.open(hello, answer, headers):
            raise refusals.unreadable()
