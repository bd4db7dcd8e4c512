"""A client of the gateway that says exactly what a test wants said, in either era, and one that speaks raw bytes.

Each client can have a loopback address of its own (127.0.0.2 and so on), because the gateway counts by address.
"""

import http.client
import itertools
import json
import select
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

WAIT_S = 20  # until a test that waits for an answer fails
MODERN, LEGACY = "2026-07-28", "2025-11-25"
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
BOTH = "application/json, text/event-stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Our stable code, of an error or of a tool's result."""
        answer = self.json
        if "error" in answer:
            return str(answer["error"]["data"]["code"]) if isinstance(answer["error"], dict) else str(answer["error"])
        return str(answer["result"]["_meta"]["affidavit/code"])

    @property
    def result(self) -> dict[str, Any]:
        return dict(self.json["result"])

    @property
    def text(self) -> str:
        """What a tool said."""
        return str(self.result["content"][0]["text"])

    @property
    def record(self) -> str:
        """The record that the answer's header names."""
        return self.headers["affidavit-record"]


@dataclass(slots=True)
class McpClient:
    """One principal at one upstream; `session` is what `initialize` was given."""

    authority: str
    token: str | None
    upstream: str = "warehouse"
    ip: str = "127.0.0.1"
    session: str | None = None
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def at(self, upstream: str) -> "McpClient":
        """Return the same principal at another upstream."""
        return McpClient(self.authority, self.token, upstream, self.ip)

    # The modern era.

    def call(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool."""
        return self.post(self.calling(tool, **arguments))

    def ask(self, method: str, **params: Any) -> Answer:
        """Send any request."""
        return self.post(self.request(method, **params))

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        """Return a request."""
        meta = {**params.pop("_meta", {}), VERSION_KEY: MODERN}
        return {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": {**params, "_meta": meta}}

    def calling(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return a tool's call."""
        return self.request("tools/call", name=tool, arguments=arguments)

    # The legacy era.

    def initialize(self) -> Self:
        """Open a session."""
        hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        answer = self.post({"jsonrpc": "2.0", "id": next(self.ids), "method": "initialize", "params": hello})
        assert answer.status == 200, answer
        self.session = answer.headers["mcp-session-id"]
        self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def legacy_call(self, tool: str, **arguments: Any) -> Answer:
        return self.post(self.legacy_calling(tool, **arguments))

    def legacy_calling(self, tool: str, **arguments: Any) -> dict[str, Any]:
        params = {"name": tool, "arguments": arguments}
        return {"jsonrpc": "2.0", "id": next(self.ids), "method": "tools/call", "params": params}

    # Underneath.

    def post(self, message: Mapping[str, Any] | bytes, **headers: str | None) -> Answer:
        """Send a message with the headers that belong to it, but for those that are given; None leaves one out."""
        return self.send("POST", message, **headers)

    def post_chunks(self, chunks: Iterable[bytes], **headers: str | None) -> Answer:
        """Send a body whose length is not announced."""
        with self.begin(b"", chunks=chunks, **headers) as begun:
            return begun.answer()

    def send(self, http_method: str, message: Mapping[str, Any] | bytes = b"", **headers: str | None) -> Answer:
        with self.open(http_method, message, **headers) as stream:
            return stream.rest()

    def open(self, http_method: str, message: Mapping[str, Any] | bytes = b"", **headers: str | None) -> "Stream":
        """Send a request and return as soon as the head of the answer is there."""
        return self.begin(message, http_method, **headers).stream()

    def begin(
        self,
        message: Mapping[str, Any] | bytes,
        http_method: str = "POST",
        *,
        chunks: Iterable[bytes] | None = None,
        **headers: str | None,
    ) -> "Begun":
        """Send a request and return at once."""
        connection = http.client.HTTPConnection(self.authority, timeout=WAIT_S, source_address=(self.ip, 0))
        body: bytes | Iterable[bytes] = message if isinstance(message, bytes) else json.dumps(message).encode()
        sent = {**self.headers(message), **{_name(name): value for name, value in headers.items()}}
        kept = {name: value for name, value in sent.items() if value is not None}
        try:
            connection.request(http_method, f"/mcp/{self.upstream}", chunks or body or None, kept)
        except ConnectionError:
            if connection.sock is None:  # nobody is there; else who is refused early need not have sent everything
                raise
        return Begun(connection)

    def headers(self, message: Mapping[str, Any] | bytes) -> dict[str, str | None]:
        """Return the headers that an honest client sends with a message."""
        sent: dict[str, str | None] = {"content-type": "application/json", "accept": BOTH}
        if self.token is not None:
            sent["authorization"] = f"Bearer {self.token}"
        if self.session is not None:
            sent |= {"mcp-session-id": self.session, "mcp-protocol-version": LEGACY}
        if isinstance(message, Mapping) and VERSION_KEY in (message.get("params") or {}).get("_meta", {}):
            named = message["params"].get("name") or message["params"].get("uri")
            sent |= {"mcp-protocol-version": MODERN, "mcp-method": message["method"]}
            sent |= {"mcp-name": named} if named else {}
        return sent


class Begun:
    """A request that was sent; whether and when its answer comes is the other side's business."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def stream(self) -> "Stream":
        """Wait for the head of the answer."""
        return Stream(self._connection, self._connection.getresponse())

    def has_news(self) -> bool:
        """Tell whether anything of the answer has arrived, without waiting."""
        return bool(select.select([self._connection.sock], [], [], 0)[0])

    def answer(self) -> Answer:
        """Wait for the whole answer."""
        with self.stream() as stream:
            return stream.rest()

    def drop(self) -> None:
        """Close the connection without waiting for anything."""
        self._connection.close()


class Stream:
    """One answer on its way."""

    def __init__(self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._answer = answer
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def next_event(self) -> bytes:
        """Return the exact bytes up to and including the next empty line; empty at the end."""
        lines = []
        while (line := self._answer.readline()) != b"":
            lines.append(line)
            if line in (b"\n", b"\r\n"):
                break
        return b"".join(lines)

    def next_line(self) -> bytes:
        """Return the exact bytes of the next line."""
        return self._answer.readline()

    def next_message(self) -> Any:
        """Return the JSON of the next event that has data."""
        while (event := self.next_event()) != b"":
            data = [line.partition(b":")[2].strip() for line in event.splitlines() if line.startswith(b"data:")]
            if data:
                return json.loads(b"\n".join(data))
        raise AssertionError("the stream ended")

    def waiting(self) -> bytes:
        """Return what has arrived and was not read, without waiting and without reading it."""
        if not select.select([self._connection.sock], [], [], 0)[0]:
            return self._answer.fp.peek()
        return self._answer.fp.peek() + self._connection.sock.recv(65536, socket.MSG_PEEK)

    def rest(self) -> Answer:
        """Return the whole answer, or what is left of it."""
        return Answer(self.status, self.headers, self._answer.read())

    def close(self) -> None:
        """Close the connection, whether or not the answer has ended."""
        if self._connection.sock is not None:
            self._connection.sock.close()
        self._answer.close()
        self._connection.close()


def raw(authority: str, *parts: bytes, ip: str = "127.0.0.1", shut: bool = False) -> bytes:
    """Send bytes as they are and return everything that comes back until the peer closes, or nothing comes for long.

    Args:
        authority: Where to.
        parts: Sent one after the other.
        ip: The address to come from.
        shut: Whether to say that no more will come.
    """
    with connected(authority, ip=ip) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            if shut:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionError:
            return b""


def connected(authority: str, *, ip: str = "127.0.0.1") -> socket.socket:
    """Return a connection to the gateway."""
    host, _, port = authority.partition(":")
    return socket.create_connection((host, int(port)), timeout=WAIT_S, source_address=(ip, 0))


def _name(keyword: str) -> str:
    return keyword.replace("_", "-")
