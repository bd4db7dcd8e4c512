"""Which tokens are believed: identity-and-approvals "Tokens"; RFC 7515, RFC 7519, RFC 8725."""

import base64
import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affidavit.clock import SECOND
from affidavit.errors import Unauthenticated
from affidavit.identity.id_token import MAX_TOKEN, UnverifiedToken
from fakes.house import AUDIENCE, SHARED, START, make_house
from fakes.issuer import Issuer, SigningKey, encode, without


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "EdDSA"])
async def test_a_right_token_names_its_bearer(algorithm):
    house = make_house(algorithm=algorithm)

    principal = await house.who(house.token(sub="ana"))

    assert (principal.issuer, principal.subject) == ("https://issuer.test", "ana")
    assert principal.expires == (START + 3600) * SECOND


async def test_a_shared_audience_will_do_as_well(house):
    """mcp.md "Authorization": each path is its own audience or declares the shared one."""
    assert await house.who(house.token(aud=SHARED))
    assert await house.who(house.token(aud=["https://elsewhere.test", AUDIENCE]))


@pytest.mark.parametrize("audience", ["https://gateway.test/mcp/payroll", SHARED + "/", [], ["x"], ""])
async def test_a_token_for_somebody_else_is_refused(house, audience):
    refused = await house.refused(house.token(aud=audience))

    assert refused.code == ("malformed_token" if audience == [] else "wrong_audience")
    assert refused.issuer == "laptop"


async def test_a_token_for_one_upstream_is_refused_at_another_although_it_was_just_verified(house):
    token = house.token()
    await house.who(token)

    assert (await house.refused(token, "https://gateway.test/mcp/payroll")).code == "wrong_audience"


@pytest.mark.parametrize("token", [None, ""])
async def test_no_token_is_said_so(house, token):
    assert (await house.refused(token)).code == "missing_token"


async def test_an_issuer_that_nobody_knows_is_not_named(house):
    """evidence-format section 5, `identity:rejected`: a configured name or `other`."""
    refused = await house.refused(Issuer("https://evil.test").token(aud=AUDIENCE))

    assert (refused.code, refused.issuer) == ("unknown_issuer", "other")
    assert "evil" not in str(refused)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_algorithm_none_is_refused(algorithm):
    """RFC 8725 section 3.1."""
    house = make_house(algorithm=algorithm)

    assert (await house.refused(house.issuer.unsigned(aud=AUDIENCE))).code == "algorithm_not_allowed"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_an_hmac_by_the_public_key_is_refused(algorithm):
    """RFC 8725 section 2.1."""
    house = make_house(algorithm=algorithm)

    refused = await house.refused(house.issuer.signed_with_the_public_key(aud=AUDIENCE))

    assert refused.code == "algorithm_not_allowed"


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "NONE", "None", "rs256", "", 1, None, ["ES256"], {}, "ES256K"])
async def test_only_listed_algorithms_are_even_looked_at(house, algorithm):
    token = house.issuer.token(header={"alg": algorithm}, aud=AUDIENCE)

    assert (await house.refused(token)).code == "algorithm_not_allowed"


async def test_an_algorithm_that_is_not_listed_is_refused_before_any_key_is_looked_for(house):
    token = house.issuer.token(header={"alg": "none", "kid": "unknown"}, aud=AUDIENCE)

    assert (await house.refused(token)).code == "algorithm_not_allowed"
    assert house.source.fetched == 0


async def test_a_key_verifies_by_its_own_algorithm_only(house):
    assert (await house.refused(house.issuer.token(header={"alg": "RS256"}, aud=AUDIENCE))).code == (
        "algorithm_not_allowed"
    )


async def test_a_key_that_the_token_brings_along_is_never_honoured(house):
    """RFC 8725 section 3.10."""
    assert (await house.refused(house.issuer.with_own_key(aud=AUDIENCE))).code == "bad_signature"


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], None])
async def test_an_extension_that_must_be_understood_is_refused(house, crit):
    """RFC 7515 section 4.1.11."""
    token = house.issuer.token(header={"crit": crit, "b64": False}, aud=AUDIENCE)

    assert (await house.refused(token)).code == "critical_header"


async def test_claims_changed_after_signing_are_refused(house):
    token = house.issuer.tampered({"sub": "somebody-else"}, aud=AUDIENCE)

    assert (await house.refused(token)).code == "bad_signature"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_every_flipped_bit_of_a_signature_is_noticed(algorithm):
    house = make_house(algorithm=algorithm)
    head, body, signature = house.token().split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    for position in (0, len(raw) // 2, len(raw) - 1):
        wrong = bytearray(raw)
        wrong[position] ^= 1

        assert (await house.refused(f"{head}.{body}.{encode(bytes(wrong))}")).code == "bad_signature"


@pytest.mark.parametrize("size", [0, 1, 63, 65, 4096])
async def test_a_signature_of_another_length_is_only_wrong(house, size):
    head, body, _ = house.token().split(".")

    assert (await house.refused(f"{head}.{body}.{encode(b'x' * size)}")).code == "bad_signature"


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "iat", "sub"])
async def test_a_claim_that_is_needed_is_needed(house, name):
    refused = await house.refused(house.token(**{name: without}))

    assert refused.code == "missing_claim"
    assert f"'{name}'" in str(refused)


