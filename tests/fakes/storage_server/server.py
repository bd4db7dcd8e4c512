"""HTTP/1.1 over asyncio for `api`, in a thread of its own; keeps what was asked, and fails where a test says so."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import httptools

from fakes.storage_server.api import Api, Operation, Request, Response
from fakes.storage_server.laws import Buckets

LOOPBACK = "127.0.0.1"
COUNTS = "/_internal/requests"
SLOW_S = 1.0
KEPT = 100_000  # requests

# before: 503 and nothing done; after: done, then 503; cut: done, and the connection ends without an answer;
# gone: the connection ends and nothing is done; slow: done, answered later; damaged: media that are not what is stored.
Kind = Literal["before", "after", "cut", "gone", "slow", "damaged"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the next requests of an operation (`insert`, `media`, …)."""

    operation: str
    kind: Kind
    times: int = 1


class StorageServer:
    """A server in this process: `with StorageServer() as server: …`.

    Attributes:
        buckets: What is stored; tests may look and change it.
        requests: Operations in the order in which they came.
    """

    def __init__(self, *, port: int = 0, now: Callable[[], float] = time.time) -> None:
        self.buckets = Buckets(now)
        self.requests: deque[Operation] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()
        self.api = Api(self.buckets)
        self._faults: list[list[Any]] = []
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._bound = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._bound.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def fail(self, fault: Fault) -> None:
        self._faults.append([fault, fault.times])

    def answer(self, request: Request) -> tuple[Response | None, float]:
        """Return the answer and after how many seconds it comes; None for none."""
        if request.path == COUNTS:
            return Response(200, json.dumps(self.counts).encode()), 0.0
        operation = self.api.operation(request)
        self.requests.append(operation)
        self.counts[f"{operation.name} {operation.bucket}"] += 1
        kind = self._next_fault(operation.name)
        if kind == "before":
            return _unavailable(), 0.0
        if kind == "gone":
            return None, 0.0
        answered = self.api.answer(request)
        if kind == "after":
            return _unavailable(), 0.0
        if kind == "cut":
            return None, 0.0
        if kind == "damaged":
            answered = Response(answered.status, answered.body[:-1] + b"\0", answered.headers)
        return answered, SLOW_S if kind == "slow" else 0.0

    def _next_fault(self, operation: str) -> Kind | None:
        for entry in self._faults:
            if entry[0].operation == operation:
                entry[1] -= 1
                if not entry[1]:
                    self._faults.remove(entry)
                return entry[0].kind
        return None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self, self._loop), LOOPBACK, self._port, backlog=512)
        )
        self._port = server.sockets[0].getsockname()[1]
        self._bound.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


class _Connection(asyncio.Protocol):
    """One client; answers in the order of the requests."""

    def __init__(self, server: StorageServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", {}, []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        request = Request.read(method, self._url.decode("latin-1"), self._headers, b"".join(self._body))
        response, after = self._server.answer(request)
        if after:
            self._loop.call_later(after, self._write, response)
        else:
            self._write(response)

    def _write(self, response: Response | None) -> None:
        if response is None:
            self._transport.abort()
            return
        headers = {"Content-Type": "application/json; charset=UTF-8", **response.headers}
        headers["Content-Length"] = str(len(response.body))
        if response.status == 204:
            del headers["Content-Length"]
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(f"HTTP/1.1 {response.status} X\r\n{head}\r\n".encode("latin-1") + response.body)


def _unavailable() -> Response:
    told = {"domain": "global", "reason": "backendError", "message": "Backend Error"}
    return Response(503, json.dumps({"error": {"code": 503, "message": "Backend Error", "errors": [told]}}).encode())
