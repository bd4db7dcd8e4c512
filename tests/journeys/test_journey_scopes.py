"""A token that is good for less than what is asked: its client learns which scopes to ask for, and where.

Source: RFC 6750 section 3.1; RFC 9728 section 5.1; mcp "Duties" (missing scope).
"""

from collections.abc import Iterator

import pytest

from fakes.gateway_house import House

RULE = """\
rules:
  - name: writers-write
    when: target == "scripted"
    then: allow
    scopes: [warehouse.read, warehouse.write]
"""


@pytest.fixture(scope="module")
def house(upstream, tmp_path_factory, start) -> Iterator[House]:
    yield from start(House(tmp_path_factory.mktemp("house"), upstream), lambda text: text.replace("rules:\n", RULE, 1))


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_token_without_the_scopes_is_told_which_ones_to_ask_for(house, upstream, era):
    client = house.client("ana", scope="warehouse.read email", jti=f"small-{era}")
    if era == "legacy":
        client.initialize()
    upstream.forget()

    answer = client.call("scripted") if era == "modern" else client.legacy_call("scripted")

    assert (answer.status, answer.code) == (403, "insufficient_scope")
    metadata = "https://gateway.example.com/.well-known/oauth-protected-resource/mcp/warehouse"
    assert answer.headers["www-authenticate"] == (
        f'Bearer error="insufficient_scope", scope="warehouse.write", resource_metadata="{metadata}"'
    )
    assert answer.json["error"]["data"]["scopes"] == ["warehouse.write"]
    assert upstream.requests == []
    record = house.evidence.wait_until(lambda: house.evidence.records("call:refused", code="insufficient_scope"))[-1]
    assert record["policy"]["rule"] == "writers-write"


@pytest.mark.parametrize(
    "claims", [{"scope": "warehouse.write warehouse.read"}, {"scp": ["warehouse.read", "warehouse.write"]}]
)
def test_a_token_with_the_scopes_goes_through(house, claims):
    assert house.client("ana", jti=str(claims), **claims).call("scripted").text == "scripted ran"


def test_the_metadata_say_which_scopes_there_are_and_who_gives_tokens(house):
    _, metadata = house.gateway.get("/.well-known/oauth-protected-resource/mcp/warehouse")

    assert metadata["scopes_supported"] == ["warehouse.read", "warehouse.write"]
    assert metadata["authorization_servers"] == ["https://staff.test"], "machines do not sign in"
