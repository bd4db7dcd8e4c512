"""What Terraform makes, on emulators: buckets with locked retention, topics, a push subscription, functions, a gateway.

Names are Terraform's (`terraform/README.md`). Nothing here is a mock of ours: emulators, servers that enforce what the
real ones do, and our own programs as they are deployed.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.pubsub_v1 import PublisherClient, SubscriberClient

from cloud.processes import LOOPBACK, Program, Programs
from fakes.emulators import FIRESTORE, PUBSUB, Emulator, running
from fakes.issuer import Issuer
from fakes.ports import free_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PROJECT = "affidavit-test"
PREFIX = "acme"
ORIGIN = "gateway.example.com/audit"
PUBLIC_URL = "https://gateway.example.com"
KEY_VERSION = f"projects/{PROJECT}/locations/europe-west1/keyRings/{PREFIX}/cryptoKeys/log/cryptoKeyVersions/1"
SECRET = f"projects/{PROJECT}/secrets/{PREFIX}-deployment/versions/1"
TOPIC = f"projects/{PROJECT}/topics/{PREFIX}-evidence"
DEAD_TOPIC = f"projects/{PROJECT}/topics/{PREFIX}-evidence-dead"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/{PREFIX}-evidence-write"
DEAD_SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/{PREFIX}-evidence-dead"
ACCOUNT = f"{PREFIX}-gateway@{PROJECT}.iam.gserviceaccount.com"
BUCKETS = ("evidence", "body-standard", "quarantine", "log", "check")
LOCKED = ("evidence", "body-standard")
RETENTION_S = 400 * 24 * 3600
ACK_DEADLINE_S = 10
FUNCTION_S = 60  # a request to a function may take so long

CONFIGURATION = f"""\
version: 1
origin: {ORIGIN}
public_url: {PUBLIC_URL}

issuers:
  - name: staff
    issuer: https://staff.test
    audiences: [{PUBLIC_URL}]
    jwks_file: ./staff.json
    attribution: person

