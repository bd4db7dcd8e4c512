"""The ASGI application: HTTP requests in, the data path's replies out.

Knows HTTP and nothing of MCP: which call may be cancelled when its client goes away is the data path's word.

Source: architecture "The way of one call"; ASGI 3.0 HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from affidavit.deadlines import Deadlines
from affidavit.gateway.call import Flaw, Inbound
from affidavit.gateway.data_path import DataPath
from affidavit.gateway.problems import Reply, broken
from affidavit.gateway.protected_resource import WELL_KNOWN, resource_metadata
from affidavit.gateway.scim import ScimEndpoint
from affidavit.mcp.trace_context import read_traceparent
from affidavit.policy.configuration import Configuration
from affidavit.serve.client_address import ClientAddress
from affidavit.serve.health import Health

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 8 * 1024 * 1024  # bytes; mcp "Duties"
MAX_HELD = 256 * 1024 * 1024  # bytes of all bodies that are not whole yet
MAX_LEAVING = 256 * 1024 * 1024  # bytes of large answers that clients have not taken; beyond, no new call is let in
SMALL_ANSWER = 64 * 1024  # bytes; a connection takes as much before it asks to wait
SMALL_BODY = 128 * 1024  # bytes; one that has come no further is always waited for
KEEP_ALIVE = 15.0  # seconds of silence on a stream until a comment line, well under the 30 s at which clients give up
PATIENCE = 600.0  # seconds that a legacy call goes on without its client: no upstream may hold it for ever
WATCH_AFTER = 0.2  # seconds until a call is worth a task that waits for its client to go away

_MCP = "/mcp/"
_SCIM = "/scim/v2/"
_diagnostics = logging.getLogger("affidavit.serve")


class Application:
    """Routes four kinds of paths: calls, directories that push, health, and what a client must know to get a token."""

    def __init__(
        self,
        path: DataPath,
        health: Health,
        configuration: Configuration,
        client: ClientAddress,
        scim: ScimEndpoint | None = None,
    ) -> None:
        self._path = path
        self._scim = scim
        self._health = health
        self._configuration = configuration
        self._client = client
        self._bodies = _Bodies()
        self._leaving = _Leaving()
        self._watches = Deadlines(WATCH_AFTER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3.0)."""
        path: str = scope["path"]
        if path.startswith(_MCP):
            await self._call(scope, receive, send, path[len(_MCP) :])
        elif path.startswith(_SCIM) and self._scim is not None:
            await self._directory(self._scim, scope, receive, send)
        else:
            await _send_whole(send, *self._other(path))

    def _other(self, path: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if path == "/healthz":
            return _json(200, {"status": "ok"})
        if path == "/readyz":
            state = self._health.read()
            return _json(200 if state["ready"] else 503, state)
        if path.startswith(WELL_KNOWN):
            metadata = resource_metadata(
                self._configuration,
                path.removeprefix(WELL_KNOWN),
                (scope for rule in self._path.decisions.current.policy.rules for scope in rule.scopes),
            )
            if metadata is not None:
                return _json(200, metadata)
        return _json(404, {"error": "not_found", "message": "There is nothing here; MCP is served at /mcp/<upstream>."})

    async def _directory(self, scim: ScimEndpoint, scope: Scope, receive: Receive, send: Send) -> None:
        body, flaw = await self._bodies.read(receive)
        inbound = Inbound.read(
            scope["method"], "", scope["headers"], body, self._client(scope), query=scope["query_string"]
        )
        inbound.flaw = flaw
        outlet = _Outlet(send, self._leaving)
        try:
            await outlet.release(await scim.handle(inbound, scope["path"].removeprefix(_SCIM), scope["query_string"]))
        except Exception:  # noqa: BLE001 the top of a request: nobody else's goes down with it
            incident = secrets.token_hex(8)
            _diagnostics.exception("incident %s", incident, extra={"incident": incident})
            if not outlet.started:
                await outlet.release(broken(incident))

    async def _call(self, scope: Scope, receive: Receive, send: Send, upstream: str) -> None:
        body, flaw = await self._bodies.read(receive)
        inbound = Inbound.read(
            scope["method"],
            upstream,
            scope["headers"],
            body,
            self._client(scope),
            query=scope["query_string"],
        )
        inbound.flaw = "overloaded" if flaw is None and self._leaving.size > MAX_LEAVING else flaw
        watch = _Watch(inbound, receive, self._watches)
        outlet = _Outlet(send, self._leaving)
        reply = None
        try:
            reply = await self._path.handle(inbound)
            await outlet.release(reply)
        except asyncio.CancelledError:
            if not (watch.gone or self._health.draining or inbound.cut):
                raise
            await outlet.end()
        except Exception:  # noqa: BLE001 the top of a request: nobody else's call goes down with it
            incident = secrets.token_hex(8)
            trace = read_traceparent(inbound.unverified.get("traceparent"))
            _diagnostics.exception("incident %s", incident, extra={"incident": incident, "trace": trace})
            if not outlet.started:
                await outlet.release(broken(incident))
        finally:
            watch.stop()
            if reply is not None and reply.leave is not None:
                reply.leave()


class _Watch:
    """Cancels a call whose client goes away, where the path allows that; costs a task only for calls that last."""

    __slots__ = ("_call", "_inbound", "_receive", "_task", "_watches", "gone")

    def __init__(self, inbound: Inbound, receive: Receive, watches: Deadlines) -> None:
        self.gone = False
        self._inbound = inbound
        self._receive = receive
        self._call = asyncio.current_task(watches.loop)
        self._task: asyncio.Task[None] | None = None
        self._watches = watches
        watches.set(self, self._start)

    def stop(self) -> None:
        self._watches.lift(self)
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        self._task = asyncio.ensure_future(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._inbound.cancel is None:
            await asyncio.sleep(PATIENCE)
        self.gone = True
        if self._call is not None:
            self._call.cancel()


class _Leaving:
    """How much of large answers is in memory because their clients have not taken it yet.

    Attributes:
        size: Bytes.
    """

    def __init__(self) -> None:
        self.size = 0

    async def send(self, send: Send, reply: Reply, body: bytes) -> None:
        """Send a large answer, and return when its client has taken it or has gone."""
        self.size += len(body)
        try:
            await _send_start(send, reply.status, reply.headers, body)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b""})  # waits until the connection has room again
        finally:
            self.size -= len(body)


