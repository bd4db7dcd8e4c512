"""`adapters.gcp.grpc`: what passes is waited for, and not for ever (google.api_core "Retry")."""

from types import SimpleNamespace

import grpc
import pytest
from google.api_core.retry import retry_base, retry_unary
from google.auth.exceptions import GoogleAuthError
from google.cloud.kms_v1 import KeyManagementServiceClient, PublicKey

from affidavit.adapters.gcp.grpc import WITHIN, open_service, translated
from affidavit.errors import Unavailable
from fakes.failing_server import FailingServer, Fault

PASSING = ("ABORTED", "DEADLINE_EXCEEDED", "INTERNAL", "RESOURCE_EXHAUSTED", "UNAVAILABLE")
STAYING = sorted({code.name for code in grpc.StatusCode} - {"OK", *PASSING})


@pytest.fixture
def server():
    server = FailingServer(lambda *_: [PublicKey.serialize(PublicKey(name="a key"))])
    yield server
    server.stop()


def ask(server):
    client = open_service(KeyManagementServiceClient, "KMS_EMULATOR_HOST", {"KMS_EMULATOR_HOST": server.address})
    with translated("a key", {}):
        return client.get_public_key(request={"name": "a key"}, **WITHIN).name


@pytest.mark.parametrize("code", PASSING)
def test_what_passes_is_tried_again(server, code):
    server.fail(Fault(grpc.StatusCode[code]), times=2)

    assert ask(server) == "a key"


@pytest.mark.parametrize("code", STAYING)
def test_what_does_not_pass_is_not(server, code):
    server.fail(Fault(grpc.StatusCode[code]), times=1)

    with pytest.raises(Unavailable, match="no answer"):
        ask(server)
    assert ask(server) == "a key"


def test_who_falls_silent_is_asked_again(server):
    server.fail(Fault(None), times=1)

    assert ask(server) == "a key"


def test_an_outage_has_an_end(server, monkeypatch):
    """Ten seconds, on a clock that goes on in pauses alone; no pause is longer than one."""
    pauses = []
    clock = SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append)
    monkeypatch.setattr(retry_unary, "time", clock)
    monkeypatch.setattr(retry_base, "time", clock)
    server.fail(Fault(grpc.StatusCode.UNAVAILABLE))

    with pytest.raises(Unavailable, match="no answer"):
        ask(server)
    assert 9 < sum(pauses) <= 10
    assert max(pauses) <= 1


def test_credentials_that_cannot_be_had_now_are_unavailable():
    with pytest.raises(Unavailable, match=r"a key: no answer \(GoogleAuthError\)"), translated("a key", {}):
        raise GoogleAuthError
