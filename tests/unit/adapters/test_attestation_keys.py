"""Google's keys are fetched, or whoever needs them waits: RFC 7517 section 5."""

from __future__ import annotations

import itertools

import pytest

from affidavit.adapters.gcp.attestation_keys import DEADLINE, from_address
from affidavit.errors import Misconfigured, Unavailable
from affidavit.wiring.sequence_log import open_sequence_log
from fakes.issuer import Issuer, KeyServer


@pytest.fixture
def server():
    with KeyServer(Issuer("https://accounts.google.com")) as server:
        yield server


def test_a_key_set_is_given_as_it_came(server):
    assert from_address(server.url)() == server.issuer.jwks()


@pytest.mark.parametrize("fault", ["down", "huge"])
def test_what_is_no_key_set_is_as_good_as_no_answer(server, fault):
    server.fault = fault
    with pytest.raises(Unavailable, match="answers with status"):
        from_address(server.url)()


def test_another_place_is_not_followed(server):
    """Whoever could redirect could vouch for anybody."""
    server.fault = "elsewhere"
    with pytest.raises(Unavailable, match="status 302"):
        from_address(server.url)()
    assert server.requests == 1


def test_nobody_there_is_unavailable():
    with pytest.raises(Unavailable, match="does not answer"):
        from_address("http://127.0.0.1:9/jwks")()


def test_an_answer_that_trickles_has_an_end(server):
    ticks = itertools.count(0, DEADLINE)
    with pytest.raises(Unavailable, match="Timeout"):
        from_address(server.url, ticks=lambda: next(ticks) * 2)()


COMPLETE = {
    "K_SERVICE": "acme-sequence-log",
    "AFFIDAVIT_ORIGIN": "gateway.example.com/audit",
    "AFFIDAVIT_EVIDENCE_BUCKET": "acme-evidence",
    "AFFIDAVIT_BODY_BUCKETS": "standard=acme-body-standard",
    "AFFIDAVIT_LOG_BUCKET": "acme-log",
    "AFFIDAVIT_LOG_KEY": "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
    "AFFIDAVIT_RETENTION": "standard=400",
    "AFFIDAVIT_WRITERS": "gateway=acme-gateway@acme-prod-1.iam.gserviceaccount.com",
}


@pytest.mark.parametrize("address", ["http://www.googleapis.com/oauth2/v3/certs", "/jwks.json", "file:///jwks.json"])
def test_on_cloud_run_keys_come_over_https_alone(address):
    with pytest.raises(Misconfigured, match="must be an https:// address"):
        open_sequence_log({**COMPLETE, "AFFIDAVIT_ATTESTATION_KEYS": address})
