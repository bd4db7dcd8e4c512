"""One request as a scripted server got it, and the ways to answer it: whole, event by event, or not as HTTP has it."""

import contextlib
import json
import select
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
WAIT_S = 10  # until a test that waits for its peer fails
END = b"\r\n"


class Gone(Exception):
    """The peer has closed the connection."""


@dataclass(slots=True)
class Received:
    """One request.

    Attributes:
        headers: Names in lower case, in order, repeated ones repeated.
        message: The body as JSON; None where there is none.
        witnessed: What the server's `witness` returned.
    """

    http_method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    message: dict[str, Any] | None
    witnessed: Any = None

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)

    @property
    def params(self) -> dict[str, Any]:
        return (self.message or {}).get("params") or {}

    @property
    def method(self) -> str:
        """The JSON-RPC method; as records have it for what has none."""
        if self.message is None:
            return {"GET": "stream", "DELETE": "delete"}.get(self.http_method, "")
        return str(self.message.get("method", "response"))

    @property
    def tool(self) -> str | None:
        return self.params.get("name") if self.method == "tools/call" else None

    @property
    def era(self) -> str:
        return "modern" if VERSION_KEY in (self.params.get("_meta") or {}) else "legacy"


def read_request(incoming: BinaryIO) -> Received | None:
    """Read one request; None where the peer closed instead of sending one."""
    first = incoming.readline()
    if not first:
        return None
    http_method, path, _ = first.decode("latin-1").split(" ", 2)
    headers = []
    while (line := incoming.readline()) not in (END, b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.lower(), value.strip()))
    body = _read_body(incoming, dict(headers))
    message = None
    with contextlib.suppress(ValueError):
        message = json.loads(body)
    return Received(http_method, path, headers, body, message if isinstance(message, dict) else None)


def _read_body(incoming: BinaryIO, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding") == "chunked":
        parts = []
        while (size := int(incoming.readline(), 16)) > 0:
            parts.append(incoming.read(size))
            incoming.readline()
        incoming.readline()
        return b"".join(parts)
    return incoming.read(int(headers.get("content-length", "0")))


class Exchange:
    """One request and the connection it came on."""

    def __init__(self, request: Received, connection: socket.socket) -> None:
        self.request = request
        self._connection = connection
        self._answered = threading.Event()
        self._goes_on = True

    @property
    def id(self) -> Any:
        return (self.request.message or {}).get("id")

    # Whole answers.

    def result(self, result: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> None:
        self.answer(self.response(result), headers=headers)

    def says(self, text: str) -> None:
        """Answer a tool's call with a text."""
        self.result(self.said(text))

    def error(self, code: int, text: str, *, status: int = 200) -> None:
        body = {"jsonrpc": "2.0", "id": self.id, "error": {"code": code, "message": text}}
        self.answer(json.dumps(body).encode(), status=status)

    def answer(
        self,
        body: bytes,
        *,
        status: int = 200,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        sent = {"Content-Length": str(len(body)), **({"Content-Type": media_type} if body else {}), **(headers or {})}
        self.raw(_head(status, sent) + body)
        self.finish()

    def response(self, result: Mapping[str, Any]) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": self.id, "result": result}).encode()

    def said(self, text: str) -> dict[str, Any]:
        modern = {"resultType": "complete"} if self.request.era == "modern" else {}
        return {"content": [{"type": "text", "text": text}], "isError": False, **modern}

    # Streams.

    def stream(self, headers: Mapping[str, str] | None = None) -> None:
        """Begin a stream of events."""
        sent = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **(headers or {})}
        self.raw(_head(200, sent))

    def event(self, value: Mapping[str, Any] | bytes) -> None:
        """Send one event."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.chunk(b"data: " + body + b"\n\n")

    def notify(self, text: str) -> None:
        """Send a log message as an event."""
        params = {"level": "info", "data": text}
        self.event({"jsonrpc": "2.0", "method": "notifications/message", "params": params})

    def chunk(self, data: bytes) -> None:
        """Send bytes of the stream as they are."""
        self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """End the stream as it should be ended."""
        self.raw(b"0\r\n\r\n")
        self.finish()

    # Whatever else.

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(data)

    def finish(self, *, close: bool = False) -> None:
        """Be ready for the connection's next request, or close it."""
        self._goes_on = not close
        self._answered.set()

    def drop(self) -> None:
        """Close the connection in the middle of whatever it is."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self.finish(close=True)

    def peer_hangs_up(self) -> bool:
        """Wait until the peer closes the connection; False where it does not."""
        readable, _, _ = select.select([self._connection], [], [], WAIT_S)
        try:
            return bool(readable) and self._connection.recv(1, socket.MSG_PEEK) == b""
        except ConnectionError:
            return True

    def wait_until_answered(self) -> bool:
        """Wait for the end of the answer; tell whether the connection goes on."""
        self._answered.wait()
        return self._goes_on


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")
