"""affidavit.mcp.sessions: a session belongs to the principal who opened it, on every instance."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from affidavit.errors import Refused
from affidavit.mcp.sessions import KEY_BYTES, SessionSeal

KEY = bytes(range(KEY_BYTES))
ANA = {"upstream": "warehouse", "issuer": "https://issuer.test", "subject": "ana"}
seal = SessionSeal(KEY)
sessions = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60)
names = st.text(max_size=10)
places = st.fixed_dictionaries({"upstream": names, "issuer": names, "subject": names})


def is_unknown(wrapped, place=ANA, by=seal):
    with pytest.raises(Refused) as refused:
        by.unwrap(wrapped, **place)
    return refused.value.code == "unknown_session"


@given(st.text(st.characters(exclude_characters="\r\n"), max_size=60), places)
def test_who_opened_a_session_gets_it_back(session, place):
    assert seal.unwrap(seal.wrap(session, **place), **place) == session


@given(sessions, places, places)
def test_anybody_else_and_any_other_upstream_has_no_such_session(session, place, other):
    """mcp "Duties": another principal presenting it gets 404."""
    assume(place != other)

    assert is_unknown(seal.wrap(session, **place), other)


@pytest.mark.parametrize(
    "other",
    [
        {"upstream": "warehouseh", "issuer": "ttps://issuer.test", "subject": "ana"},
        {"upstream": "warehouse", "issuer": "https://issuer.testa", "subject": "na"},
        {"upstream": "warehouse", "issuer": "ana", "subject": "https://issuer.test"},
        {"upstream": "warehouse", "issuer": "https://issuer.test", "subject": "ana\0"},
        {"upstream": "", "issuer": "warehousehttps://issuer.test", "subject": "ana"},
    ],
)
def test_names_cannot_be_shifted_into_each_other(other):
    """RFC 5297 section 2.4: S2V keeps the strings of its vector apart."""
    assert is_unknown(seal.wrap("s", **ANA), other)


@given(sessions)
def test_a_client_can_carry_a_wrapped_session_in_a_header(session):
    """MCP 2025-11-25 "Session Management": only visible ASCII characters."""
    wrapped = seal.wrap(session, **ANA)

    assert wrapped
    assert all(0x21 <= ord(character) <= 0x7E for character in wrapped)
    assert session not in wrapped or len(session) < 4


def test_every_instance_with_the_key_wraps_alike_and_reads_what_others_wrapped():
    wrapped = SessionSeal(KEY).wrap("abc", **ANA)

    assert wrapped == seal.wrap("abc", **ANA)
    assert seal.unwrap(wrapped, **ANA) == "abc"


def test_another_key_reads_nothing():
    assert is_unknown(seal.wrap("abc", **ANA), by=SessionSeal(bytes(KEY_BYTES)))


@given(sessions, st.data())
def test_no_other_spelling_is_the_session(session, data):
    wrapped = seal.wrap(session, **ANA)
    place = data.draw(st.integers(0, len(wrapped) - 1))
    other = data.draw(st.characters(min_codepoint=0x20, max_codepoint=0xFF).filter(lambda one: one != wrapped[place]))

    assert is_unknown(wrapped[:place] + other + wrapped[place + 1 :])


@pytest.mark.parametrize("change", ["{}=", "{}==", " {}", "{} ", "{}A", "{}\n"])
def test_nothing_may_be_added(change):
    assert is_unknown(change.format(seal.wrap("abc", **ANA)))


@given(st.text(max_size=60) | st.text("ABCDabcd0123-_", max_size=60))
def test_what_was_never_wrapped_is_no_session(text):
    assert is_unknown(text)


def test_an_upstreams_own_session_id_is_none_here():
    assert is_unknown("1868a90c-2f4e-4f0e-9d6f-0a7b1a9a6a0e")


def test_a_session_as_long_as_a_header_may_be_is_wrapped():
    session = "x" * 64 * 1024

    assert seal.unwrap(seal.wrap(session, **ANA), **ANA) == session


def test_a_claim_with_a_lone_surrogate_is_a_name_like_another():
    """JSON allows it, UTF-8 does not; a token may hold one."""
    odd = {**ANA, "subject": "\ud800"}

    assert seal.unwrap(seal.wrap("abc", **odd), **odd) == "abc"
    assert is_unknown(seal.wrap("abc", **odd))
