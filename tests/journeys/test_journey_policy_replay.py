"""The drift review: calls are recorded, the file is changed, and a replay shows exactly what the change would change.

Source: the requirements; architecture "Configuration".
"""

import hashlib
import json
import subprocess

import pytest

from fakes.gateway_house import ROBOT
from fakes.gateway_process import PROGRAM

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.fixture(scope="module")
def recorded(house):
    """Calls of all kinds, of which the evidence folder holds every one."""
    ana, robot = house.client("ana"), house.stranger(house.robot_token(ROBOT))
    ana.ask("tools/list")
    for number in (1, 3, 11):
        ana.call("sometimes", number=number)
    ana.call("echo", text="hello")
    robot.call("echo", text="deploying")
    ana.call("echo", text=f"the key is {SECRET}")
    ana.call("drop_table")
    house.stranger("nonsense").call("echo")
    calls = [one for kind in ("call:requested", "call:refused") for one in house.evidence.records(kind)]
    mine = [one for one in calls if one.get("principal", {}).get("subject", "writer/").partition("/")[0] != "writer"]
    house.evidence.wait_until(lambda: replay(house, house.configuration)["calls"] == len(mine))
    return mine


def run(*words) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, "policy", *map(str, words)], capture_output=True, text=True, check=False)


def replay(house, file, *words) -> dict:
    done = run("replay", file, "--over", house.data, "--json", *words)
    said = json.loads(done.stdout)
    assert done.returncode == said["status"], done.stderr
    return said


@pytest.fixture
def changed(house, tmp_path):
    """Return another file: the one in force with some of its text changed."""

    def change(old: str, new: str):
        text = house.configuration.read_text()
        assert old in text
        path = tmp_path / "new.yaml"
        path.write_text(text.replace(old, new, 1))
        return path

    return change


def test_the_policy_in_force_decides_everything_as_it_did(house, recorded):
    """Also requests without a target, and calls that were refused."""
    said = replay(house, house.configuration, "--rules")

    assert said["findings"] == []
    assert said["same"] == len(recorded) >= 7
    assert said["never_decided"] == 0


def test_a_changed_rule_changes_exactly_the_calls_that_it_is_about(house, recorded, changed):
    said = replay(house, changed("arguments.number > 10", "arguments.number > 2"))

    (found,) = said["findings"]
    (call,) = [one for one in recorded if one["target"] == "sometimes" and number(house, one) == 3]
    assert found["records"] == [f"{call['writer']}/{call['seq']}"]
    assert (found["was"], found["was_rule"]) == ("allow", "tools-are-for-people")
    assert (found["now"], found["rule"]) == ("deny", "only-small-numbers")
    assert (found["target"], found["principal"], found["calls"]) == ("sometimes", "ana@example.com", 1)


def test_a_rule_about_claims_finds_those_of_the_credential(house, recorded, changed):
    """`identity:verified` keeps them; the call itself does not."""
    file = changed("rules:\n", f"rules:\n  - {{name: no-robots, when: 'claims.email == \"{ROBOT}\"', then: deny}}\n")

    found = replay(house, file)["findings"]

    assert [(one["principal"], one["target"], one["rule"]) for one in found] == [
        (f"{ROBOT} of ana@example.com", "echo", "no-robots")
    ]


def test_what_the_replay_said_is_what_the_gateway_does_when_the_file_is_in_force(house, recorded, changed):
    old = house.configuration.read_text()
    file = changed("arguments.number > 10", "arguments.number > 2")
    house.configuration.write_text(file.read_text())
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        house.evidence.wait_until(lambda: house.gateway.ready()["policy"]["digest"] == digest)
        house.client().call("sometimes", number=3)
        (refused,) = house.evidence.records(
            "call:refused", policy={"digest": digest, "decision": "deny", "rule": "only-small-numbers"}
        )
    finally:
        house.configuration.write_text(old)
    found = replay(house, file)["findings"][0]

    assert (refused["policy"]["decision"], refused["policy"]["rule"]) == (found["now"], found["rule"])


def test_a_recorded_call_is_explained(house, recorded):
    (call,) = [one for one in recorded if one["target"] == "sometimes" and number(house, one) == 11]
    record = f"{call['writer']}/{call['seq']}"

    done = run("explain", house.configuration, "--record", record, "--data", house.data)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("deny  by only-small-numbers\nNumbers up to ten, please.\n")
    assert 'arguments  = {"number":11}' in done.stdout


def test_what_was_masked_is_never_guessed(house, recorded, changed):
    """Without a masking section credentials are masked before they are recorded; what else was said is known."""
    condition = 'has(arguments.text) && arguments.text == "deploying"'
    rule = f"rules:\n  - {{name: no-deploying, when: '{condition}', then: deny}}\n"
    found = [one for one in replay(house, changed("rules:\n", rule))["findings"] if one["target"] == "echo"]

    masked = [one for one in recorded if one["request"] and b"[masked:" in house.evidence.body(one["request"])]
    assert [(one["finding"], one["unknown"], one["calls"]) for one in found] == [
        ("changed", "", 1),
        ("undecidable", "arguments.text (masked)", 1),
    ]
    assert found[1]["records"] == [f"{one['writer']}/{one['seq']}" for one in masked]
    assert SECRET.encode() not in b"".join(house.evidence.body(one["request"]) for one in recorded if one["request"])


def test_drift_tells_the_rules_that_nobody_needed(house, recorded):
    done = run("drift", "--over", house.data, "--json")
    said = json.loads(done.stdout)

    assert done.returncode == 1, done.stderr
    assert [(one["finding"], one["about"]) for one in said["findings"]] == [("idle_rule", "reports-stay-in")]
    assert said["not_judged"] == ["asking-may-ask"]


def number(house, call) -> int:
    return json.loads(house.evidence.body(call["request"]))["params"]["arguments"]["number"]
