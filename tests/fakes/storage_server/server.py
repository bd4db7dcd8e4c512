"""The server itself: connections, and faults on them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from fakes.storage_server.buckets import Buckets
from fakes.storage_server.faults import Fault, Faults, Seen
from fakes.storage_server.resources import Bucket
from fakes.storage_server.tally import PATH, Tally
from fakes.storage_server.wire import JSON, Answer, JsonApi, Request

LOOPBACK = "127.0.0.1"
SILENT_S = 30.0  # at most; callers have a deadline


class StorageServer:
    """Serves on loopback while the block lasts.

    Args:
        now: Seconds since 1970: retention, generations and the limit of changes go by it.
        port: 0: a free one.
    """

    def __init__(self, *, now: Callable[[], float] = time.time, port: int = 0) -> None:
        self.buckets = Buckets(now)
        self.faults = Faults()
        self._http = _Http((LOOPBACK, port), _Handler)
        self._http.api = JsonApi(self.buckets)
        self._http.faults = self.faults
        self._http.tally = Tally()
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """What stands in `STORAGE_EMULATOR_HOST`."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def requests(self) -> Sequence[Seen]:
        """Every request that came, in order."""
        return self.faults.requests

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.faults.mend()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def make_bucket(self, name: str, *, retention_s: int = 0, locked: bool = False) -> Bucket:
        """Make a bucket without asking."""
        policy = {"retentionPolicy": {"retentionPeriod": retention_s}} if retention_s else {}
        bucket = self.buckets.make({"name": name, **policy})
        if locked:
            self.buckets.lock(name, {"ifMetagenerationMatch": str(bucket.metageneration)})
        return bucket

    def allow(self, bucket: str, *permissions: str) -> None:
        """Take all permissions on a bucket away from callers but these."""
        self.buckets.bucket(bucket).allowed = frozenset(permissions)

    def fail(self, fault: Fault, times: int = 1, *, operation: str = "", name: str = "") -> None:
        """Break the next requests; see `Faults.fail`."""
        self.faults.fail(fault, times, operation=operation, name=name)

    def mend(self) -> None:
        """Answer all requests again."""
        self.faults.mend()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    api: JsonApi
    faults: Faults
    tally: Tally

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that are gone."""


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write an answer

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == PATH:
            return self._send(Answer(body=self.server.tally.form(), headers={"Content-Type": JSON}))
        asked = Request(self.command, self.path, self.headers, body)  # type: ignore[arg-type]
        seen = asked.read()
        fault = self.server.faults.next_for(seen)
        if fault is None:
            answer = self.server.api.answer(asked, seen)
            self.server.tally.note(seen, answer.status)
            return self._send(answer)
        if fault.how == "garbled":
            return self._send(_garbled(self.server.api, asked, seen))
        if fault.persisted:
            self.server.api.answer(asked, seen)
        return self._break(fault)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 the names that http.server calls

    def _break(self, fault: Fault) -> None:
        if fault.how == "error":
            return self._send(Answer(fault.status, b"We encountered an internal error. Please try again."))
        if fault.how == "silence":
            self.server.faults.mended.wait(SILENT_S)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
        return None

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _garbled(api: JsonApi, asked: Request, seen: Seen) -> Answer:
    """Return what comes of it when one bit of the object is turned over on its way."""
    if asked.method == "GET":
        answer = api.answer(asked, seen)
        answer.body = bytes([answer.body[0] ^ 1]) + answer.body[1:]
        return answer
    end = asked.body.rfind(b"\r\n--")  # of a multipart upload
    at = end - 1 if end > 0 else 0
    body = asked.body[:at] + bytes([asked.body[at] ^ 1]) + asked.body[at + 1 :]
    return api.answer(Request(asked.method, asked.target, asked.headers, body), seen)
