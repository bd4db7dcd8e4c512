"""Issuers' keys: identity-and-approvals "Tokens"; RFC 7517."""

import asyncio
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from affidavit.errors import Malformed, OutcomeUnknown, Unavailable
from affidavit.identity.jwks import MAX_KEY_SET, MAX_KEYS, IssuerKeys, KeySet
from fakes.house import AUDIENCE, StillClock, make_house
from fakes.issuer import Issuer, KeyServer, SigningKey, without

MINUTE = 60  # seconds
DAY = 24 * 60 * MINUTE  # seconds


def key_set(*members) -> bytes:
    return json.dumps({"keys": list(members)}).encode()


# Reading a set.


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "EdDSA"])
def test_a_key_set_is_read_with_its_exact_text(algorithm):
    issuer = Issuer(algorithm=algorithm)

    keys = KeySet.parse(issuer.jwks())

    assert keys.text == issuer.jwks().decode()
    assert keys.find(issuer.key.kid, algorithm) is not None


def test_a_key_without_an_algorithm_serves_those_of_its_kind():
    """RFC 7517 section 4.4: `alg` is optional; RFC 7518 section 3.1."""
    member = SigningKey("RS256").jwk()
    del member["alg"]

    (key,) = KeySet.parse(key_set(member)).keys

    assert key.algorithms == {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "HS256"},
        {"alg": ["ES256"]},
        {"kty": "oct"},
        {"kty": "PQC"},
        {"kty": ["EC"]},
        {"crv": "secp256k1"},
        {"crv": 7},
        {"x": "AAAA"},
        {"x": 7},
        {"x": None},
        {"y": ""},
        {"kid": 7},
    ],
)
def test_a_key_that_is_of_no_use_is_passed_over(change):
    """RFC 7517 section 5."""
    good = SigningKey("ES256").jwk()

    keys = KeySet.parse(key_set(SigningKey("ES256").jwk() | change, good)).keys

    assert [key.kid for key in keys] == [good["kid"]]


def test_a_short_rsa_key_is_passed_over():
    """RFC 7518 section 3.3."""
    bits = 1024
    short = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, bits).public_key(), as_dict=True)

    with pytest.raises(Malformed) as refused:
        KeySet.parse(key_set({**short, "kid": "short"}))

    assert refused.value.code == "no_usable_key"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[7]}',
        b'{"keys":[]}',
        b"\xff",
        b"<html>",
        Issuer().jwks() + b" " * MAX_KEY_SET,
    ],
)
def test_what_is_no_key_set_is_malformed(body):
    with pytest.raises(Malformed):
        KeySet.parse(body)


def test_a_key_set_has_a_bounded_number_of_keys():
    with pytest.raises(Malformed):
        KeySet.parse(key_set(*[SigningKey("ES256").jwk()] * (MAX_KEYS + 1)))


@pytest.mark.parametrize("secret", [{"d": "AAAA"}, {"kty": "oct", "k": "AAAA"}, {"p": "AAAA"}])
def test_a_set_with_a_secret_is_refused_because_it_would_become_evidence(secret):
    with pytest.raises(Malformed) as refused:
        KeySet.parse(key_set(SigningKey("ES256").jwk(), SigningKey("ES256").jwk() | secret))

    assert refused.value.code == "secret_in_key_set"
    assert "AAAA" not in str(refused.value)


async def test_the_only_key_needs_no_key_id(house):
    assert await house.who(house.issuer.token(header={"kid": without}, aud=AUDIENCE))


async def test_with_two_keys_a_token_must_say_which(house):
    house.issuer.rotate()

    refused = await house.refused(house.issuer.token(header={"kid": without}, aud=AUDIENCE))

    assert refused.code == "unknown_key"


# Keeping it fresh.


async def test_keys_are_on_record_before_they_are_believed(house):
    """evidence-format section 5, `issuer:keys`: a key set was fetched and differs from the last."""
    await house.who(house.token())

    assert [keys.text for keys in house.source.recorded] == [house.issuer.jwks().decode()]


@pytest.mark.parametrize("error", [Unavailable("journal full"), OutcomeUnknown("slow")])
async def test_keys_that_cannot_be_recorded_are_not_believed(house, error):
    house.source.unrecordable = error

    assert (await house.refused(house.token())).code == "keys_unavailable"


async def test_the_same_set_is_recorded_once_and_a_new_one_again(house):
    await house.keys.refresh()
    await house.keys.refresh()
    house.issuer.rotate()
    await house.keys.refresh()

    assert len(house.source.recorded) == 2


async def test_a_rotated_key_is_found_by_the_token_that_needs_it(house):
    await house.who(house.token())
    house.issuer.rotate()
    house.clock.seconds += 31

    assert await house.who(house.token())


