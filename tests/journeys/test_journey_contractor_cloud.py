"""The story that this project exists for, on Google Cloud's services, with two instances of the gateway.

The contractor's account is disabled at one of them; the job is refused at both, its stream at the other one is cut, and
the trail in the buckets shows every call that it made, in the contractor's name.

Source: the requirements; identity-and-approvals "Revocation" (every instance within 5 s).
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloud.deployment import CONFIGURATION, PUBLIC_URL, Deployment, Scheduler, add_gateway, deployed
from cloud.processes import Program
from cloud.story import settle, verify
from fakes.evidence_folder import EvidenceFolder
from fakes.issuer import Issuer
from fakes.mcp_client import McpClient
from fakes.ports import free_port
from fakes.scim_client import SECRET, ScimClient
from fakes.scripted_upstream import ScriptedUpstream

WITHIN_S = 5  # of a gateway hearing it
ROBOT = "deploy@proj.iam.gserviceaccount.com"
MACHINES = f"""\
  - name: machines
    issuer: https://machines.test
    audiences: [{PUBLIC_URL}]
    jwks_file: ./machines.json
    attribution: sponsored

people:
  - email: ana@example.com

sponsors:
  - match: claims.email == "{ROBOT}"
    person: ana@example.com

directories:
  - name: okta
    kind: scim
    secret: {{{{file: ./scim-token}}}}

upstreams:
"""
RULE = """\
rules:
  - name: jobs-may-call
    when: upstream == "warehouse" && principal.attribution == "sponsored"
    then: allow
"""


@dataclass
class Ending:
    """What came of the story."""

    done: int
    cut: dict[str, Any]
    took_s: float
    refused: list[Any]
    verified: tuple[int, dict[str, Any]]
    copy: Path


@pytest.fixture(scope="module")
def ending(tmp_path_factory) -> Ending:
    folder = tmp_path_factory.mktemp("cloud")
    machines = Issuer("https://machines.test")
    machines.write_jwks(folder / "machines.json")
    (folder / "scim-token").write_text(SECRET)
    with ScriptedUpstream("echo", "held") as upstream:
        text = CONFIGURATION.replace("{upstream}", upstream.url)
        text = text.replace("upstreams:\n", MACHINES, 1).replace("rules:\n", RULE, 1)
        with deployed(folder, text) as deployment:
            other = add_gateway(deployment.programs, folder, "gateway-2", free_port())
            other.await_ready()
            token = machines.token(sub=ROBOT, email=ROBOT, email_verified=True, aud=PUBLIC_URL, jti="job")
            return _play(deployment, other, upstream, token)


def _play(deployment: Deployment, other: Program, upstream: ScriptedUpstream, token: str) -> Ending:
    here, there = (McpClient(one.url.removeprefix("http://"), token) for one in (deployment.gateway, other))
    directory = ScimClient(deployment.gateway.url)
    account = directory.create("ana@example.com")["id"]
    _until(lambda: all(_went_through(one.call("echo")) for one in (here, there)))
    upstream.next_call(_hold)
    with there.open("POST", there.calling("held")) as stream:
        assert stream.next_message()["params"]["data"] == "still running"
        done = sum(_went_through(one.call("echo")) for _ in range(5) for one in (here, there))
        assert directory.deactivate(account).status == 200
        told = time.monotonic()
        cut = stream.next_message()["error"]
        _until(lambda: not any(_went_through(one.call("echo")) for one in (here, there)))
        took = time.monotonic() - told
    refused = [one.call("echo") for one in (here, there)]
    with Scheduler(deployment, "sequence_log", every_s=1):
        for gateway in (deployment.gateway, other):
            assert gateway.stop() == 0
        settle(deployment)
    copy = deployment.folder / "copy"
    return Ending(done, cut, took, refused, verify(deployment, copy), copy)


def _hold(exchange) -> None:
    exchange.stream()
    exchange.notify("still running")
    exchange.peer_hangs_up()


def _until(what) -> None:
    ends = time.monotonic() + 30
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.05)


def _went_through(answer) -> bool:
    return answer.status == 200 and "error" not in answer.json and not answer.result["isError"]


def test_the_job_is_refused_at_every_instance_and_its_stream_is_cut(ending):
    print(f"refused everywhere {ending.took_s:.1f} s after one instance had heard it")

    assert ending.took_s < WITHIN_S, "the promise"
    assert ending.cut["data"]["code"] == "revoked"
    assert [(one.status, one.code) for one in ending.refused] == [(403, "revoked")] * 2


def test_the_trail_names_the_contractor_in_every_call(ending):
    evidence = EvidenceFolder(ending.copy)
    calls = [one for one in evidence.records("call:requested") if one["principal"]["email"] == ROBOT]

    assert len(calls) >= ending.done
    assert {one["principal"]["person"] for one in calls} == {"ana@example.com"}
    assert {one["principal"]["person"] for one in evidence.records("call:refused", code="revoked")} == {
        "ana@example.com"
    }
    said = evidence.records("identity:revoked", value="ana@example.com", by="directory:okta")
    assert len({one["writer"] for one in said}) == 2, "each instance says it"


def test_what_was_recorded_verifies(ending):
    status, report = ending.verified

    assert status == 0, report
