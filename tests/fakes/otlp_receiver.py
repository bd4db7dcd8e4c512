"""A collector of telemetry: keeps every byte that it was sent, and reads it as OTLP.

Source: OTLP 1.x "OTLP/HTTP".
"""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

WAIT_S = 15  # until a test that waits for telemetry fails


@dataclass
class OtlpReceiver:
    """What has come.

    Attributes:
        sent: Path, headers and body of every request.
        answers: The status of every answer; a 400 is not tried again.
    """

    sent: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: int = 200
    url: str = ""

    @property
    def everything(self) -> bytes:
        """The bytes of all that has come, heads and bodies."""
        return b"".join(f"{path}{headers}".encode() + body for path, headers, body in self.sent)

    def spans(self) -> list[dict[str, Any]]:
        return [
            {
                "attributes": _attributes(span.attributes),
                "resource": _attributes(group.resource.attributes),
                "span": span,
            }
            for body in self._bodies("/v1/traces")
            for group in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]

    def points(self, metric: str) -> list[tuple[dict[str, Any], Any]]:
        """Return the newest points of a metric, each with its attributes."""
        found: list[tuple[dict[str, Any], Any]] = []
        for body in self._bodies("/v1/metrics"):
            for group in _metrics(body):
                for one in (one for scope in group.scope_metrics for one in scope.metrics if one.name == metric):
                    points = one.histogram.data_points or one.gauge.data_points
                    found = [(_attributes(point.attributes), point) for point in points]
        return found

    def resources(self) -> list[dict[str, Any]]:
        """Return what the senders of metrics say they are."""
        groups = (one for body in self._bodies("/v1/metrics") for one in _metrics(body))
        return [_attributes(group.resource.attributes) for group in groups]

    def wait_for_span(self, **attributes: Any) -> dict[str, Any]:
        """Wait for a span whose attributes hold these; dots are written as two underscores."""
        wanted = {name.replace("__", "."): value for name, value in attributes.items()}
        return self.wait_until(
            lambda: next((one for one in self.spans() if wanted.items() <= one["attributes"].items()), None)
        )

    def wait_until(self, found: Callable[[], Any]) -> Any:
        ends = time.monotonic() + WAIT_S
        while not (value := found()):
            assert time.monotonic() < ends, f"it did not come: {[span['attributes'] for span in self.spans()]}"
            time.sleep(0.02)
        return value

    def _bodies(self, path: str) -> list[bytes]:
        return [body for at, _, body in list(self.sent) if at == path]


def _metrics(body: bytes) -> Any:
    return ExportMetricsServiceRequest.FromString(body).resource_metrics


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """Listen while the block lasts."""
    receiver = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.sent.append((self.path, dict(self.headers), body))
            self.send_response(receiver.answers)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
