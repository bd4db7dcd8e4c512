"""The measure of all proxies: what a Python gateway costs that checks nothing and records nothing.

A raw ASGI function on uvicorn (uvloop, httptools) and one aiohttp.ClientSession; no routing, no parsing.
`python -m performance.unaudited http://127.0.0.1:PORT/mcp` prints its port.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp
import uvicorn

LOOPBACK = "127.0.0.1"
CONNECTIONS = 256  # as many as the gateway keeps to one upstream
_PASSED_ON = (b"accept", b"content-type", b"mcp-protocol-version")

Message = MutableMapping[str, Any]


class Proxy:
    """Passes each body on and each answer back."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            raise RuntimeError("serves HTTP only")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS), cookie_jar=aiohttp.DummyCookieJar()
            )
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        headers = {name.decode(): value.decode() for name, value in scope["headers"] if name in _PASSED_ON}
        async with self._session.post(self._url, data=body, headers=headers) as response:
            content = await response.read()
            media_type = response.headers.get("content-type", "application/json").encode()
        head = [(b"content-type", media_type), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": response.status, "headers": head})
        await send({"type": "http.response.body", "body": content})


class _Announced(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or []:
            print(listening.getsockname()[1], flush=True)


def main() -> None:
    config = uvicorn.Config(
        Proxy(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,  # as the gateway: a connection is idle while the others have their turn
        timeout_graceful_shutdown=1,
    )
    _Announced(config).run(sockets=[socket.create_server((LOOPBACK, 0))])


if __name__ == "__main__":
    main()
