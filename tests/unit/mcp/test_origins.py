"""affidavit.mcp.origins: the guard against DNS rebinding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import Refused
from affidavit.mcp.origins import Origins

PUBLIC = Origins("https://gateway.example.com", listens_on_loopback=False)
LAPTOP = Origins("http://127.0.0.1:8080", listens_on_loopback=True)


def is_refused(check, value):
    try:
        check(value)
    except Refused as error:
        return error.code == check.__name__.replace("check", "forbidden")
    return False


@pytest.mark.parametrize("host", ["gateway.example.com", "GATEWAY.example.com", "gateway.example.com:443"])
def test_a_gateway_is_served_under_its_public_name(host):
    PUBLIC.check_host(host)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "gateway.example.com.evil.example",
        "gateway.example.com:8443",
        "gateway.example.com:",
        "gateway.example.com:443:443",
        "gateway.example.com,evil.example",
        "user@gateway.example.com",
        " gateway.example.com",
        "gateway.example.com/",
        "localhost",
        "127.0.0.1:443",
        "gateway.example.com\n",
        "gateway.example.com:\u0664\u0664\u0663",
    ],
)
def test_and_under_no_other(host):
    """MCP 2026-07-28 "Security & Endpoint"; RFC 9110 section 7.2."""
    assert is_refused(PUBLIC.check_host, host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "127.0.0.1:49152", "localhost:8080", "[::1]:8080", "localhost", "LocalHost:49152"]
)
def test_on_a_laptop_every_loopback_name_is_the_gateway(host):
    LAPTOP.check_host(host)


@pytest.mark.parametrize(
    "host", ["rebound.example:8080", "127.0.0.2:8080", "localhost.evil.example", "0.0.0.0:8080", "::1"]
)
def test_a_name_that_was_rebound_to_loopback_is_not(host):
    assert is_refused(LAPTOP.check_host, host)


def test_the_schemes_own_port_may_be_said_or_not():
    plain = Origins("http://gateway.test:80", listens_on_loopback=False)
    for port in ("", ":80"):
        plain.check_host(f"gateway.test{port}")
        plain.check_origin(f"http://gateway.test{port}")

    assert is_refused(plain.check_host, "gateway.test:443")
    assert is_refused(plain.check_origin, "https://gateway.test")


def test_a_public_url_without_a_host_lets_nobody_in():
    nowhere = Origins("https://", listens_on_loopback=False)

    assert is_refused(nowhere.check_host, "")
    assert is_refused(nowhere.check_origin, "https:// ")


def test_a_client_that_is_no_browser_has_no_origin():
    PUBLIC.check_origin(None)


@pytest.mark.parametrize(
    "origin", ["https://gateway.example.com", "https://gateway.example.com:443", "HTTPS://Gateway.example.com"]
)
def test_the_gateways_own_pages_may_call_it(origin):
    PUBLIC.check_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://gateway.example.com",
        "https://gateway.example.com:80",
        "https://gateway.example.com/",
        "https://gateway.example.com.evil.example",
        "https://evil.example",
        "https://evil.example/https://gateway.example.com",
        "https://evil.example https://gateway.example.com",
        "https://user@gateway.example.com",
        "file://gateway.example.com",
        "chrome-extension://abc",
        "http://localhost:3000",
        "//gateway.example.com",
        "gateway.example.com",
    ],
)
def test_no_other_page_may(origin):
    """MCP 2026-07-28: if the Origin header is present and invalid, servers MUST respond with 403."""
    assert is_refused(PUBLIC.check_origin, origin)


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1:8080", "https://[::1]:6274", "http://localhost"]
)
def test_on_a_laptop_its_own_pages_may(origin):
    LAPTOP.check_origin(origin)


@pytest.mark.parametrize("origin", ["http://rebound.example:8080", "https://gateway.example.com", "null"])
def test_on_a_laptop_no_page_of_the_network_may(origin):
    assert is_refused(LAPTOP.check_origin, origin)


@given(st.text(max_size=30) | st.text("htps:/.[]1lo@#?:ax", max_size=20))
def test_nothing_raises_anything_but_refused(text):
    for origins in (PUBLIC, LAPTOP):
        assert is_refused(origins.check_host, text) in (True, False)
        assert is_refused(origins.check_origin, text) in (True, False)
