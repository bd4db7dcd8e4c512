"""`affidavit connect --oauth`: a person signs in with the server that the gateway names, and stays signed in.

Source: MCP 2026-07-28 "Authorization"; RFC 8252, 7636, 7591, 8414, 8707, 9207, 9728.
"""

import json
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes.authorization_server import AuthorizationServer, sign_in
from fakes.gateway_house import HOUSE, House
from fakes.gateway_process import serving
from fakes.ports import free_port
from fakes.scoped_gateway import ScopedGateway
from fakes.scripted_upstream import ScriptedUpstream
from fakes.stdio_process import StdioProcess, connecting

ISSUER = """\
issuers:
  - name: door
    issuer: {url}
    audiences: [https://gateway.example.com]
    jwks_file: ./door.json
    attribution: person
"""
PAGE = re.compile(r"sign in with [^ ]+: (http\S+)")


class Door:
    """A gateway that names an authorization server, and clients that sign in there."""

    def __init__(self, house: House, server: AuthorizationServer, url: str) -> None:
        self.house = house
        self.server = server
        self.url = url
        self.config = house.folder

    def connecting(self, config: Path, *options: str):
        environment = {"XDG_CONFIG_HOME": str(config)}
        return connecting(config, self.url, "--oauth", "--no-browser", *options, environment=environment)


@pytest.fixture(scope="module")
def running(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str, int]]:
    """A gateway at its public address, whose first issuer is an authorization server's stand-in."""
    house = House(tmp_path_factory.mktemp("house"), upstream)
    port = free_port()
    with AuthorizationServer() as server:
        public = f"http://127.0.0.1:{port}"
        text = HOUSE.replace("public_url: https://gateway.example.com", f"public_url: {public}")
        house.prepare(text.replace("issuers:\n", ISSUER.format(url=server.url), 1))
        server.issuer.write_jwks(house.folder / "door.json")
        with serving(house.configuration, house.data, port=port) as house.running:
            yield Door(house, server, f"{public}/mcp/warehouse")


@pytest.fixture
def door(running: Door) -> Door:
    """Each journey has a server without a past."""
    server = running.server
    server.lives, server.metadata, server.refuses, server.opaque, server.down = 3600, {}, None, False, False
    server.answers_as, server.places = None, ("/.well-known/oauth-authorization-server",)
    server.clients.clear()
    server.token_requests.clear()
    server.pages.clear()
    return running


def page_of(bridge: StdioProcess) -> str:
    """Wait until the person is told where to sign in."""
    ends = time.monotonic() + 20
    while (found := PAGE.search(bridge.told())) is None:
        assert time.monotonic() < ends, bridge.told()
        assert bridge.process.poll() is None, bridge.told()
        time.sleep(0.02)
    return found[1]


