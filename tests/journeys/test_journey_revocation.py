"""Who is locked out: the next call is refused, what is under way is cut, and both are on record.

Source: identity-and-approvals "Revocation"; evidence-format section 5, `identity:revoked`.
"""

import hashlib
import json
import subprocess
import threading

import pytest

from fakes.gateway_house import ROBOT
from fakes.gateway_process import PROGRAM


def revoke(house, what: str, value: str, *, given: str = "") -> None:
    command = [PROGRAM, "revoke", what, value, "--reason", "left", "--by", "root", "--data", str(house.data), "--json"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=20, check=True)
    assert json.loads(done.stdout)["what"] == what


def is_refused(house, call) -> None:
    house.evidence.wait_until(lambda: _code(call()) == "revoked")
    assert house.evidence.wait_for("call:refused", code="revoked")["reason"]


def _sessions(house, person: str) -> list[str]:
    calls = house.evidence.records("call:requested", target="echo")
    return [one["session"] for one in calls if one["principal"]["person"] == person]


def _code(answer):
    return None if answer.status == 200 and "error" not in answer.json else answer.code


def test_a_person_who_is_revoked_is_refused_with_a_sentence_and_a_record(house, upstream):
    client = house.client("carl")
    assert client.call("echo").text == "echo ran"

    revoke(house, "person", "carl@example.com")
    is_refused(house, lambda: client.call("echo"))

    upstream.forget()
    answer = client.call("echo")
    assert (answer.status, answer.code) == (403, "revoked")
    assert "locked out" in answer.json["error"]["message"]
    assert upstream.requests == []
    said = house.evidence.wait_for("identity:revoked", value="carl@example.com")
    assert (said["what"], said["by"], said["reason"]) == ("person", "root", "left")
    assert house.client("dora").call("echo").text == "echo ran", "others are not held up"


def test_a_sponsor_who_is_revoked_cuts_their_machines_and_not_themselves(house):
    robot = house.stranger(house.robot_token(ROBOT))
    assert robot.call("echo").text == "echo ran"

    revoke(house, "sponsor", "ana@example.com")
    is_refused(house, lambda: robot.call("echo"))

    assert house.client("ana", jti="herself").call("echo").text == "echo ran"


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_token_that_is_revoked_is_refused_and_another_of_the_same_person_is_not(house, by_hand):
    token = house.token("eve", jti=f"leaked-{by_hand}")
    client = house.stranger(token)
    assert client.call("echo").text == "echo ran"

    if by_hand:
        revoke(house, "token", hashlib.sha256(token.encode()).hexdigest())
    else:
        revoke(house, "token", "-", given=f"{token}\n")
    is_refused(house, lambda: client.call("echo"))

    assert house.client("eve", jti=f"fresh-{by_hand}").call("echo").text == "echo ran"


def test_a_session_that_is_revoked_is_refused(house):
    client = house.client("fay")
    client.call("echo")
    session = house.evidence.wait_until(lambda: _sessions(house, "fay@example.com"))[-1]

    revoke(house, "session", session)
    is_refused(house, lambda: client.call("echo"))

    assert house.evidence.wait_for("session:closed", session=session, reason="revoked")


def test_a_stream_that_is_open_is_cut_and_its_upstream_learns_of_it(house, upstream):
    """A revoked person cuts their running streams and their jobs."""
    client = house.client("gus")
    hung_up = threading.Event()

    def hold(exchange):
        exchange.stream()
        exchange.notify("still here")
        if exchange.peer_hangs_up():
            hung_up.set()

    upstream.next_call(hold)
    with client.open("POST", client.calling("scripted")) as stream:
        assert stream.next_message()["params"]["data"] == "still here"
        revoke(house, "person", "gus@example.com")

        error = stream.next_message()["error"]

    assert error["data"]["code"] == "revoked"
    assert hung_up.wait(20)
    call = house.evidence.wait_until(lambda: house.evidence.records("call:requested", target="scripted"))[-1]
    ended = house.evidence.wait_for("call:answered", call=call["call"])
    assert (ended["outcome"], ended["reason"]) == ("cancelled", "revoked")


def test_a_call_that_waits_for_its_answer_is_cut(house, upstream):
    client = house.client("hal")
    going = threading.Event()

    def hold(exchange):
        going.set()
        exchange.peer_hangs_up()

    upstream.next_call(hold)
    answers = []
    calling = threading.Thread(target=lambda: answers.append(client.call("scripted")))
    calling.start()
    assert going.wait(20)

    revoke(house, "person", "hal@example.com")
    calling.join(20)

    assert (answers[0].status, answers[0].code) == (200, "revoked")
    assert "may have been done" in answers[0].json["error"]["message"]


def test_readyz_says_how_old_the_list_is(house):
    state = house.gateway.ready()["revocation"]

    assert state["entries"] >= 0
    assert 0 <= state["lag_s"] < 15


def test_what_is_revoked_can_be_listed(house):
    revoke(house, "subject", "https://staff.test nobody")

    listed = subprocess.run(
        [PROGRAM, "revoke", "list", "--data", str(house.data), "--json"], capture_output=True, text=True, check=True
    )

    assert any(json.loads(line)["value"] == "https://staff.test nobody" for line in listed.stdout.splitlines())


WRONG = [
    (["person", "ana@example.com"], "--reason"),
    (["person", "--reason", "x"], "say which person"),
    (["person", "nobody", "--reason", "x"], "an address"),
    (["token", "abc", "--reason", "x"], "the SHA-256"),
    (["session", "abc", "--reason", "x"], "as records have it"),
    (["subject", "abc", "--reason", "x"], "an issuer and its subject"),
    (["token", "-", "--reason", "x"], "no token"),
    (["person", "ana@example.com", "--reason", "two\nlines"], "one line"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_a_wrong_revocation_is_explained_and_changes_nothing(house, arguments, said):
    command = [PROGRAM, "revoke", *arguments, "--data", str(house.data)]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=20, check=False)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
