"""The story that this project exists for.

A contractor's CI job calls through the gateway again and again. Only the contractor's account at the identity provider
is disabled. Within seconds the job's next call is refused, its open stream is cut, and the trail shows every call that
it made, in the contractor's name, up to that moment.

Source: the requirements; identity-and-approvals "Who tells us that Ana left".
"""

import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from fakes.gateway_house import ROBOT, House
from fakes.gateway_process import PROGRAM
from fakes.issuer import Issuer
from fakes.scim_client import SECRET, ScimClient

WITHIN_S = 5  # of the gateway hearing it
GITHUB = "https://token.actions.githubusercontent.com"
ISSUER = f"""\
issuers:
  - name: github
    issuer: {GITHUB}
    audiences: [https://gateway.example.com]
    jwks_file: ./github.json
    attribution: ci-person
"""
DIRECTORIES = """
directories:
  - name: okta
    kind: scim
    secret: {file: ./scim-token}
"""


def with_directory(text: str) -> str:
    text = text.replace("issuers:\n", ISSUER, 1)
    return (
        text.replace("  - email: ana@example.com\n", "  - email: ana@example.com\n    github_id: 583231\n")
        + DIRECTORIES
    )


@pytest.fixture(scope="module")
def github() -> Issuer:
    return Issuer(GITHUB)


@pytest.fixture(scope="module")
def house(upstream, github, tmp_path_factory, start) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "scim-token").write_text(SECRET)
    github.write_jwks(folder / "github.json")
    yield from start(House(folder, upstream), with_directory)


@pytest.fixture
def directory(house) -> ScimClient:
    return ScimClient(house.gateway.url)


@pytest.fixture
def account(directory) -> Iterator[str]:
    """The contractor's account at the identity provider."""
    account = directory.create("ana@example.com")["id"]
    yield account
    directory.ask("DELETE", f"Users/{account}")


class Job:
    """Calls again and again, and keeps what came of it."""

    def __init__(self, client, every: float = 0.2) -> None:
        self.client = client
        self.answers = []
        self._ended = threading.Event()
        self._every = every
        self._thread = threading.Thread(target=self._work)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(self._every):
            self.answers.append((time.monotonic(), self.client.call("echo", run=len(self.answers))))

    def until(self, what) -> None:
        ends = time.monotonic() + 30
        while not what():
            assert time.monotonic() < ends, self.answers[-1:]
            time.sleep(0.02)

    @property
    def last(self):
        return self.answers[-1][1] if self.answers else None


def went_through(answer) -> bool:
    return answer is not None and answer.status == 200 and "error" not in answer.json and not answer.result["isError"]


@pytest.mark.parametrize("kind", ["ci-person", "sponsored"])
def test_when_only_the_contractors_account_is_disabled_their_job_ends(  # noqa: PLR0917 the whole cast
    house, upstream, github, directory, account, kind
):
    token = (
        github.github(583231, aud="https://gateway.example.com", jti="run-1")
        if kind == "ci-person"
        else house.robot_token(ROBOT)
    )
    client = house.stranger(token)

    def hold(exchange):
        exchange.stream()
        exchange.notify("still running")
        exchange.peer_hangs_up()

    upstream.next_call(hold)
    with client.open("POST", client.calling("held")) as stream, Job(house.stranger(token)) as job:
        assert stream.next_message()["params"]["data"] == "still running"
        job.until(lambda: sum(went_through(one) for _, one in job.answers) >= 3)

        directory.deactivate(account)
        told = time.monotonic()
        error = stream.next_message()["error"]
        cut = time.monotonic()
        job.until(lambda: job.last is not None and not went_through(job.last))

    assert error["data"]["code"] == "revoked"
    refused_at = next(at for at, one in job.answers if not went_through(one))
    assert max(cut, refused_at) - told < WITHIN_S, "the promise"
    assert all(not went_through(one) for at, one in job.answers if at > refused_at), "and it stays so"
    house.evidence.wait_for("identity:revoked", value="ana@example.com", by="directory:okta")
    _the_trail_names_the_contractor(house, kind, job)


def _the_trail_names_the_contractor(house, kind, job) -> None:
    made = sum(went_through(one) for _, one in job.answers)
    requested = house.evidence.wait_until(lambda: _calls(house, kind, made))
    assert {one["principal"]["person"] for one in requested} == {"ana@example.com"}
    refused = house.evidence.wait_for("call:refused", code="revoked")
    assert refused["principal"]["person"] == "ana@example.com"
    shown = house.evidence.wait_until(lambda: _shown(house, made))
    assert "person revoked by directory:okta" in shown
    assert "This credential, or whoever it stands for, was locked out" in shown


def _shown(house, made: int) -> str | None:
    """Return what an auditor reads, once it has every call."""
    command = [PROGRAM, "show", str(house.data)]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    calls = [part for part in text.split("\n\n") if "warehouse · echo" in part and "who      ana@example.com" in part]
    return text if len([one for one in calls if "200 answered" in one]) >= made else None


def _calls(house, kind, made):
    calls = house.evidence.records("call:requested", target="echo")
    found = [one for one in calls if one["principal"]["attribution"] == kind]
    return found if len(found) >= made else None