def hello(bridge: StdioProcess) -> None:
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    bridge.say({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": params})


def test_a_person_signs_in_once_and_stays_signed_in(door, tmp_path):
    """The gateway's 401 says where; the client registers itself; the next start finds the token in a file of 0600."""
    with door.connecting(tmp_path) as bridge:
        hello(bridge)
        page = page_of(bridge)
        assert "You are signed in" in sign_in(page)
        assert "result" in bridge.hear()
        assert bridge.call("echo")["result"]["content"][0]["text"] == "echo ran"
        first = bridge.told()
    with door.connecting(tmp_path) as bridge:
        assert "result" in bridge.greet()
        assert "sign in" not in bridge.told()

    asked = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
    assert asked["resource"] == door.url
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "openid email offline_access"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", asked["redirect_uri"])
    assert [one["resource"] for one in door.server.token_requests] == [door.url]
    (kept,) = (tmp_path / "affidavit" / "connect").glob("*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    secrets = json.loads(kept.read_text())
    assert secrets["token"] not in first
    assert secrets["refresh"] not in first
    (requested,) = {one["principal"]["email"] for one in door.house.evidence.records("call:requested", target="echo")}
    assert requested == "ana@example.com"


def test_a_token_is_refreshed_without_the_person(door, tmp_path):
    """Refresh tokens rotate, and each is used once."""
    door.server.lives = 2
    with door.connecting(tmp_path) as bridge:
        hello(bridge)
        sign_in(page_of(bridge))
        bridge.hear()
        ends = time.monotonic() + 5
        while time.monotonic() < ends:
            assert "result" in bridge.call("echo")
            time.sleep(0.2)

    kinds = [one["grant_type"] for one in door.server.token_requests]
    assert kinds[0] == "authorization_code"
    assert kinds.count("refresh_token") >= 2
    assert len(door.server.pages) == 1


def test_a_refresh_token_that_is_refused_means_a_new_sign_in(door, tmp_path):
    """As after a password change; the client registered once."""
    door.server.lives = 1
    with door.connecting(tmp_path) as bridge:
        hello(bridge)
        sign_in(page_of(bridge))
        bridge.hear()
    door.server.forget_refresh_tokens()
    time.sleep(1.1)
    door.server.lives = 3600
    with door.connecting(tmp_path) as bridge:
        hello(bridge)
        sign_in(page_of(bridge))
        assert "result" in bridge.hear()
        assert "a secret text" not in bridge.told()

    assert len(door.server.clients) == 1
    assert len(door.server.pages) == 2


def test_an_opaque_access_token_stays_and_the_id_token_goes(door, tmp_path):
    """The gateway verifies JWTs only: such is Google's answer."""
    door.server.opaque = True
    door.server.clients["ours"] = "http://127.0.0.1/callback"
    with door.connecting(tmp_path, "--client-id", "ours") as bridge:
        hello(bridge)
        sign_in(page_of(bridge))
        assert "result" in bridge.hear()

    assert set(door.server.clients) == {"ours"}


def test_openid_discovery_is_found_too(door, tmp_path):
    door.server.places = ("/.well-known/openid-configuration",)
    with door.connecting(tmp_path) as bridge:
        hello(bridge)
        sign_in(page_of(bridge))
        assert "result" in bridge.hear()


def test_two_clients_of_one_desktop_ask_the_person_once(door, tmp_path):
    with door.connecting(tmp_path) as one, door.connecting(tmp_path) as other:
        hello(one)
        page = page_of(one)
        hello(other)
        time.sleep(0.5)
        sign_in(page)
        assert "result" in one.hear()
        assert "result" in other.hear()

    assert len(door.server.pages) == 1


def test_a_stranger_at_the_callback_changes_nothing(door, tmp_path):
    """RFC 6749 section 10.12: an answer with another state is another one's."""
    with door.connecting(tmp_path) as bridge:
        hello(bridge)
        page = page_of(bridge)
        callback = parse_qs(urlsplit(page).query)["redirect_uri"][0]
        assert "another sign-in" in sign_in(f"{callback}?code=stolen&state=guessed")
        assert "another sign-in" in sign_in(f"{callback}?code=stolen")
        sign_in(page)
        assert "result" in bridge.hear()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"refuses": "access_denied"}, "refused the sign-in: access_denied"),
        ({"answers_as": "https://evil.test"}, "is not of the server that was asked"),
    ],
)
def test_a_sign_in_that_fails_is_told_and_is_not_the_end(door, tmp_path, fault, sentence):
    for name, value in fault.items():
        setattr(door.server, name, value)
    with door.connecting(tmp_path) as bridge:
        hello(bridge)
        sign_in(page_of(bridge))
        error = bridge.hear()["error"]
        assert sentence in error["message"]
        assert error["data"]["code"] == "missing_token"
        assert bridge.process.poll() is None


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({"issuer": "https://other.test"}, "is of another issuer"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"authorization_endpoint": None}, "no authorization server to sign in with"),
        ({"token_endpoint": "http://elsewhere.test/token"}, "https only"),
        ({"registration_endpoint": None}, "--client-id"),
    ],
)
def test_a_server_that_cannot_be_trusted_is_not_signed_in_with(door, tmp_path, metadata, sentence):
    door.server.metadata = metadata
    with door.connecting(tmp_path, "--issuer", door.server.url) as bridge:
        hello(bridge)
        assert sentence in bridge.hear()["error"]["message"]

    assert door.server.pages == []


def test_a_server_that_does_not_say_pkce_is_used_where_the_person_names_it(door, tmp_path):
    """MCP 2026-07-28 "Authorization Code Protection": not on the gateway's word; some that know it do not say so."""
    door.server.metadata = {"code_challenge_methods_supported": None}
    with door.connecting(tmp_path) as bridge:
        hello(bridge)
        assert "PKCE" in bridge.hear()["error"]["message"]
    with door.connecting(tmp_path, "--issuer", door.server.url) as bridge:
        hello(bridge)
        sign_in(page_of(bridge))
        assert "result" in bridge.hear()


def test_a_missing_scope_is_asked_for_and_the_message_sent_again(door, tmp_path):
    """MCP 2026-07-28 "Step-Up Authorization Flow": with all that was granted before."""
    with (
        ScopedGateway(door.server) as url,
        connecting(tmp_path, url, "--oauth", "--no-browser", environment=at(tmp_path)) as it,
    ):
        hello(it)
        sign_in(page_of(it))
        assert "result" in it.hear()
        it.say({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "echo", "arguments": {}}})
        while len(pages := PAGE.findall(it.told())) < 2:
            assert it.process.poll() is None
            time.sleep(0.02)
        sign_in(pages[1])
        assert it.hear()["result"] == {"ran": True}

    assert [one["scope"] for one in door.server.pages] == ["mcp:read", "mcp:read mcp:write"]


def at(folder: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(folder)}