class _Outlet:
    """Sends one reply."""

    def __init__(self, send: Send, leaving: _Leaving) -> None:
        self.started = False
        self._send = send
        self._leaving = leaving

    async def release(self, reply: Reply) -> None:
        self.started = True
        if isinstance(reply.body, bytes):
            if len(reply.body) > SMALL_ANSWER:
                await self._leaving.send(self._send, reply, reply.body)
                return
            await _send_whole(self._send, reply.status, reply.headers, reply.body)
            return
        await self._send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        pulse = _Pulse(self._send)
        try:
            async for chunk in reply.body:
                pulse.beat()
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            pulse.stop()
        await self.end()

    async def end(self) -> None:
        """End what was begun; a client that comes back for the rest finds another process."""
        if self.started:
            await self._send({"type": "http.response.body", "body": b""})


class _Pulse:
    """Sends a comment line whenever a stream has been silent for `KEEP_ALIVE`."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(KEEP_ALIVE, self._due)
        self._sending: asyncio.Future[None] | None = None

    def beat(self) -> None:
        self._last = self._loop.time()

    def stop(self) -> None:
        self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()

    def _due(self) -> None:
        silent = self._loop.time() - self._last
        if silent >= KEEP_ALIVE:
            self._sending = asyncio.ensure_future(self._comment())
            self.beat()
            silent = 0.0
        self._timer = self._loop.call_later(KEEP_ALIVE - silent, self._due)

    async def _comment(self) -> None:
        await self._send({"type": "http.response.body", "body": b": keep-alive\n\n", "more_body": True})


class _Bodies:
    """Reads bodies; what has come of large ones that are not whole yet is bounded, since anybody may send them."""

    def __init__(self) -> None:
        self._held = 0

    async def read(self, receive: Receive) -> tuple[bytes, Flaw | None]:
        """Return the body, or as much of it as came before it was known that it will not be taken."""
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return b"".join(parts), "incomplete"
                part = message.get("body", b"")
                size += len(part)
                if size <= MAX_BODY and not message.get("more_body", False):
                    return part if not parts else b"".join((*parts, part)), None
                parts.append(part)
                self._held += len(part)
                if size > MAX_BODY:
                    return b"".join(parts), "too_large"
                if self._held > MAX_HELD and size > SMALL_BODY:
                    return b"".join(parts), "overloaded"
        finally:
            self._held -= sum(map(len, parts))


async def _send_whole(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await _send_start(send, status, headers, body)
    await send({"type": "http.response.body", "body": body})


async def _send_start(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})


def _json(status: int, value: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return status, [(b"content-type", b"application/json")], body
