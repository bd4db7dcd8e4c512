"""`identity.standing`: who is no longer let in, in whatever role.

Source: identity-and-approvals "Revocation"; the table of attributions.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.clock import SECOND
from affidavit.errors import Refused
from affidavit.identity.principal import Credential, Principal
from affidavit.identity.revocation import Revocation
from affidavit.identity.standing import STALE, Standing

NOW = 1_795_350_357_000_001
SESSION = "0a1b2c3d:" + "5" * 64


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


def principal(**fields):
    credential = Credential(header={}, claims={}, token_sha256="a" * 64, expires=NOW)
    usual = {"issuer": "https://issuer.test", "subject": "s-1", "email": None, "person": None, "groups": ()}
    return Principal(**{**usual, "attribution": "person", "credential": credential, **fields})


def revoked(what, value):
    return Revocation(what=what, value=value, by="root", reason="gone", at=NOW)


ANA = principal(person="ana@example.com", email="ana@example.com")
HER_JOB = principal(person="ana@example.com", attribution="ci-person", subject="repo:1")
HER_MACHINE = principal(person="ana@example.com", attribution="sponsored", email="deploy@p.iam.gserviceaccount.com")
HER_AGENT = principal(person="ana@example.com", attribution="delegated", on_behalf_of="ana@example.com", actor="bot")
EVERYBODY = {"ana": ANA, "job": HER_JOB, "machine": HER_MACHINE, "agent": HER_AGENT}

CUTS = [
    ("person", "ana@example.com", {"ana", "job", "machine", "agent"}),
    ("person", "Ana@Example.com", {"ana", "job", "machine", "agent"}),
    ("sponsor", "ana@example.com", {"machine"}),
    ("person", "deploy@p.iam.gserviceaccount.com", {"machine"}),
    ("subject", "https://issuer.test repo:1", {"job"}),
    ("subject", "https://other.test repo:1", set()),
    ("token", "A" * 64, {"ana", "job", "machine", "agent"}),
    ("token", "b" * 64, set()),
    ("session", SESSION, {"ana", "job", "machine", "agent"}),
    ("session", SESSION[:-1] + "6", set()),
    ("person", "bob@example.com", set()),
    ("sponsor", "bob@example.com", set()),
]


@pytest.mark.parametrize(("what", "value", "hit"), CUTS)
def test_a_revocation_hits_whom_it_names_in_every_role(what, value, hit):
    standing = Standing(Clock())
    standing.take([revoked(what, value)], NOW)

    assert {name for name, one in EVERYBODY.items() if _is_refused(standing, one, SESSION)} == hit


def test_whom_a_directory_locks_out_is_refused_until_it_lets_them_in_again():
    standing = Standing(Clock())
    standing.take([], NOW)

    assert standing.directory({"ana@example.com": "okta"}) == {"ana@example.com": "okta"}
    assert all(_is_refused(standing, one, None) for one in EVERYBODY.values())
    assert standing.directory({"ana@example.com": "okta", "bo@example.com": "okta"}) == {"bo@example.com": "okta"}
    assert standing.directory({"bo@example.com": "okta"}) == {}
    assert not any(_is_refused(standing, one, None) for one in EVERYBODY.values())


def test_a_list_that_is_too_old_lets_nobody_in():
    """identity-and-approvals: when the list is older than 15 s, calls are refused."""
    clock = Clock()
    standing = Standing(clock)
    assert _code(standing, ANA) == "revocation_unknown", "it was never read"

    standing.take([], clock.now)
    clock.now += STALE
    assert _code(standing, ANA) is None
    clock.now += 1
    assert _code(standing, ANA) == "revocation_unknown"

    standing.take([], clock.now - 14 * SECOND)
    assert _code(standing, ANA) is None


@given(
    st.lists(st.tuples(st.sampled_from(["person", "sponsor", "subject", "token", "session"]), st.integers(0, 3))),
    st.integers(0, 3),
    st.sampled_from(["person", "ci-person", "delegated", "sponsored", "none"]),
)
def test_what_it_says_is_what_looking_through_the_whole_list_says(entries, number, attribution):
    def value(what, n):
        plain = {"token": f"{n}" * 64, "subject": f"https://issuer.test {n}", "session": f"{n}"}
        return plain.get(what, f"p{n}@example.com")

    person = None if attribution == "none" else value("person", number)
    credential = Credential(header={}, claims={}, token_sha256=value("token", number), expires=NOW)
    one = principal(person=person, attribution=attribution, subject=str(number), credential=credential)
    standing = Standing(Clock())
    standing.take([revoked(what, value(what, n)) for what, n in entries], NOW)

    expected = any(
        n == number
        and (what in ("token", "subject", "session") or (person and (what == "person" or attribution == "sponsored")))
        for what, n in entries
    )
    assert _is_refused(standing, one, value("session", number)) == bool(expected)


def _is_refused(standing, one, session):
    return _code(standing, one, session) == "revoked"


def _code(standing, one, session=None):
    try:
        standing.check(one, session)
    except Refused as error:
        return error.code
    return None
