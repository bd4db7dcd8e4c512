"""`adapters.key_sets`: an issuer that says itself where its keys are.

Source: OpenID Connect Discovery 1.0 sections 4.1 and 4.3.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from affidavit.adapters.key_sets import MAX_KEY_SET, from_discovery
from affidavit.errors import Unavailable

KEYS = b'{"keys": []}'


class Provider:
    """An issuer over HTTP; `document` and `status` are what it says of itself."""

    def __init__(self):
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.asked.append(self.path)
                body = KEYS if self.path.endswith("/keys") else provider.document
                self.send_response(provider.status)
                if provider.status == 302:
                    self.send_header("Location", "/keys")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.issuer = f"http://127.0.0.1:{self._server.server_port}/oauth2/default"
        self.status, self.asked = 200, []
        self.says()

    def says(self, **changed):
        usual = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        self.document = json.dumps({**usual, **changed}).encode()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.close()


async def test_the_keys_are_where_the_document_says(provider):
    assert await from_discovery(provider.issuer)() == KEYS
    assert provider.asked == ["/oauth2/default/.well-known/openid-configuration", "/oauth2/default/keys"]


WRONG = {
    "another issuer": {"issuer": "https://evil.test"},
    "a template of issuers": {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"},
    "a slash more": {"issuer": "/"},
    "no keys": {"jwks_uri": None},
    "keys in a list": {"jwks_uri": ["https://evil.test/keys"]},
    "keys over http elsewhere": {"jwks_uri": "http://evil.test/keys"},
    "keys in a file": {"jwks_uri": "file:///etc/passwd"},
}


@pytest.mark.parametrize("said", WRONG.values(), ids=WRONG)
async def test_a_document_that_cannot_be_believed_gives_no_keys(provider, said):
    if said.get("issuer") == "/":
        said = {"issuer": f"{provider.issuer}/"}
    provider.says(**said)

    with pytest.raises(Unavailable):
        await from_discovery(provider.issuer)()


@pytest.mark.parametrize(
    "document", [b"", b"<html>", b"[]", b"7", b"{}", b"[" * 100_000, b"x" * (MAX_KEY_SET + 1)], ids=len
)
async def test_garbage_gives_no_keys(provider, document):
    provider.document = document

    with pytest.raises(Unavailable):
        await from_discovery(provider.issuer)()


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_only_an_answer_of_its_own_counts(provider, status):
    provider.status = status

    with pytest.raises(Unavailable):
        await from_discovery(provider.issuer)()


async def test_an_issuer_that_is_gone_gives_no_keys(provider):
    provider.close()

    with pytest.raises(Unavailable):
        await from_discovery(provider.issuer)()
