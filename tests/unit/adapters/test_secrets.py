"""`adapters.gcp.secrets`: values with the number of their version, checked, and never shown.

Source: architecture "Configuration"; Secret Manager "Data integrity assurance".
"""

import grpc
import pytest

from affidavit.adapters.gcp.secrets import Secrets, open_secrets
from affidavit.errors import Misconfigured, Unavailable
from affidavit.policy import fields
from fakes.secret_server import SecretServer

TOKEN = "projects/acme-gateway/secrets/warehouse-token"


@pytest.fixture
def server():
    server = SecretServer()
    with server.serving() as server.address:
        yield server


@pytest.fixture
def secrets(server):
    return Secrets(open_secrets({"SECRET_MANAGER_EMULATOR_HOST": server.address}), "acme-gateway")


def test_the_newest_version_is_read_and_named_by_its_number(server, secrets):
    server.add(TOKEN, b"first")
    server.add(TOKEN, b"second")

    for reference in ("secret:warehouse-token", f"{TOKEN}/versions/latest"):
        secret = secrets.read(reference)
        assert (secret.value, secret.version) == (b"second", "2")


def test_a_version_that_is_named_is_that_one(server, secrets):
    server.add(TOKEN, b"first")
    server.add(TOKEN, b"second")

    for reference in ("secret:warehouse-token@1", f"{TOKEN}/versions/1"):
        assert secrets.read(reference).value == b"first"


def test_a_value_never_stands_in_a_text(server, secrets):
    server.add(TOKEN, b"for the warehouse only")

    assert "warehouse only" not in repr(secrets.read("secret:warehouse-token"))


def test_a_damaged_value_is_not_used(server, secrets):
    server.add(TOKEN, b"first")
    server.damages = True

    with pytest.raises(Unavailable, match="damaged"):
        secrets.read("secret:warehouse-token")


@pytest.mark.parametrize(
    "reference", ["warehouse-token", "secret:", "secret:a b", "secret:a@latest", "projects/p/secrets/a"]
)
def test_what_is_no_reference_is_refused_before_anybody_is_asked(server, secrets, reference):
    with pytest.raises(Misconfigured, match="no reference"):
        secrets.read(reference)
    assert server.reads == 0


@pytest.mark.parametrize("reference", ["secret:a-B_1", "secret:a@7", f"{TOKEN}/versions/7", f"{TOKEN}/versions/latest"])
def test_what_the_configuration_takes_for_a_reference_is_one(server, secrets, reference):
    assert fields.secret(reference) == reference

    with pytest.raises(Misconfigured, match="versions add"):
        secrets.read(reference)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (grpc.StatusCode.NOT_FOUND, "versions add"),
        (grpc.StatusCode.PERMISSION_DENIED, "secretAccessor"),
        (grpc.StatusCode.FAILED_PRECONDITION, "versions enable"),
    ],
)
def test_what_stays_so_until_somebody_does_something_says_what(server, secrets, code, word):
    server.failing = code

    with pytest.raises(Misconfigured, match=word):
        secrets.read("secret:warehouse-token")
