"""Telemetry by OpenTelemetry: a span and a measurement for each message of a client, and the gateway's state.

Sent in threads of its own by OTLP over HTTP; where that fails, it is lost, and no call waits.

What leaves the house is names and times. But for a message's id, which is cut, nothing that a client made up is among
them: methods and versions are those of the specification, tools those that the upstream has defined. A session is named
as in the records, by its HMAC; never an argument, an answer, a token, a resource's address or a person.

Source: OpenTelemetry semantic conventions for MCP, in development ("Server", `mcp.server.operation.duration`,
`mcp.client.operation.duration`); OTLP 1.x.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Meter, NoOpMeterProvider, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracerProvider,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from affidavit import __version__
from affidavit.clock import SECOND, Micros
from affidavit.gateway.call import Call
from affidavit.gateway.ports import Telemetry
from affidavit.mcp.calls import KNOWN_METHODS
from affidavit.mcp.eras import LEGACY_VERSIONS, MODERN_VERSIONS
from affidavit.mcp.trace_context import TraceContext

LAST_WORDS = 1.0  # seconds that a stop waits for what is left to be sent
MAX_ID = 64  # characters of a JSON-RPC id
NANOSECONDS = 1000  # in a microsecond
BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)  # seconds; of the semantic conventions

_NAME = "affidavit"
_VERSIONS = frozenset(LEGACY_VERSIONS) | frozenset(MODERN_VERSIONS)
_RESERVED = range(-32768, -31999)  # JSON-RPC 2.0 section 5.1: codes that mean something to everybody
_OTHER = "_OTHER"
_WIRE = {"network.transport": "tcp", "network.protocol.name": "http"}

Attributes = dict[str, str]


class OpenTelemetry:
    """Makes a span and a measurement of each call.

    Args:
        tracer: Makes spans.
        meter: Makes instruments.
        ends: Shut providers down, each sending what is left.
    """

    def __init__(self, tracer: Tracer, meter: Meter, ends: Iterable[Callable[[], None]]) -> None:
        self._tracer = tracer
        self._meter = meter
        self._ends = tuple(ends)
        self._served = _duration(meter, "mcp.server.operation.duration", "From a message's arrival to its answer.")
        self._sent = _duration(meter, "mcp.client.operation.duration", "From sending a message on to its answer.")

    def call_ended(self, call: Call, failure: str | int | None, at: Micros) -> None:
        """See `Telemetry.call_ended`."""
        if (
            call.message is None or call.headers is None
        ):  # a GET, a DELETE, or a call of the gateway's own: no message of a client
            return
        if call.message.kind == "response":
            return
        common = _common(call)
        self._span(call, common, failure, at)
        measured = common if failure is None else {**common, "error.type": _bounded(failure)}
        self._served.record(max(0, at - call.received) / SECOND, measured)
        if call.sent:
            self._sent.record(max(0, at - call.sent) / SECOND, measured)

    def watch(self, state: Callable[[], Mapping[str, Any]]) -> None:
        """See `Telemetry.watch`."""
        gauges = {
            "affidavit.calls.in_flight": ("in_flight", "{call}", "Calls without an answer."),
            "affidavit.revocation.lag": ("revocation_lag_s", "s", "Age of what is known here of revocations."),
            "affidavit.uncommitted.age": ("uncommitted_s", "s", "Age of the oldest thing that the log does not hold."),
        }
        for name, (field, unit, description) in gauges.items():
            self._meter.create_observable_gauge(name, [_reading(state, field)], unit, description)

    def close(self) -> None:
        """See `Telemetry.close`."""
        ending = [threading.Thread(target=end, daemon=True) for end in self._ends]
        for thread in ending:
            thread.start()
        for thread in ending:  # who does not answer is left behind, and ends with the process
            thread.join(LAST_WORDS)

    def _span(self, call: Call, common: Attributes, failure: str | int | None, at: Micros) -> None:
        assert call.message is not None  # noqa: S101 `call_ended` has looked
        attributes = {**common, "affidavit.call": call.id}
        if call.session is not None:
            attributes["mcp.session.id"] = call.session
        if call.message.id is not None:
            attributes["jsonrpc.request.id"] = str(call.message.id)[:MAX_ID]
        if failure is not None:
            attributes["error.type"] = str(failure)
        if type(failure) is int:
            attributes["rpc.response.status_code"] = str(failure)
        name, target = common["mcp.method.name"], common.get("gen_ai.tool.name")
        span = self._tracer.start_span(
            f"{name} {target}" if target else name,
            context=_parent(call.trace),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=call.received * NANOSECONDS,
        )
        if failure is not None:
            span.set_status(Status(StatusCode.ERROR))  # without a description: that would be the upstream's own words
        span.end(at * NANOSECONDS)


def open_exporters(sessions: Mapping[str, requests.Session | None], *, resource: Mapping[str, str]) -> Telemetry:
    """Return telemetry that sends `traces`, `metrics` or both, as `OTEL_*` say.

    Args:
        sessions: By signal, what sends it; None for one without credentials.
        resource: What this process is.
    """
    of = Resource.create(dict(resource))
    tracer: Tracer = NoOpTracerProvider().get_tracer(_NAME)
    meter: Meter = NoOpMeterProvider().get_meter(_NAME)
    ends: list[Callable[[], None]] = []
    if "traces" in sessions:
        tracers = TracerProvider(resource=of, shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(session=sessions["traces"])))
        tracer = tracers.get_tracer(_NAME, __version__)
        ends.append(tracers.shutdown)
    if "metrics" in sessions:
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(session=sessions["metrics"]))
        meters = MeterProvider([reader], resource=of, shutdown_on_exit=False)
        meter = meters.get_meter(_NAME, __version__)
        ends.append(meters.shutdown)
    return OpenTelemetry(tracer, meter, ends)


def _common(call: Call) -> Attributes:
    """Return what spans and measurements have in common: few values each, or the memory of both would be a client's."""
    method = call.method if call.method in KNOWN_METHODS else _OTHER
    attributes = {"mcp.method.name": method, **_WIRE}
    version = (call.protocol or "").removeprefix("mcp/")
    if version in _VERSIONS:
        attributes["mcp.protocol.version"] = version
    if call.upstream is not None:
        attributes["affidavit.upstream"] = call.upstream.name
    if method == "tools/call":
        attributes["gen_ai.operation.name"] = "execute_tool"
        if call.definition_digest is not None and call.target is not None:  # the upstream has defined it
            attributes["gen_ai.tool.name"] = call.target
    return attributes


def _bounded(failure: str | int) -> str:
    if type(failure) is int and failure not in _RESERVED:
        return _OTHER
    return str(failure)


def _parent(trace: TraceContext | None) -> Context:
    if trace is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
    span = SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(span), Context())


def _duration(meter: Meter, name: str, description: str) -> Any:
    return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=BUCKETS)


def _reading(state: Callable[[], Mapping[str, Any]], field: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _: [Observation(state()[field])]
