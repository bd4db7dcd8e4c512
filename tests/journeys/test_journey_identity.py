"""Who is acting: people, machines with somebody who answers for them, and machines without.

Source: architecture, promise 2; identity-and-approvals "Which human started this job".
"""

from fakes.gateway_house import ROBOT
from fakes.hostility import goes_on
from fakes.mcp_client import McpClient


def test_a_person_is_named_in_the_record(house):
    house.client("ana").call("echo")

    call = house.evidence.records("call:requested", target="echo")[-1]
    assert call["principal"]["person"] == "ana@example.com"
    assert call["principal"]["attribution"] == "person"
    assert call["principal"]["groups"] == ["dba"]


def test_a_machine_with_a_sponsor_acts_and_the_sponsor_is_named(house, upstream):
    answer = _robot(house, ROBOT).call("echo")

    assert answer.text == "echo ran"
    call = house.evidence.records("call:requested", target="echo")[-1]
    principal = call["principal"]
    assert (principal["attribution"], principal["person"]) == ("sponsored", "ana@example.com")
    assert (principal["email"], principal["groups"]) == (ROBOT, []), "a sponsor lends no groups"
    assert len(upstream.calls()) == 1


def test_a_bare_service_account_is_refused(house, upstream):
    """Nobody answers for it."""
    answer = _robot(house, "stray@proj.iam.gserviceaccount.com").call("echo")

    assert answer.status == 200
    assert answer.result["isError"] is True
    assert answer.code == "denied"
    assert upstream.requests == []
    refusal = house.evidence.records("call:refused", code="denied")[-1]
    assert refusal["principal"]["attribution"] == "none"
    assert refusal["principal"]["person"] is None


def test_a_machine_that_nobody_vouches_for_the_address_of_has_no_sponsor(house, upstream):
    """identity-and-approvals: an address counts only where the issuer has verified it."""
    robot = _robot(house, ROBOT, email_verified=False)

    assert robot.call("echo").code == "denied"
    assert upstream.requests == []


def test_a_machine_that_looks_like_a_sponsored_one_is_another(house, upstream):
    for email in (f"x{ROBOT}", f"{ROBOT}.evil.test", ROBOT.replace("o", "\u043e"), "ana@example.com"):
        assert _robot(house, email).call("echo").code == "denied", email
    assert upstream.requests == []


def test_a_bare_machine_sees_nothing_of_the_tools(house, upstream):
    answer = _robot(house, "stray@proj.iam.gserviceaccount.com").ask("tools/list")

    assert answer.code == "denied"
    assert upstream.requests == []


def test_a_refused_machine_does_not_spoil_it_for_others(house):
    _robot(house, "stray@proj.iam.gserviceaccount.com").call("echo")

    goes_on(house.client())


def _robot(house, email: str, **claims) -> McpClient:
    return house.stranger(house.robot_token(email, **claims))
