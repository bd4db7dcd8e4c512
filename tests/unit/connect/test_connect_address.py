"""Where a token may go, what a refusal says, which proxy leads there, how long to wait."""

import pytest

from affidavit.connect.address import Address
from affidavit.connect.challenge import Challenge, read_challenge
from affidavit.connect.patience import Patience, asked_for
from affidavit.connect.proxies import proxies
from affidavit.errors import Misconfigured


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.example.com/mcp/warehouse",
        "ftp://gateway.example.com/mcp/warehouse",
        "gateway.example.com/mcp/warehouse",
        "https://ana:secret@gateway.example.com/mcp/warehouse",
        "https://gateway.example.com/mcp/warehouse?token=secret",
        "https://gateway.example.com/mcp/warehouse#secret",
        "https://gateway.example.com:port/mcp",
        "https://",
    ],
)
def test_a_token_goes_nowhere_else(url):
    """RFC 6750 section 5.3."""
    with pytest.raises(Misconfigured) as caught:
        Address.read(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/mcp/w", "http://localhost/mcp/w", "http://[::1]:80/mcp/w"])
def test_this_machine_needs_no_certificate(url):
    assert Address.read(url).url == url


@pytest.mark.parametrize(
    ("resource", "is_ours"),
    [
        ("https://gateway.example.com/mcp/warehouse", True),
        ("https://GATEWAY.example.com/mcp/warehouse/", True),
        ("https://gateway.example.com/mcp", True),
        ("https://gateway.example.com", True),
        ("https://gateway.example.com/mcp/ware", False),
        ("https://gateway.example.com/mcp/warehouse/more", False),
        ("https://bank.example.com/mcp/warehouse", False),
        ("http://gateway.example.com/mcp/warehouse", False),
        ("warehouse", False),
    ],
)
def test_a_gateway_speaks_for_its_own_address_only(resource, is_ours):
    """RFC 9728 section 3.3: a token for another resource would be good elsewhere."""
    assert Address.read("https://gateway.example.com/mcp/warehouse").is_within(resource) is is_ours


def test_the_metadata_are_where_the_rfc_has_them():
    """RFC 9728 section 3.1."""
    found = Address.read("https://gateway.example.com/mcp/warehouse").metadata_url
    assert found == "https://gateway.example.com/.well-known/oauth-protected-resource/mcp/warehouse"


@pytest.mark.parametrize(
    ("value", "challenge"),
    [
        (
            'Bearer resource_metadata="https://g/m", error="invalid_token"',
            Challenge("https://g/m", "invalid_token", None),
        ),
        (
            'Basic realm="x", Bearer error="insufficient_scope", scope="a b"',
            Challenge(None, "insufficient_scope", "a b"),
        ),
        ("bearer error=invalid_token", Challenge(None, "invalid_token", None)),
        (r'Bearer error="a\"b"', Challenge(None, 'a"b', None)),
        ("Bearer", Challenge()),
        ("Basic realm=x", None),
        ("", None),
    ],
)
def test_a_challenge_is_read(value, challenge):
    """RFC 9110 section 11.6.1."""
    assert read_challenge({"www-authenticate": value}) == challenge


def test_proxies_are_as_the_environment_has_them():
    find = proxies(
        {"HTTPS_PROXY": "http://proxy:3128", "HTTP_PROXY": "http://evil:1", "no_proxy": "internal.example.com, .local"}
    )

    assert find("https://gateway.example.com/mcp") == "http://proxy:3128"
    assert find("https://a.internal.example.com/mcp") is None
    assert find("https://notinternal.example.com/mcp") == "http://proxy:3128"
    assert find("https://127.0.0.1/mcp") is None
    assert find("http://metadata.google.internal/") is None
    assert find("http://gateway.example.com/") is None
    assert proxies({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"})("https://gateway.example.com/") is None


async def test_patience_has_an_end():
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    attempts = Patience(limit=10, first=1, sleep=sleep).begin()
    while await attempts.again():
        pass

    assert slept == [1, 2, 4]


async def test_what_a_server_asks_for_is_granted_within_bounds():
    """RFC 9110 section 10.2.3."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    attempts = Patience(sleep=sleep).begin()

    assert await attempts.again(asked_for("7"))
    assert not await attempts.again(asked_for("3600"))
    assert slept == [7]
    assert asked_for("Fri, 27 Nov 2026 12:00:00 GMT") is None
    assert asked_for(None) is None