async def test_a_withdrawn_key_is_no_longer_believed_after_a_refresh(house):
    await house.keys.refresh()
    old = house.issuer.key
    house.issuer.rotate(keep_old=False)
    await house.keys.refresh()

    assert (await house.refused(house.issuer.token(key=old, aud=AUDIENCE))).code == "unknown_key"


async def test_a_flood_of_unknown_key_ids_fetches_once_in_thirty_seconds(house):
    """identity-and-approvals: at most one forced refresh per 30 s for an unknown `kid`."""
    await house.keys.refresh()
    strangers = [house.issuer.token(header={"kid": f"k{i}"}, aud=AUDIENCE) for i in range(50)]

    codes = {(await house.refused(token)).code for token in strangers}

    assert (codes, house.source.fetched) == ({"unknown_key"}, 2)

    house.clock.seconds += 29.9
    await house.refused(strangers[0])
    assert house.source.fetched == 2

    house.clock.seconds += 0.1
    await house.refused(strangers[0])
    assert house.source.fetched == 3


async def test_tokens_that_come_at_once_wait_for_one_fetch(house):
    answers = await asyncio.gather(*(house.who(house.token(jti=str(i))) for i in range(20)))

    assert (len(answers), house.source.fetched) == (20, 1)


async def test_a_caller_who_gives_up_does_not_take_the_keys_from_the_others(house):
    begun, go = asyncio.Event(), asyncio.Event()
    fetch = house.source.fetch

    async def slow() -> bytes:
        begun.set()
        await go.wait()
        return await fetch()

    house.keys._fetch = slow
    impatient = asyncio.create_task(house.who(house.token()))
    patient = asyncio.create_task(house.who(house.token(jti="other")))
    await begun.wait()
    impatient.cancel()
    go.set()

    assert await patient


async def test_old_keys_serve_for_a_day_while_the_issuer_is_down(house):
    """identity-and-approvals: serve stale up to 24 h when the issuer is down."""
    await house.keys.refresh()
    house.source.goes_down()

    house.clock.seconds += DAY
    assert not await house.keys.refresh()
    assert await house.who(house.token())

    house.clock.seconds += 1
    assert (await house.refused(house.token())).code == "keys_unavailable"


async def test_without_any_keys_a_token_is_refused_and_the_issuer_named(house):
    house.source.goes_down()

    refused = await house.refused(house.token())

    assert (refused.code, refused.issuer) == ("keys_unavailable", "laptop")


async def test_an_issuer_that_comes_back_is_found_again(house):
    house.source.goes_down()
    await house.refused(house.token())
    house.source.failing = None
    house.clock.seconds += 31

    assert await house.who(house.token())


@pytest.mark.parametrize("garbled", [b"", b"<html>", b'{"keys":[]}', b'{"keys":[{"kty":"oct","k":"AAAA"}]}'])
async def test_nonsense_in_place_of_keys_leaves_the_old_ones_in_force(house, garbled):
    await house.keys.refresh()
    house.source.garbled = garbled

    assert not await house.keys.refresh()
    assert await house.who(house.token())
    assert len(house.source.recorded) == 1


async def test_keys_are_fetched_again_and_again_and_sooner_after_a_failure(house):
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            house.source.goes_down()
        if len(pauses) == 4:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await house.keys.keep_fresh(sleep)

    assert pauses == [600, 600, 30, 30]


async def test_a_key_set_is_dated(house):
    assert house.keys.age is None
    await house.keys.refresh()
    house.clock.seconds += 5

    assert house.keys.age == 5_000_000


async def test_a_fetch_that_hangs_ends_at_its_deadline(monkeypatch):
    monkeypatch.setattr("affidavit.identity.jwks.FETCH_DEADLINE", 0.01)

    async def hang() -> bytes:
        await asyncio.Event().wait()
        return b""

    async def adopt(name: str, keys: KeySet) -> None:
        raise AssertionError(name)

    keys = IssuerKeys("laptop", fetch=hang, adopt=adopt, clock=StillClock())

    assert not await asyncio.wait_for(keys.refresh(), timeout=30)


# The fake that later tests rely on.


def test_the_key_server_serves_and_fails_as_told():
    issuer = Issuer()
    with KeyServer(issuer, delay=0.01) as server:
        assert server.answer() == (200, issuer.jwks())
        server.fault = "down"
        assert server.answer()[0] == 503
        server.fault = "garbage"
        with pytest.raises(Malformed):
            KeySet.parse(server.answer()[1])
        server.fault = "huge"
        with pytest.raises(Malformed):
            KeySet.parse(server.answer()[1])
        server.fault = "slow"
        assert server.answer() == (200, issuer.jwks())
        assert server.requests == 5


def test_two_issuers_have_keys_of_their_own():
    assert make_house().issuer.jwks() != make_house().issuer.jwks()