TIMES = [
    ({"exp": START - 30, "iat": START - 60}, "expired"),
    ({"exp": START - 29, "iat": START - 60}, None),
    ({"iat": START + 31}, "issued_in_the_future"),
    ({"iat": START + 30}, None),
    ({"nbf": START + 31}, "not_yet_valid"),
    ({"nbf": START + 30}, None),
    ({"iat": START - 3631}, "too_old"),
    ({"iat": START - 3630}, None),
    ({"iat": START - 3630.5}, "too_old"),
]


@pytest.mark.parametrize(("claims", "code"), TIMES)
async def test_times_hold_with_thirty_seconds_of_leeway(house, claims, code):
    """identity-and-approvals "Tokens": leeway 30 s, `max_age` by `iat`."""
    if code is None:
        assert await house.who(house.token(**claims))
    else:
        assert (await house.refused(house.token(**claims))).code == code


WRONG_FORMS = [
    {"exp": "1"},
    {"exp": True},
    {"exp": None},
    {"exp": -1},
    {"exp": 1e300},
    {"exp": 10**30},
    {"exp": [START]},
    {"iat": "now"},
    {"iat": False},
    {"nbf": {}},
    {"sub": ""},
    {"sub": 7},
    {"sub": "x" * 256},
    {"aud": 7},
    {"aud": [7]},
    {"aud": {"a": 1}},
]


@pytest.mark.parametrize("claims", WRONG_FORMS)
async def test_a_claim_of_the_wrong_form_is_refused_and_never_an_accident(house, claims):
    assert (await house.refused(house.token(**claims))).code == "malformed_token"


@pytest.mark.parametrize("issuer", [None, 7, ["https://issuer.test"], {"a": 1}, True])
async def test_an_issuer_that_is_no_text_is_nobody(house, issuer):
    assert (await house.refused(house.token(iss=issuer))).code == "unknown_issuer"


PAYLOADS = [
    "[]",
    "7",
    "null",
    '"text"',
    "",
    "{",
    '{"iss":"https://issuer.test","iss":"https://issuer.test"}',
    '{"a":{"b":1,"b":2}}',
    '{"exp":NaN}',
    '{"exp":Infinity}',
    '{"sub":"\\ud800"}',
    "[" * 9000,
    '{"a":' * 2000 + "1" + "}" * 2000,
]


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_a_payload_that_is_not_one_strict_json_object_is_refused(house, payload):
    assert (await house.refused(house.issuer.sign(payload))).code == "malformed_token"


async def test_a_payload_that_is_not_utf8_is_refused(house):
    head, _, signature = house.token().split(".")

    assert (await house.refused(f"{head}.{encode(bytes([0x7B, 0xFF, 0x7D]))}.{signature}")).code == "malformed_token"


async def test_a_header_with_a_key_twice_is_refused(house):
    _, body, signature = house.token().split(".")
    head = encode('{"alg":"none","alg":"ES256"}')

    assert (await house.refused(f"{head}.{body}.{signature}")).code == "malformed_token"


@pytest.mark.parametrize("kid", [7, None, [], {}])
async def test_a_key_id_that_is_no_text_is_refused(house, kid):
    token = house.issuer.token(header={"kid": kid}, aud=AUDIENCE)

    assert (await house.refused(token)).code == "malformed_token"


SPELLINGS = [
    lambda token: token + "=",
    lambda token: token + ".",
    lambda token: "." + token,
    lambda token: token + "\n",
    lambda token: " " + token,
    lambda token: token.replace(".", ".\n", 1),
    lambda token: token.rsplit(".", 1)[0],
    lambda token: token + ".x.y",
    lambda token: token[:-1] + "é",
    lambda token: token + "A" * MAX_TOKEN,
]


@pytest.mark.parametrize("spell", SPELLINGS)
async def test_a_token_has_one_spelling(house, spell):
    """Surplus padding and characters would give one token many hashes."""
    assert (await house.refused(spell(house.token()))).code == "malformed_token"


@pytest.mark.parametrize("text", ["..", "a.b.c", "\ud800.a.b", "é.a.b", "Bearer x"])
async def test_what_is_no_token_is_refused(house, text):
    assert (await house.refused(text)).code == "malformed_token"


async def test_unused_bits_at_the_end_of_a_part_are_refused(house):
    """A 64-byte signature leaves four unused bits in its last character."""
    token = house.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]

    assert (await house.refused(other)).code == "malformed_token"


@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=200))
def test_no_text_is_an_accident(text):
    with pytest.raises(Unauthenticated):
        UnverifiedToken.read(text)


@given(
    header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit"]), st.none() | st.text() | st.integers()),
    claims=st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "iat", "sub", "nbf", "email"]),
        st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3),
    ),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_taking_a_token_apart_gives_what_went_in_or_a_refusal(header, claims):
    head, body = json.dumps({"alg": "ES256"} | header), json.dumps(claims)
    token = None
    with contextlib.suppress(Unauthenticated):
        token = UnverifiedToken.read(f"{encode(head)}.{encode(body)}.{encode(b'x')}")

    if token is not None:
        assert (token.header, token.claims, token.signature) == (json.loads(head), json.loads(body), b"x")
        assert token.signed == f"{encode(head)}.{encode(body)}".encode()


async def test_a_token_by_a_stranger_under_a_known_key_id_is_refused(house):
    stranger = SigningKey("ES256", kid=house.issuer.key.kid)

    assert (await house.refused(house.issuer.token(key=stranger, aud=AUDIENCE))).code == "bad_signature"
