"""`adapters.gcp.metadata`: who this process is, in Google's words (evidence-format section 3)."""

import contextlib
import socket
from types import SimpleNamespace

import pytest

from affidavit.adapters.gcp import metadata
from affidavit.adapters.gcp.metadata import ATTEMPTS, PAUSE, attestation
from affidavit.errors import Misconfigured, Unavailable
from affidavit.identity.id_token import UnverifiedToken
from fakes.metadata_server import MetadataServer
from fakes.ports import LOOPBACK, free_port

ACCOUNT = "acme-gateway@acme.iam.gserviceaccount.com"
AUDIENCE = "affidavit:1234"


@pytest.fixture
def server():
    server = MetadataServer(ACCOUNT)
    with server.serving() as server.address:
        yield server


@pytest.fixture
def pauses(monkeypatch):
    """Seconds that would have been waited."""
    pauses = []
    monkeypatch.setattr(metadata, "time", SimpleNamespace(sleep=pauses.append))
    return pauses


def asked(server):
    return attestation({"GCE_METADATA_HOST": server.address}, AUDIENCE)


def account(token):
    return UnverifiedToken.read(token).claims["email"]


def test_the_token_is_of_this_account_for_that_audience(server):
    claims = UnverifiedToken.read(asked(server)).claims

    assert (claims["aud"], claims["email"], claims["email_verified"]) == (AUDIENCE, ACCOUNT, True)


def test_a_server_that_gives_none_is_asked_some_times_and_no_more(server, pauses):
    server.instead = (404, "a.token.form")

    with pytest.raises(Unavailable, match="service account"):
        asked(server)
    assert server.asked == [AUDIENCE] * ATTEMPTS
    assert pauses == [PAUSE] * (ATTEMPTS - 1)


@pytest.mark.parametrize("fault", ["breaks", "silent"])
def test_a_connection_that_fails_some_times_is_tried_again(server, pauses, monkeypatch, fault):
    """Compute Engine "Querying metadata": the server may be unavailable for a moment, so clients retry."""
    monkeypatch.setattr(metadata, "TIMEOUT", 0.3)
    server.faults = [fault] * (ATTEMPTS - 1)

    assert account(asked(server)) == ACCOUNT
    assert pauses == [PAUSE] * (ATTEMPTS - 1)


def test_a_server_that_comes_a_moment_later_is_found(monkeypatch):
    """It refuses connections until the first pause."""
    server = MetadataServer(ACCOUNT)
    port = free_port()
    server.address = f"{LOOPBACK}:{port}"
    with contextlib.ExitStack() as stack:
        comes = SimpleNamespace(sleep=lambda _: stack.enter_context(server.serving(port)))
        monkeypatch.setattr(metadata, "time", comes)

        assert account(asked(server)) == ACCOUNT


def test_where_connections_break_there_is_a_server(server, pauses):
    server.faults = ["breaks"] * ATTEMPTS

    with pytest.raises(Unavailable):
        asked(server)


def test_elsewhere_there_is_no_such_server(pauses):
    with pytest.raises(Misconfigured, match="--data"):
        attestation({"GCE_METADATA_HOST": "127.0.0.1:1"}, AUDIENCE)


def test_elsewhere_its_name_means_nothing(pauses, monkeypatch):
    names = []

    def unknown(name, *_):
        names.append(name)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(Misconfigured, match=r"no metadata server answers at metadata\.google\.internal"):
        attestation({}, AUDIENCE)
    assert set(names) == {"metadata.google.internal"}


def test_no_proxy_of_the_environment_sees_a_token(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert account(asked(server)) == ACCOUNT


@pytest.mark.parametrize(
    "text", ["", "a.b", "a.b.c.d", "a.b.", "a.b.c d", "a.b.c\na.b.c", "a.b.ª", "<html>Sign in.</html>"]
)
def test_what_is_no_token_is_not_taken_for_one(server, pauses, text):
    """RFC 7515 section 3.1: three parts in base64url."""
    server.instead = (200, text)

    with pytest.raises(Unavailable):
        asked(server)


def test_blanks_around_a_token_are_no_part_of_it(server):
    server.instead = (200, "a.b-_.c\n")

    assert asked(server) == "a.b-_.c"
