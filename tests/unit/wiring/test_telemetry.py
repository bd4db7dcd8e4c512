"""Where telemetry goes, and as what: what the environment says holds.

Source: OpenTelemetry "OTLP Exporter Configuration", "General SDK Configuration"; Google Cloud "Telemetry API".
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from affidavit.adapters.gcp.telemetry import authorized_session
from affidavit.errors import Misconfigured
from affidavit.wiring.telemetry import open_telemetry
from fakes.otlp_receiver import otlp_receiver


@pytest.fixture
def collector():
    with otlp_receiver() as receiver:
        yield receiver


def told(collector, monkeypatch, project=None, **environment):
    """Return what the collector is told of a process that begins and ends."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **environment}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)  # the exporters read it themselves
    telemetry = open_telemetry(environment, instance="i1", project=project)
    telemetry.watch(lambda: {"in_flight": 3, "uncommitted_s": 0.5})
    telemetry.close()
    return collector.resources()


def test_a_process_says_what_it_is(collector, monkeypatch):
    (resource,) = told(collector, monkeypatch, project="acme-gateway-1", K_SERVICE="acme-gateway")

    assert resource["service.name"] == "acme-gateway"
    assert resource["service.instance.id"] == "i1"
    assert resource["gcp.project_id"] == "acme-gateway-1"
    assert [point.as_int for _, point in collector.points("affidavit.calls.in_flight")] == [3]
    assert [point.as_double for _, point in collector.points("affidavit.uncommitted.age")] == [0.5]


def test_what_the_environment_says_holds(collector, monkeypatch):
    said = {"OTEL_SERVICE_NAME": "mine", "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=7,team=audit"}

    (resource,) = told(collector, monkeypatch, K_SERVICE="acme-gateway", **said)

    assert (resource["service.name"], resource["service.instance.id"], resource["team"]) == ("mine", "7", "audit")


def test_a_signal_can_have_an_address_of_its_own(collector, monkeypatch):
    own = {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{collector.url}/own/metrics"}

    told(collector, monkeypatch, **own)

    assert [path for path, _, _ in collector.sent] == ["/own/metrics"]


def test_a_signal_that_nobody_wants_is_not_sent(collector, monkeypatch):
    told(collector, monkeypatch, OTEL_METRICS_EXPORTER="none")

    assert collector.sent == []


def test_googles_collector_takes_googles_credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nowhere.json"))
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://telemetry.googleapis.com"}

    with pytest.raises(Misconfigured, match="credentials"):
        open_telemetry(environment, instance="i1", project="acme-gateway-1")


def test_what_is_sent_with_googles_credentials_bears_their_token(collector, monkeypatch, tmp_path, token_endpoint):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "client_email": "gateway@acme.iam.gserviceaccount.com",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "token_uri": token_endpoint,
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))

    authorized_session().post(f"{collector.url}/v1/traces", data=b"")

    ((_, headers, _),) = collector.sent
    assert headers["authorization"] == "Bearer a-token"


@pytest.fixture
def token_endpoint():
    """Google's token endpoint, as far as a service account's key needs it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"access_token":"a-token","expires_in":3600,"token_type":"Bearer"}')

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/token"
    server.shutdown()
    server.server_close()
