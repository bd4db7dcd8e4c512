"""Credentials that are none: each refused by name, counted, and never the reason for more than a little work.

Source: identity-and-approvals "Tokens"; RFC 7519; RFC 8725; RFC 6750 section 3; evidence-format `identity:rejected`.
"""

import base64
import json
import time
from collections.abc import Iterator

import pytest

from fakes.gateway_house import AUDIENCE, House
from fakes.gateway_process import serving
from fakes.hostility import goes_on, refused
from fakes.issuer import Issuer, KeyServer, SigningKey, without
from fakes.scripted_upstream import ScriptedUpstream

HOUR = 3600
GCLOUD = "32555940559.apps.googleusercontent.com"


def person(house: House, **claims) -> dict:
    return {"sub": "ana", "email": "ana@example.com", "email_verified": True, "aud": AUDIENCE, **claims}


def _now() -> int:
    return int(time.time())


def _signed_by_a_stranger(house: House) -> str:
    stranger = Issuer(house.staff.url)
    return stranger.token(header={"kid": house.staff.key.kid}, **person(house))


def _respelled(house: House) -> str:
    """Set the unused bits of the signature's last character, which sloppy decoders pass over."""
    token = house.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


BAD = {
    "wrong audience": ("wrong_audience", lambda h: h.token(aud="https://other.example.com")),
    "another upstream's audience": ("wrong_audience", lambda h: h.token(aud=f"{AUDIENCE}/mcp/asking")),
    "gcloud's audience": ("shared_client", lambda h: h.token(aud=GCLOUD)),
    "an audience with a slash more": ("wrong_audience", lambda h: h.token(aud=f"{AUDIENCE}/")),
    "an empty list of audiences": ("malformed_token", lambda h: h.token(aud=[])),
    "no audience": ("missing_claim", lambda h: h.token(aud=without)),
    "wrong issuer": ("unknown_issuer", lambda h: h.token(iss="https://evil.test")),
    "an issuer with a slash more": ("unknown_issuer", lambda h: h.token(iss="https://staff.test/")),
    "another issuer's name over one's own key": ("unknown_key", lambda h: h.token(iss="https://machines.test")),
    "no issuer": ("missing_claim", lambda h: h.token(iss=without)),
    "an issuer that is a list": ("unknown_issuer", lambda h: h.token(iss=["https://staff.test"])),
    "algorithm none": ("algorithm_not_allowed", lambda h: h.staff.unsigned(**person(h))),
    "algorithm None": ("algorithm_not_allowed", lambda h: h.staff.token(header={"alg": "None"}, **person(h))),
    "HS256 with the public key": ("algorithm_not_allowed", lambda h: h.staff.signed_with_the_public_key(**person(h))),
    "no algorithm": ("algorithm_not_allowed", lambda h: h.staff.token(header={"alg": without}, **person(h))),
    "a key of its own in the header": ("bad_signature", lambda h: h.staff.with_own_key(**person(h))),
    "an extension": ("critical_header", lambda h: h.staff.token(header={"crit": ["b64"], "b64": False}, **person(h))),
    "claims changed afterwards": ("bad_signature", lambda h: h.staff.tampered({"sub": "root"}, **person(h))),
    "a stranger's signature": ("bad_signature", _signed_by_a_stranger),
    "no signature": ("bad_signature", lambda h: h.token().rpartition(".")[0] + "."),
    "an unknown key id": ("unknown_key", lambda h: h.staff.token(header={"kid": "key-none"}, **person(h))),
    "a key id that is a path": (
        "unknown_key",
        lambda h: h.staff.token(header={"kid": "../../etc/passwd"}, **person(h)),
    ),
    "a key id that is a number": ("malformed_token", lambda h: h.staff.token(header={"kid": 7}, **person(h))),
    "expired": ("expired", lambda h: h.token(iat=_now() - 3000, exp=_now() - 60)),
    "no expiry": ("missing_claim", lambda h: h.token(exp=without)),
    "an expiry that is a text": ("malformed_token", lambda h: h.token(exp=str(_now() + HOUR))),
    "an expiry beyond all time": ("malformed_token", lambda h: h.token(exp=1e18)),
    "issued in the future": ("issued_in_the_future", lambda h: h.token(iat=_now() + 600, exp=_now() + HOUR)),
    "not valid yet": ("not_yet_valid", lambda h: h.token(nbf=_now() + 600)),
    "too old": ("too_old", lambda h: h.token(iat=_now() - 2 * HOUR, exp=_now() + HOUR)),
    "no subject": ("missing_claim", lambda h: h.token(sub=without)),
    "an empty subject": ("malformed_token", lambda h: h.token(sub="")),
    "a subject that is a number": ("malformed_token", lambda h: h.token(sub=7)),
    "a long subject": ("malformed_token", lambda h: h.token(sub="a" * 256)),
    "duplicate claims": ("malformed_token", lambda h: h.staff.sign('{"iss":"https://staff.test","iss":"x"}')),
    "claims that are a list": ("malformed_token", lambda h: h.staff.sign("[]")),
    "claims nested without end": ("malformed_token", lambda h: h.staff.sign('{"a":' * 3000 + "1" + "}" * 3000)),
    "NaN": ("malformed_token", lambda h: h.staff.sign('{"exp":NaN}')),
    "two parts": ("malformed_token", lambda h: h.token().rpartition(".")[0]),
    "four parts": ("malformed_token", lambda h: h.token() + ".a"),
    "encrypted": ("malformed_token", lambda _: "a.b.c.d.e"),
    "padded": ("malformed_token", lambda h: h.token() + "="),
    "another spelling of the same bits": ("malformed_token", _respelled),
    "blanks inside": ("malformed_token", lambda h: h.token().replace(".", " .")),
    "not base64": ("malformed_token", lambda _: "%.%.%"),
    "not ASCII": ("malformed_token", lambda _: "\xe9.\xe9.\xe9"),
    "very long": ("malformed_token", lambda _: "a" * 20_000 + ".b.c"),
    "a number": ("malformed_token", lambda _: "1"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_token_is_refused_by_name(house, bad):
    code, make = BAD[bad]
    client = house.stranger(make(house))

    answer = client.call("echo")

    record = refused(house, answer, 401, code)
    assert (record["kind"], record["reason"], record["count"]) == ("identity:rejected", code, 1)
    assert record["client"] == {"ip": client.ip}
    assert record["issuer"] in ("staff", "machines", "other")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer resource_metadata=")
    assert f'error="invalid_token", error_description="{code}"' in challenge
    goes_on(house.client())


@pytest.mark.parametrize(
    "scheme", ["Basic YTpi", "Bearer", "Bearer ", "bearer", "Token {token}", "{token}", "", "Negotiate"]
)
def test_a_header_that_bears_no_token_is_as_good_as_none(house, scheme):
    client = house.stranger()

    answer = client.post(client.calling("echo"), authorization=scheme.format(token=house.token()))

    record = refused(house, answer, 401, "missing_token")
    assert record["kind"] == "identity:rejected"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
def test_the_scheme_may_be_spelled_as_it_likes(house, scheme):
    """RFC 9110 section 11.1: it is not case-sensitive."""
    client = house.stranger()

    answer = client.post(client.calling("echo"), authorization=f"{scheme} {house.token()}")

    assert answer.text == "echo ran"


def test_a_token_somewhere_else_is_no_token(house):
    """RFC 6750 section 2: only in the one header."""
    client = house.stranger()
    message = client.calling("echo", access_token=house.token())
    message["params"]["_meta"]["authorization"] = f"Bearer {house.token()}"

    answer = client.post(message, cookie=f"token={house.token()}", x_authorization=f"Bearer {house.token()}")

    refused(house, answer, 401, "missing_token")


def test_nothing_of_a_bad_token_is_kept(house):
    """A refused credential may be good somewhere else."""
    secret = house.token(aud="https://other.example.com", sub="do-not-keep-me")
    house.stranger(secret).call("echo")

    payload = base64.urlsafe_b64encode(b"do-not-keep-me").decode()[:12]
    everything = b"\n".join(house.evidence.lines().values()).decode()
    assert "do-not-keep-me" not in everything
    assert secret not in everything
    assert secret not in house.gateway.diagnostics()
    assert payload not in everything


def test_the_same_refusal_within_a_second_is_counted_not_repeated(house):
    """evidence-format section 5, `identity:rejected`."""
    stranger = house.stranger(house.token(aud="https://flood.example.com"))

    for _ in range(50):
        assert stranger.call("echo").code == "wrong_audience"

    mine = {"reason": "wrong_audience", "client": {"ip": stranger.ip}}
    house.evidence.wait_until(
        lambda: sum(one["count"] for one in house.evidence.records("identity:rejected", **mine)) == 50
    )
    assert len(house.evidence.records("identity:rejected", **mine)) < 50


def test_a_flood_of_refusals_that_differ_is_capped_by_address(house):
    """evidence-format section 5: capped per minute and address; a stranger cannot fill the evidence."""
    stranger = house.stranger()
    before = len(house.evidence.records())

    for number in range(300):
        stranger.upstream = f"unknown-{number}"
        assert stranger.call("echo").code == "unknown_upstream"

    assert len(house.evidence.records()) - before <= 60
    goes_on(house.client())


def test_a_token_that_expires_is_refused_from_then_on(house):
    """It was verified a moment ago, and that does not help it: 30 s of leeway, and not one more."""
    client = house.client(exp=_now() - 29, iat=_now() - 60)
    assert client.call("echo").text == "echo ran"

    def is_over() -> bool:
        return client.call("echo").status == 401

    house.evidence.wait_until(is_over)
    assert client.call("echo").code == "expired"


def test_a_principal_is_verified_once_and_named_in_every_call(house):
    client = house.client("once-only")
    for _ in range(3):
        client.call("echo")

    (verified,) = [
        one for one in house.evidence.records("identity:verified") if one["principal"]["subject"] == "once-only"
    ]
    claims = json.loads(house.evidence.body(verified["claims"]))
    assert claims["claims"]["sub"] == "once-only"
    assert claims["header"]["alg"] == "ES256"


KEYS_OVER_HTTP = """\
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers:
  - name: staff
    issuer: https://staff.test
    audiences: [https://gateway.example.com]
    jwks_uri: {keys}
    attribution: person
upstreams:
  - name: warehouse
    kind: mcp
    url: {upstream}
rules:
  - name: all
    when: target == "echo"
    then: allow
"""


@pytest.fixture
def with_key_server(upstream: ScriptedUpstream, tmp_path) -> Iterator[tuple[House, KeyServer]]:
    house = House(tmp_path, upstream)
    house.prepare()
    with KeyServer(house.staff) as keys:
        house.configuration.write_text(KEYS_OVER_HTTP.format(keys=keys.url, upstream=upstream.url))
        with serving(house.configuration, house.data) as house.running:
            house.await_listings("warehouse")
            yield house, keys
            assert house.gateway.stop() == 0


def test_a_flood_of_unknown_keys_costs_the_issuer_one_request(with_key_server):
    """identity-and-approvals "Tokens": at most one forced refresh in 30 s, and records that are counted."""
    house, keys = with_key_server
    stranger = house.stranger()
    fetched = keys.requests

    for number in range(100):
        stranger.token = house.staff.token(key=SigningKey("ES256", f"flood-{number}"), **person(house))
        assert stranger.call("echo").code == "unknown_key"

    assert keys.requests - fetched == 1
    assert len(house.evidence.records("issuer:keys")) == 1
    house.evidence.wait_until(lambda: sum(one["count"] for one in house.evidence.records("identity:rejected")) == 100)
    assert len(house.evidence.records("identity:rejected")) < 20
    goes_on(house.client())


def test_a_key_that_its_issuer_has_just_rotated_is_fetched_and_recorded_before_it_is_believed(with_key_server):
    house, _ = with_key_server
    assert house.client().call("echo").text == "echo ran"

    house.staff.rotate()
    assert house.client("after-rotation").call("echo").text == "echo ran"

    sets = house.evidence.records("issuer:keys")
    assert len(sets) == 2
    verified = house.evidence.records("identity:verified")[-1]
    assert sets[-1]["seq"] < verified["seq"]
    assert json.loads(house.evidence.body(sets[-1]["keys"])) == json.loads(house.staff.jwks())
