"""What operators are told of calls, and what no collector of telemetry ever sees.

Source: OpenTelemetry semantic conventions for MCP; W3C Trace Context; OTLP "OTLP/HTTP".
"""

import json
import subprocess
import sys

import pytest

from fakes.gateway_house import CREDENTIAL, HOUSE, House
from fakes.gateway_process import launch, serving
from fakes.mcp_client import LEGACY, MODERN
from fakes.otlp_receiver import otlp_receiver

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SILENT = (
    {},
    {"OTEL_SERVICE_NAME": "x"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "True"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
)
SERVER, ERROR = 2, 2  # SpanKind.SPAN_KIND_SERVER, Status.STATUS_CODE_ERROR


def environment(url: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-collector=for-the-collector",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_METRIC_EXPORT_INTERVAL": "100",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }


@pytest.fixture(scope="module")
def collector():
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def house(upstream, tmp_path_factory, collector):
    """A gateway that tells a collector."""
    house = House(tmp_path_factory.mktemp("told"), upstream)
    house.prepare(HOUSE)
    with serving(house.configuration, house.data, environment=environment(collector.url)) as house.running:
        house.await_listings("warehouse", "asking")
        yield house
        assert house.gateway.stop() == 0, house.gateway.diagnostics()


def test_a_call_is_a_span_with_the_names_of_the_conventions(house, collector):
    house.client("named").call("echo", text="hello")

    (record,) = [one for one in house.evidence.records("call:requested") if one["principal"]["subject"] == "named"]
    told = collector.wait_for_span(affidavit__call=record["call"])
    assert told["span"].name == "tools/call echo"
    assert told["span"].kind == SERVER
    assert told["span"].status.code == 0
    assert told["span"].end_time_unix_nano > told["span"].start_time_unix_nano
    assert told["attributes"] == {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": MODERN,
        "mcp.session.id": record["session"],
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "echo",
        "jsonrpc.request.id": "1",
        "network.transport": "tcp",
        "network.protocol.name": "http",
        "affidavit.call": record["call"],
        "affidavit.upstream": "warehouse",
    }
    resource = told["resource"]
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("affidavit", "test")
    assert resource["service.instance.id"]


def test_the_session_is_the_recorded_one_and_never_its_id(house, collector, upstream):
    """evidence-format section 5, `session`: an HMAC; whoever holds the id holds the session."""
    client = house.client("in-session").initialize()
    client.legacy_call("echo")

    told = collector.wait_for_span(mcp__protocol__version=LEGACY, gen_ai__tool__name="echo")
    (record,) = house.evidence.records("call:requested", call=told["attributes"]["affidavit.call"])
    assert told["attributes"]["mcp.session.id"] == record["session"]
    assert client.session.encode() not in collector.everything
    assert upstream.requests[-1].header("mcp-session-id").encode() not in collector.everything


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_call_is_part_of_its_clients_trace_and_the_upstream_is_told_the_same(house, collector, upstream, where):
    """W3C Trace Context section 3.2, SEP-414; what is forwarded stays as it came."""
    span = ("1" if where == "header" else "2") * 16
    traceparent = f"00-{TRACE}-{span}-01"
    client = house.client()
    if where == "header":
        client.post(client.calling("echo"), traceparent=traceparent, tracestate="a=1")
    else:
        client.post(client.request("tools/call", name="echo", arguments={}, _meta={"traceparent": traceparent}))

    told = collector.wait_until(lambda: [one for one in collector.spans() if one["span"].parent_span_id.hex() == span])
    assert [one["span"].trace_id.hex() for one in told] == [TRACE]
    arrived = upstream.calls()[-1]
    if where == "header":
        assert (arrived.header("traceparent"), arrived.header("tracestate")) == (traceparent, "a=1")
    else:
        assert arrived.params["_meta"]["traceparent"] == traceparent
        assert arrived.header("traceparent") is None


def test_what_a_client_does_not_want_traced_is_not(house, collector):
    """W3C Trace Context section 3.2.2.5.1; the standard's sampler goes by the parent."""
    unwanted = "9" * 32
    client = house.client()
    client.post(client.calling("echo"), traceparent=f"00-{unwanted}-{SPAN}-00")
    last = client.call("echo").record
    (record,) = [one for one in house.evidence.records("call:requested") if f"{one['writer']}/{one['seq']}" == last]
    collector.wait_for_span(affidavit__call=record["call"])

    assert unwanted not in {one["span"].trace_id.hex() for one in collector.spans()}


def test_a_refusal_is_an_error_with_our_code(house, collector):
    house.client("refused").call("drop_table", name="orders")

    told = collector.wait_for_span(error__type="denied")
    assert told["span"].status.code == ERROR
    assert told["attributes"]["mcp.method.name"] == "tools/call"


def test_an_error_of_the_upstream_is_its_code_and_none_of_its_words(house, collector, upstream):
    upstream.next_call(lambda exchange: exchange.error(-32001, "words of the upstream"))
    house.client().call("echo")

    told = collector.wait_for_span(rpc__response__status_code="-32001")
    assert told["attributes"]["error.type"] == "-32001"
    assert told["span"].status.message == ""
    assert b"words of the upstream" not in collector.everything


def test_a_tool_that_failed_is_an_error_though_its_call_succeeded(house, collector, upstream):
    """Semantic conventions for MCP: `isError` is `tool_error`."""
    upstream.next_call(lambda exchange: exchange.result({"content": [], "isError": True}))
    house.client().call("echo")

    assert collector.wait_for_span(error__type="tool_error")["attributes"]["gen_ai.tool.name"] == "echo"


def test_the_error_at_the_end_of_a_stream_is_the_calls(house, collector, upstream):
    client = house.client("streaming")
    with client.begin(client.calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        exchange.notify("one")
        exchange.event({"jsonrpc": "2.0", "id": exchange.id, "error": {"code": -32603, "message": "no"}})
        exchange.end()
        begun.answer()

    assert collector.wait_for_span(rpc__response__status_code="-32603")["attributes"]["gen_ai.tool.name"] == "held"


def test_an_upstream_that_is_not_there_is_how_the_call_ended(house, collector):
    house.client(upstream="nowhere").ask("tools/list")

    assert collector.wait_for_span(error__type="unreachable")["attributes"]["affidavit.upstream"] == "nowhere"


def test_names_that_a_client_makes_up_are_not_passed_on(house, collector):
    """Each would be a series of its own in every collector, and might say anything."""
    client = house.client("inventive")
    client.call("made-up-tool")
    client.ask("made-up/method")
    client.ask("resources/read", uri="made-up://address")

    collector.wait_for_span(mcp__method__name="_OTHER")
    collector.wait_for_span(mcp__method__name="resources/read")
    assert b"made-up" not in collector.everything


def test_how_long_calls_take_is_measured(house, collector):
    house.client().call("echo")

    def measured(metric):
        points = collector.points(metric)
        return [point for attributes, point in points if attributes.get("gen_ai.tool.name") == "echo"]

    for metric in ("mcp.server.operation.duration", "mcp.client.operation.duration"):
        (point, *_) = collector.wait_until(lambda metric=metric: measured(metric))
        assert list(point.explicit_bounds)[:3] == [0.01, 0.02, 0.05]
        assert point.count >= 1
    attributes = {name for found, _ in collector.points("mcp.server.operation.duration") for name in found}
    assert "mcp.session.id" not in attributes
    assert "affidavit.call" not in attributes


def test_the_gateways_state_is_measured(house, collector):
    for metric in ("affidavit.calls.in_flight", "affidavit.uncommitted.age"):
        ((_, point),) = collector.wait_until(lambda metric=metric: collector.points(metric))
        assert (point.as_int or point.as_double) >= 0


def test_nothing_that_was_said_ever_leaves_the_house(house, collector, upstream):
    """Arguments are never exported; nor answers, tokens, addresses or people."""
    client = house.client("private-person", jti="private-token-id")
    upstream.next_call(lambda exchange: exchange.says("s3cret-answer"))
    client.call("echo", password="s3cret-argument", nested={"s3cret-key": 1})
    client.call("drop_table", name="s3cret-denied")
    house.stranger("s3cret-stranger").call("echo", text="s3cret-unread")
    last = client.call("echo").record
    (record,) = [one for one in house.evidence.records("call:requested") if f"{one['writer']}/{one['seq']}" == last]
    collector.wait_for_span(affidavit__call=record["call"])

    sent = collector.everything
    assert b"s3cret" not in sent
    for said in ("private-person", "private-token-id", client.token, CREDENTIAL, client.ip):
        assert said.encode() not in sent, said
    assert "for-the-collector" in json.dumps([headers for _, headers, _ in collector.sent])
    assert "for-the-collector" not in house.gateway.diagnostics()


def test_what_is_left_is_sent_at_the_end_and_a_collector_that_is_gone_holds_nobody_up(upstream, tmp_path):
    house = House(tmp_path, upstream)
    house.prepare(HOUSE)
    with otlp_receiver() as receiver:
        late = {**environment(receiver.url), "OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_METRIC_EXPORT_INTERVAL": "60000"}
        with serving(house.configuration, house.data, environment=late) as house.running:
            house.client().call("echo")
            assert receiver.spans() == []
            assert house.gateway.stop() == 0
        assert [one["attributes"]["mcp.method.name"] for one in receiver.spans()] == ["tools/call"]
        assert receiver.points("mcp.server.operation.duration")
    with serving(house.configuration, house.data, environment=late) as house.running:
        assert house.client().call("echo").status == 200
        assert house.gateway.stop() == 0


def test_telemetry_that_nothing_here_can_send_is_refused_at_the_start(upstream, tmp_path):
    house = House(tmp_path, upstream)
    house.prepare(HOUSE)
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text("import sys\nsys.modules['opentelemetry'] = None\n")
    hidden = {**environment("http://127.0.0.1:9"), "PYTHONPATH": f"{tmp_path / 'hidden'}:{':'.join(sys.path[1:])}"}

    with launch(house.configuration, house.data, subprocess.PIPE, hidden) as process:
        _, said = process.communicate(timeout=30)

    assert process.returncode == 2
    assert b"pip install 'affidavit[gcp]'" in said


def test_nobody_who_is_told_nothing_loads_anything_for_it():
    """Off is free of cost: not even imported."""
    script = "\n".join(
        (
            "import sys, affidavit.cli.serve",
            "from affidavit.wiring.telemetry import open_telemetry as opened",
            *(f"assert opened({environment}, instance='1') is None" for environment in SILENT),
            "print(*sys.modules)",
        )
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert not [name for name in done.stdout.split() if name.startswith(("opentelemetry", "google.auth", "requests"))]