upstreams:
  - name: warehouse
    kind: mcp
    url: {{upstream}}
    credential: {{{{google_id_token: {{{{audience: https://warehouse.example.com}}}}}}}}

rules:
  - name: people-may-query
    when: upstream == "warehouse" && principal.attribution == "person"
    then: allow
"""


@dataclass(slots=True)
class Deployment:
    """Everything that runs.

    Attributes:
        functions: By entry point.
    """

    folder: Path
    programs: Programs
    upstream: Program
    storage: Program
    pubsub: Emulator
    gateway: Program
    functions: dict[str, Program]
    staff: Issuer = field(default_factory=lambda: Issuer("https://staff.test"))

    @property
    def url(self) -> str:
        return f"{self.gateway.url}/mcp/warehouse"

    @property
    def environment(self) -> dict[str, str]:
        """What a command of ours needs to find the emulators."""
        return self.programs.environment

    def token(self) -> str:
        """Return a person's token."""
        return self.staff.token(sub="ana", email="ana@example.com", email_verified=True, aud=PUBLIC_URL, jti="ana")

    def answered_by_the_upstream(self) -> int:
        """Return how many tool calls have reached the upstream, as it counts them itself."""
        with urllib.request.urlopen(f"{self.upstream.url}/count", timeout=10) as answer:
            return int(json.load(answer).get("/mcp tools/call", 0))

    def call_function(self, name: str) -> dict[str, object]:
        """Call a function as Cloud Scheduler does, and return what it answers.

        Raises:
            OSError: It is not there, or says that something is wrong.
        """
        request = urllib.request.Request(self.functions[name].url, data=b"{}", method="POST")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=FUNCTION_S) as answer:
            return dict(json.load(answer))

    def client(self) -> storage.Client:
        """Return Google's own client of the Storage server."""
        return storage_client(self.storage.url)


class Scheduler:
    """Cloud Scheduler: calls a function again and again, whatever comes of it."""

    def __init__(self, deployment: Deployment, name: str, *, every_s: float) -> None:
        self._deployment = deployment
        self._name = name
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: list[dict[str, object]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            with contextlib.suppress(OSError):  # killed just now, or busy: the next call finds what is left
                self.answers.append(self._deployment.call_function(self._name))


def storage_client(url: str) -> storage.Client:
    return storage.Client(project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": url})


@contextlib.contextmanager
def deployed(folder: Path, configuration: str = CONFIGURATION) -> Iterator[Deployment]:
    """Run a whole deployment while the block lasts.

    Args:
        folder: What the configuration names lies there, but for the staff's keys.
        configuration: Of the gateway; `{upstream}` is where the upstream is.

    Raises:
        Broken: Something of it does not start.
    """
    ports = {name: free_port() for name in _NAMES}
    with running(PUBSUB) as pubsub, running(FIRESTORE) as firestore:
        environment = {**_environment(ports), **pubsub.environment, **firestore.environment}
        programs = Programs(folder, environment)
        try:
            deployment = _start(folder, programs, ports, pubsub, configuration)
            programs.await_ready()
            yield deployment
        finally:
            programs.stop()


_SERVERS = ("storage", "kms", "secrets", "metadata")
_FUNCTIONS = ("write_evidence", "sequence_log", "check_log")
_NAMES = (*_SERVERS, *_FUNCTIONS, "upstream", "gateway")


def _environment(ports: dict[str, int]) -> dict[str, str]:
    bodies = f"standard={PREFIX}-body-standard"
    return {
        "PYTHONPATH": f"{ROOT / 'proxy_service'}:{ROOT / 'tests'}",
        "STORAGE_EMULATOR_HOST": f"http://{LOOPBACK}:{ports['storage']}",
        "KMS_EMULATOR_HOST": f"{LOOPBACK}:{ports['kms']}",
        "SECRET_MANAGER_EMULATOR_HOST": f"{LOOPBACK}:{ports['secrets']}",
        "GCE_METADATA_HOST": f"{LOOPBACK}:{ports['metadata']}",
        "GCE_METADATA_IP": f"{LOOPBACK}:{ports['metadata']}",  # where google-auth looks whether there is one
        "AFFIDAVIT_PROJECT": PROJECT,
        "AFFIDAVIT_ORIGIN": ORIGIN,
        "AFFIDAVIT_EVIDENCE_BUCKET": f"{PREFIX}-evidence",
        "AFFIDAVIT_BODY_BUCKETS": bodies,
        "AFFIDAVIT_QUARANTINE_BUCKET": f"{PREFIX}-quarantine",
        "AFFIDAVIT_LOG_BUCKET": f"{PREFIX}-log",
        "AFFIDAVIT_CHECK_BUCKET": f"{PREFIX}-check",
        "AFFIDAVIT_EVIDENCE_TOPIC": TOPIC,
        "AFFIDAVIT_DEAD_LETTERS": DEAD_SUBSCRIPTION,
        "AFFIDAVIT_DEPLOYMENT_SECRET": SECRET,
        "AFFIDAVIT_LOG_KEY": KEY_VERSION,
        "AFFIDAVIT_RETENTION": "standard=400",
        "AFFIDAVIT_WRITERS": f"gateway={ACCOUNT}",
        "AFFIDAVIT_ATTESTATION_KEYS": f"http://{LOOPBACK}:{ports['metadata']}/jwks",
    }


def _start(folder: Path, programs: Programs, ports: dict[str, int], pubsub: Emulator, configured: str) -> Deployment:
    python, port = sys.executable, {name: str(number) for name, number in ports.items()}
    programs.add("storage", [python, "-m", "fakes.storage_server", "--port", port["storage"]], ports["storage"])
    programs.add(
        "kms", [python, "-m", "fakes.kms_server", "--port", port["kms"], "--key-version", KEY_VERSION], ports["kms"]
    )
    programs.add(
        "secrets",
        [python, "-m", "fakes.secret_server", "--port", port["secrets"], "--secret", SECRET],
        ports["secrets"],
    )
    programs.add(
        "metadata",
        [python, "-m", "fakes.metadata_server", "--port", port["metadata"], "--account", ACCOUNT],
        ports["metadata"],
    )
    upstream = programs.add("upstream", [python, "-m", "performance.upstream", port["upstream"]], ports["upstream"])
    programs.await_ready()
    by_name = {program.name: program for program in programs.all}
    make_buckets(by_name["storage"].url)
    make_topics(f"http://{LOOPBACK}:{ports['write_evidence']}/", programs.environment["PUBSUB_EMULATOR_HOST"])
    functions = {name: _function(programs, name, ports[name]) for name in _FUNCTIONS}
    staff = Issuer("https://staff.test")
    staff.write_jwks(folder / "staff.json")
    configuration = folder / "affidavit.yaml"
    configuration.write_text(configured.format(upstream=f"{upstream.url}/mcp"), encoding="utf-8")
    gateway = add_gateway(programs, folder, "gateway", ports["gateway"])
    return Deployment(
        folder=folder,
        programs=programs,
        upstream=upstream,
        storage=by_name["storage"],
        pubsub=pubsub,
        gateway=gateway,
        functions=functions,
        staff=staff,
    )


def add_gateway(programs: Programs, folder: Path, name: str, port: int) -> Program:
    """Start an instance of the gateway; any number may run."""
    command = [str(BIN / "affidavit"), "serve", "--config", str(folder / "affidavit.yaml"), "--host", LOOPBACK]
    return programs.add(name, command, port, ready="/readyz", PORT=str(port))


def _function(programs: Programs, name: str, port: int) -> Program:
    command = [str(BIN / "functions-framework"), "--source", str(ROOT / "functions" / "main.py")]
    return programs.add(name, [*command, "--target", name, "--port", str(port), "--host", LOOPBACK], port)


def make_buckets(url: str) -> None:
    """Make the buckets as terraform/audit does, with the retention locked."""
    client = storage_client(url)
    for name in BUCKETS:
        bucket = client.bucket(f"{PREFIX}-{name}")
        if name in LOCKED:
            bucket.retention_period = RETENTION_S
        bucket.create(location="EUROPE-WEST1")
        if name in LOCKED:
            bucket.lock_retention_policy()


def make_topics(endpoint: str, emulator: str) -> None:
    """Make the topics and subscriptions as terraform/gateway does, but for the retry policy.

    The emulator makes half a minute of a `maximum_backoff` of 10 s.
    """
    publisher = _client(PublisherClient, emulator)
    subscriber = _client(SubscriberClient, emulator)
    for topic in (TOPIC, DEAD_TOPIC):
        publisher.create_topic(request={"name": topic})
    subscriber.create_subscription(request={"name": DEAD_SUBSCRIPTION, "topic": DEAD_TOPIC})
    subscriber.create_subscription(
        request={
            "name": SUBSCRIPTION,
            "topic": TOPIC,
            "push_config": {"push_endpoint": endpoint},
            "ack_deadline_seconds": ACK_DEADLINE_S,
            "dead_letter_policy": {"dead_letter_topic": DEAD_TOPIC, "max_delivery_attempts": 100},
        }
    )


def pubsub_publisher(deployment: Deployment) -> PublisherClient:
    """Return Google's own client of the Pub/Sub emulator."""
    return _client(PublisherClient, deployment.environment["PUBSUB_EMULATOR_HOST"])


def _client(kind: Any, emulator: str) -> Any:
    transport = kind.get_transport_class("grpc")(channel=grpc.insecure_channel(emulator))
    return kind(transport=transport)
