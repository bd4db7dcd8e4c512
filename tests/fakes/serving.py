"""Runs an ASGI application on loopback as a process of its own, for fakes that are started by tests."""

import socket

import uvicorn
from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"
GRACE_S = 2  # open event streams are cut after this long


class _Announced(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or []:
            print(listening.getsockname()[1], flush=True)


def serve(app: ASGIApp, port: int) -> None:
    """Serve until SIGTERM or SIGINT; the first line on stdout is the port, printed once it answers."""
    listening = socket.create_server((LOOPBACK, port))
    # h11, because httptools keeps the blanks after a header's value, which MCP 2026-07-28 wants trimmed (SEP-2243).
    config = uvicorn.Config(app, http="h11", log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_S)
    _Announced(config).run(sockets=[listening])
