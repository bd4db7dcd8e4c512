"""What `affidavit serve` shows upstreams in its own name, and what its records say of it.

Source: architecture "Configuration" (`upstreams[].credential`); evidence-format section 4 (extra fields).
"""

import pytest

from affidavit.identity.id_token import UnverifiedToken
from fakes.gateway_house import HOUSE, House
from fakes.gateway_process import launch, serving
from fakes.iam_server import IamServer
from fakes.metadata_server import MetadataServer
from fakes.secret_server import SecretServer

ACCOUNT = "acme-gateway@acme.iam.gserviceaccount.com"
READER = "reader@acme.iam.gserviceaccount.com"
AUDIENCE = "https://warehouse.example.com"
SECRET = "projects/acme-gateway/secrets/hasty-key"
VALUE = b"for-the-hasty-one"
FIXED = 'header: {name: Authorization, prefix: "Bearer ", file: ./warehouse-token}'
CREDENTIALS = {
    "warehouse": f"google_id_token: {{audience: '{AUDIENCE}'}}",
    "hasty": 'secret: {name: X-Key, prefix: "key ", secret: "secret:hasty-key"}',
    "asking": f"google_id_token: {{audience: '{AUDIENCE}', impersonate: {READER}}}",
}


def configuration() -> str:
    text = HOUSE.replace(f"    credential:\n      {FIXED}\n", "")
    for name, credential in CREDENTIALS.items():
        text = text.replace(f"  - name: {name}\n", f"  - name: {name}\n    credential: {{{credential}}}\n", 1)
    return text


class Cloud:
    """Google's services, as far as a gateway asks them for credentials."""

    def __init__(self, metadata, secrets, iam, environment):
        self.metadata, self.secrets, self.iam, self.environment = metadata, secrets, iam, environment


@pytest.fixture(scope="module")
def cloud():
    metadata, secrets, iam = MetadataServer(ACCOUNT), SecretServer(), IamServer(READER)
    secrets.add(SECRET, b"of yesterday")
    secrets.add(SECRET, VALUE)
    with metadata.serving() as server, secrets.serving() as manager, iam.serving() as makes:
        environment = {
            "AFFIDAVIT_PROJECT": "acme-gateway",
            "GCE_METADATA_HOST": server,
            "GCE_METADATA_IP": server,
            "SECRET_MANAGER_EMULATOR_HOST": manager,
            "IAM_CREDENTIALS_EMULATOR_HOST": makes,
        }
        yield Cloud(metadata, secrets, iam, environment)


@pytest.fixture(scope="module")
def house(upstream, tmp_path_factory, cloud):
    """A gateway whose upstreams each get another credential."""
    house = House(tmp_path_factory.mktemp("shown"), upstream)
    house.prepare(configuration())
    with serving(house.configuration, house.data, environment=cloud.environment) as house.running:
        house.await_listings(*CREDENTIALS)
        yield house
        assert house.gateway.stop() == 0, house.gateway.diagnostics()


def shown(house, upstream, name, who="ana"):
    """Call a tool of an upstream; return what it was shown in a header, and what the record says of that."""
    assert house.client(who, upstream=name).call("echo").status == 200
    (arrived,) = upstream.calls()
    (record,) = [
        record
        for record in house.evidence.records("call:requested", upstream=name)
        if record["principal"]["subject"] == who
    ]
    return arrived, record["credential"]


def claims(arrived):
    scheme, _, token = arrived.header("authorization").partition(" ")
    assert scheme == "Bearer"
    return UnverifiedToken.read(token).claims


def test_an_upstream_is_shown_an_id_token_of_the_gateways_account(house, upstream):
    arrived, said = shown(house, upstream, "warehouse")

    assert (claims(arrived)["aud"], claims(arrived)["email"]) == (AUDIENCE, ACCOUNT)
    assert said == {"account": ACCOUNT, "audience": AUDIENCE, "kind": "google_id_token"}


def test_an_upstream_is_shown_an_id_token_of_the_account_that_it_knows(house, upstream):
    arrived, said = shown(house, upstream, "asking")

    assert (claims(arrived)["aud"], claims(arrived)["email"]) == (AUDIENCE, READER)
    assert said == {"account": READER, "audience": AUDIENCE, "kind": "google_id_token"}


def test_an_upstream_is_shown_a_secret_whose_version_is_on_record(house, upstream):
    arrived, said = shown(house, upstream, "hasty")

    assert arrived.header("x-key") == f"key {VALUE.decode()}"
    assert said == {"kind": "secret", "secret": SECRET, "version": "2"}


def test_the_gateways_own_calls_name_their_credential_as_well(house):
    listings = house.evidence.records("call:requested", method="tools/list")

    kinds = {record["upstream"]: record["credential"]["kind"] for record in listings if record["upstream"] != "nowhere"}
    assert kinds == {"warehouse": "google_id_token", "hasty": "secret", "asking": "google_id_token"}
    assert not any("credential" in record for record in listings if record["upstream"] == "nowhere")


def test_what_was_fetched_for_one_call_serves_the_next(house, cloud):
    client = house.client("again")
    asked = (list(cloud.metadata.asked), cloud.secrets.reads, list(cloud.iam.asked))

    for name in CREDENTIALS:
        assert client.at(name).call("echo").status == 200

    assert (cloud.metadata.asked, cloud.secrets.reads, cloud.iam.asked) == asked


def test_no_header_brings_the_credential_back(house, upstream):
    """mcp "Duties": the gateway's own credential never comes back."""
    seen = []

    def reflect(exchange):
        seen.append(exchange.request.header("authorization"))
        exchange.result(exchange.said("done"), headers={"Authorization": seen[0], "X-Authorization": seen[0]})

    upstream.next_call(reflect)
    answer = house.client("reflected").call("scripted")

    assert answer.status == 200
    assert seen[0].startswith("Bearer ")
    assert seen[0] not in str(answer)


def test_no_credential_stands_in_the_evidence_or_the_diagnostics(house, upstream):
    arrived, _ = shown(house, upstream, "warehouse", "witness")
    signature = arrived.header("authorization").rpartition(".")[2].encode()

    evidence = house.evidence
    bodies = [evidence.body(record["request"]) for record in evidence.records("call:requested") if record["request"]]
    said = [*evidence.files(), *evidence.lines().values(), *bodies, house.gateway.diagnostics().encode()]
    assert not any(value in content for value in (signature, VALUE) for content in said)


WRONG = [
    ("hasty-key", "no-key", ("upstream hasty", "gcloud secrets versions add")),
    (READER, "nobody@acme.iam.gserviceaccount.com", ("upstream asking", "no such service account")),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_credential_that_cannot_be_had_is_refused_before_anything_is_written(wrong, upstream, cloud, tmp_path):
    old, new, (which, mend) = wrong
    house = House(tmp_path, upstream)
    house.prepare(configuration().replace(old, new))

    with launch(house.configuration, house.data, environment=cloud.environment) as process:
        _, said = process.communicate(timeout=20)

    assert process.returncode == 2
    assert which in said.decode()
    assert mend in said.decode()
    assert "Traceback" not in said.decode()
    assert not list((house.data / "evidence").rglob("*.json"))
