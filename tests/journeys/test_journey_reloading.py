"""A changed policy file is in force for the calls that follow, on record before them; a wrong one never is.

Source: architecture "Failures" (policy file invalid); evidence-format section 5, `policy:loaded`.
"""

import hashlib
import threading

import pytest

DENY_ECHO = """\
  - name: no-echo-for-now
    when: target == "echo"
    then: deny
    reason: Nobody may echo now.
"""


@pytest.fixture
def written(house):
    """Write another configuration, and the old one again at the end."""
    old = house.configuration.read_text()

    def write(text: str) -> str:
        house.configuration.write_text(text)
        return hashlib.sha256(text.encode()).hexdigest()

    yield write
    write(old)
    _await_policy(house, old)


def _await_policy(house, text: str) -> None:
    digest = hashlib.sha256(text.encode()).hexdigest()
    house.evidence.wait_until(lambda: house.gateway.ready()["policy"] == {"digest": digest, "error": None})


def _with(house, rule: str) -> str:
    return house.configuration.read_text().replace("rules:\n", f"rules:\n{rule}", 1)


def test_a_new_rule_is_in_force_without_a_restart_and_its_text_is_on_record(house, written):
    client = house.client("reloader")
    assert client.call("echo").text == "echo ran"
    changed = _with(house, DENY_ECHO)

    digest = written(changed)
    _await_policy(house, changed)

    assert "Nobody may echo now." in client.call("echo").text
    loaded = house.evidence.records("policy:loaded", digest=digest)[-1]
    assert house.evidence.body(loaded["policy"]) == changed.encode()
    refused = house.evidence.records("call:refused", target="echo")[-1]
    assert refused["policy"] == {"decision": "deny", "digest": digest, "rule": "no-echo-for-now"}
    assert loaded["seq"] < refused["seq"]


def test_a_call_that_is_under_way_keeps_the_policy_that_let_it_through(house, upstream, written):
    """architecture "The way of one call": the policy is pinned."""
    client = house.client("holder")
    going = threading.Event()

    def answer(exchange):
        going.wait(20)
        exchange.says("late")

    upstream.next_call(answer)
    answers = []
    calling = threading.Thread(target=lambda: answers.append(client.call("held")))
    calling.start()
    house.evidence.wait_for("call:requested", target="held")
    changed = _with(house, DENY_ECHO.replace('"echo"', '"held"'))
    written(changed)
    _await_policy(house, changed)

    going.set()
    calling.join(20)

    assert answers[0].text == "late"
    assert client.call("held").code == "denied"


def test_a_wrong_file_leaves_the_old_policy_in_force_and_says_so(house, written):
    client = house.client("careful")
    before = house.gateway.ready()["policy"]["digest"]

    written(house.configuration.read_text().replace("then: deny", "then: perhaps"))
    house.evidence.wait_until(lambda: house.gateway.ready()["policy"]["error"] is not None)

    assert house.gateway.ready()["policy"]["digest"] == before
    assert house.gateway.ready()["ready"] is True
    assert client.call("echo").text == "echo ran"
    assert "the old policy stays in force" in house.gateway.diagnostics()
