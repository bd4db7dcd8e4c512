"""`adapters.gcp.metadata`: who this process is, in Google's words (evidence-format section 3)."""

import pytest

from affidavit.adapters.gcp import metadata
from affidavit.adapters.gcp.metadata import attestation
from affidavit.errors import Misconfigured, Unavailable
from affidavit.identity.id_token import UnverifiedToken
from fakes.metadata_server import MetadataServer

ACCOUNT = "acme-gateway@acme.iam.gserviceaccount.com"


@pytest.fixture
def server():
    server = MetadataServer(ACCOUNT)
    with server.serving() as server.address:
        yield server


def test_the_token_is_of_this_account_for_that_audience(server):
    claims = UnverifiedToken.read(attestation({"GCE_METADATA_HOST": server.address}, "affidavit:1234")).claims

    assert (claims["aud"], claims["email"], claims["email_verified"]) == ("affidavit:1234", ACCOUNT, True)


def test_a_server_that_gives_none_is_asked_some_times_and_no_more(server, monkeypatch):
    monkeypatch.setattr(metadata, "PAUSE", 0.0)
    server.failing = 404

    with pytest.raises(Unavailable, match="service account"):
        attestation({"GCE_METADATA_HOST": server.address}, "affidavit:1234")


def test_elsewhere_there_is_no_such_server():
    with pytest.raises(Misconfigured, match="--data"):
        attestation({"GCE_METADATA_HOST": "127.0.0.1:1"}, "affidavit:1234")
