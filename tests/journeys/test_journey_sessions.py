"""Sessions of the legacy era: opened for one principal, used by nobody else, and ended.

Source: mcp "Duties" (sessions); evidence-format section 5, `session:opened`, `session:closed`; MCP 2025-11-25.
"""

import base64

import pytest

from fakes.scripted_upstream import SESSION


def test_the_client_never_sees_the_upstreams_own_id(house, upstream):
    client = house.client().initialize()

    assert SESSION not in client.session
    assert SESSION.encode() not in base64.urlsafe_b64decode(client.session + "==")
    client.legacy_call("echo")
    assert upstream.calls()[-1].header("mcp-session-id") == SESSION


def test_a_session_is_opened_once_and_named_in_each_of_its_calls(house):
    client = house.client("once").initialize()
    client.legacy_call("echo")
    client.legacy_call("echo")

    calls = [one for one in house.evidence.records("call:requested", target="echo") if _by(one, "once")]
    assert len({one["session"] for one in calls}) == 1
    assert len(house.evidence.records("session:opened", session=calls[0]["session"])) == 1
    assert client.session not in str(house.evidence.records())


def test_two_principals_have_two_sessions_though_the_upstream_names_both_alike(house):
    """An upstream that hands out one id to everybody does not mix up its clients in the evidence."""
    ana, ben = house.client("ana").initialize(), house.client("ben").initialize()
    ana.legacy_call("echo")
    ben.legacy_call("echo")

    assert ana.session != ben.session
    first, second = house.evidence.records("call:requested", target="echo")[-2:]
    assert first["session"] != second["session"]
    for call, person in ((first, "ana"), (second, "ben")):
        (opened,) = house.evidence.records("session:opened", session=call["session"])
        assert _by(opened, person)


def test_a_foreign_principal_has_no_such_session(house, upstream):
    """mcp "Duties": another principal presenting it gets 404."""
    stolen = house.client("ana").initialize().session
    thief = house.client("ben")
    thief.session = stolen
    upstream.forget()

    answer = thief.legacy_call("echo")

    assert (answer.status, answer.code) == (404, "unknown_session")
    assert upstream.requests == []
    (refusal,) = [one for one in house.evidence.records("call:refused", code="unknown_session") if _by(one, "ben")]
    assert refusal["method"] == "tools/call"


def test_a_session_of_another_upstream_is_none(house, upstream):
    client = house.client().initialize()
    elsewhere = client.at("asking")
    elsewhere.session = client.session
    upstream.forget()

    answer = elsewhere.legacy_call("echo")

    assert (answer.status, answer.code) == (404, "unknown_session")
    assert upstream.requests == []


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: SESSION, id="the upstream's own"),
        pytest.param(lambda real: ("B" if real[0] == "A" else "A") + real[1:], id="first character"),
        pytest.param(lambda real: real[:-1], id="cut"),
        pytest.param(lambda real: real + "A", id="longer"),
        pytest.param(lambda real: real + "=", id="padded"),
        pytest.param(lambda real: real.swapcase(), id="other letters"),
        pytest.param(lambda _: "A" * 60_000, id="huge"),
        pytest.param(lambda _: "\xe9" * 8, id="not ASCII"),
    ],
)
def test_a_tampered_id_is_none(house, upstream, spoil):
    client = house.client().initialize()
    client.session = spoil(client.session)
    upstream.forget()

    answer = client.legacy_call("echo")

    assert (answer.status, answer.code) == (404, "unknown_session")
    assert upstream.requests == []


def test_a_session_ends_when_its_client_says_so(house, upstream):
    """evidence-format section 5: `session:closed` at the last call of a session."""
    client = house.client("goodbye").initialize()
    client.legacy_call("echo")
    session = next(
        one["session"] for one in house.evidence.records("call:requested", target="echo") if _by(one, "goodbye")
    )

    answer = client.send("DELETE", b"", content_type=None)

    assert answer.status == 204
    assert upstream.requests[-1].http_method == "DELETE"
    assert upstream.requests[-1].header("mcp-session-id") == SESSION
    closed = house.evidence.wait_for("session:closed", session=session)
    assert closed["principal"]["subject"] == "goodbye"
    ending = house.evidence.records("call:requested", method="delete")[-1]
    assert closed["seq"] > ending["seq"]


def test_a_session_that_the_upstream_no_longer_knows_is_over(house, upstream):
    """MCP 2025-11-25: 404 tells a client to start a new one; so it does here."""
    client = house.client("expired").initialize()
    upstream.next_call(lambda exchange: exchange.error(-32001, "Session not found", status=404))

    answer = client.legacy_call("scripted")

    assert answer.status == 404
    call = next(one for one in house.evidence.records("call:requested", target="scripted") if _by(one, "expired"))
    house.evidence.wait_for("session:closed", session=call["session"])


def test_a_refused_delete_leaves_the_session_open(house, upstream):
    client = house.client("stays").initialize()
    thief = house.client("thief")
    thief.session = client.session

    assert thief.send("DELETE", b"", content_type=None).status == 404
    assert client.legacy_call("echo").text == "echo ran"
    assert not [one for one in house.evidence.records("session:closed") if one["principal"]["subject"] == "stays"]


def test_a_modern_call_mints_and_echoes_no_session(house, upstream):
    """mcp, table of eras: none."""
    upstream.next_call(lambda exchange: exchange.result(exchange.said("hi"), headers={"Mcp-Session-Id": "x"}))
    client = house.client()

    answer = client.post(client.calling("scripted"), mcp_session_id="whatever")

    assert answer.text == "hi"
    assert "mcp-session-id" not in answer.headers
    assert upstream.requests[-1].header("mcp-session-id") is None


def _by(record, subject: str) -> bool:
    return record["principal"]["subject"] == subject
