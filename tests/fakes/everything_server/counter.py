"""Counts what reaches the server, before the server sees it.

This is the number that the gateway's records are held against, so it counts HTTP requests, whatever becomes of them.
Only `GET /__count`, which tells the number, is not counted.
"""

import json
from collections import Counter
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COUNT_PATH = "/__count"


class CountedRequests:
    """An ASGI application in front of another one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._methods: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == COUNT_PATH:
            told = {"total": self._methods.total(), "methods": dict(sorted(self._methods.items()))}
            await JSONResponse(told)(scope, receive, send)
        else:
            body = await _body(receive)
            self._methods[_method(scope["method"], body)] += 1
            await self._app(scope, _replayed(body, receive), send)


async def _body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(chunks)


def _replayed(body: bytes, receive: Receive) -> Receive:
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again


def _method(http_method: str, body: bytes) -> str:
    """The names of evidence-format.md section 5: the JSON-RPC method, or `stream`, `response`."""
    if http_method == "GET":
        return "stream"
    if http_method != "POST":
        return http_method.lower()
    try:
        message: Any = json.loads(body)
    except ValueError:
        return "unreadable"
    if not isinstance(message, dict):
        return "unreadable"
    return str(message.get("method", "response"))
