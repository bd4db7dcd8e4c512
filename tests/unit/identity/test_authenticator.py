"""What is remembered of a token, and for how long: identity-and-approvals "Tokens"."""

import hashlib

from affidavit.clock import SECOND
from affidavit.evidence.canonical import decode, encode
from affidavit.identity import authenticator
from fakes.house import AUDIENCE, SHARED, START, make_house


async def test_a_verified_token_is_remembered(house):
    token = house.token()
    assert house.authenticator.cached(token, AUDIENCE) is None

    principal = await house.who(token)

    assert house.authenticator.cached(token, AUDIENCE) is principal
    assert await house.who(token) is principal


async def test_nothing_is_remembered_longer_than_a_minute(house):
    token = house.token()
    await house.who(token)

    house.clock.seconds += 59.9
    assert house.authenticator.cached(token, AUDIENCE)
    house.clock.seconds += 0.1
    assert house.authenticator.cached(token, AUDIENCE) is None


async def test_nothing_is_remembered_beyond_its_expiry(house):
    token = house.token(exp=START + 10)
    await house.who(token)

    house.clock.seconds += 10
    assert house.authenticator.cached(token, AUDIENCE) is None
    assert await house.who(token), "within the leeway it is verified again"
    house.clock.seconds += 30
    assert (await house.refused(token)).code == "expired"


async def test_nothing_is_remembered_beyond_its_greatest_age():
    house = make_house(max_age=20 * SECOND)
    token = house.token(iat=START)
    await house.who(token)

    house.clock.seconds += 50
    assert house.authenticator.cached(token, AUDIENCE) is None
    house.clock.seconds += 1
    assert (await house.refused(token)).code == "too_old"


async def test_a_refused_token_is_not_remembered(house):
    token = house.token(aud="https://elsewhere.test")
    await house.refused(token)

    assert house.authenticator.cached(token, "https://elsewhere2.test") is None
    assert house.authenticator.cached(token, AUDIENCE) is None


async def test_a_token_for_all_upstreams_is_remembered_for_each(house):
    token = house.token(aud=SHARED)
    principal = await house.who(token)

    assert house.authenticator.cached(token, "https://gateway.test/mcp/payroll") is principal


async def test_an_altered_token_finds_nothing_remembered(house):
    token = house.token()
    await house.who(token)

    assert house.authenticator.cached(token[:-1], AUDIENCE) is None
    assert house.authenticator.cached(token + "=", AUDIENCE) is None
    assert house.authenticator.cached("\ud800", AUDIENCE) is None


async def test_the_number_of_remembered_tokens_is_bounded(house, monkeypatch):
    monkeypatch.setattr(authenticator, "MAX_REMEMBERED", 3)
    tokens = [house.token(jti=str(i)) for i in range(5)]
    for token in tokens:
        await house.who(token)

    assert [house.authenticator.cached(token, AUDIENCE) is not None for token in tokens] == [
        False,
        False,
        True,
        True,
        True,
    ]


async def test_the_recorded_form_is_canonical_and_complete(house):
    """evidence-format section 5, call field `principal`."""
    token = house.token(sub="s-1", email="Ana@Example.com", email_verified=True)

    record = (await house.who(token)).record

    assert decode(encode(record)) == {
        "actor": None,
        "attribution": "person",
        "claims": {},
        "email": "ana@example.com",
        "expires": "2026-11-18T12:06:40.000000Z",
        "groups": [],
        "issuer": "https://issuer.test",
        "on_behalf_of": None,
        "person": "ana@example.com",
        "run": None,
        "subject": "s-1",
        "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
    }


async def test_header_and_claims_are_kept_and_the_signature_is_not(house):
    """evidence-format section 5, `identity:verified`: header and claims, without the signature."""
    token = house.token(scope="x")

    body = (await house.who(token)).credential.body()

    assert set(body) == {"header", "claims"}
    assert body["header"] == {"alg": "ES256", "typ": "JWT", "kid": house.issuer.key.kid}
    assert body["claims"]["scope"] == "x"
    assert token.rpartition(".")[2] not in str(body)
