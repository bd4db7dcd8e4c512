"""A directory pushes who is who: what it says of people is on record, and holds for the next call.

Source: identity-and-approvals "Who tells us that Ana left"; RFC 7644; evidence-format section 5, `directory:changed`.
"""

from collections.abc import Iterator

import pytest

from fakes.gateway_house import ROBOT, House
from fakes.scim_client import SECRET, ScimClient

DIRECTORIES = """
directories:
  - name: okta
    kind: scim
    secret: {file: ./scim-token}
"""


@pytest.fixture(scope="module")
def house(upstream, tmp_path_factory, start) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "scim-token").write_text(f"{SECRET}\nthe-one-that-comes-next-0123456789\n")
    yield from start(House(folder, upstream), lambda text: text + DIRECTORIES)


@pytest.fixture
def okta(house) -> ScimClient:
    return ScimClient(house.gateway.url)


@pytest.fixture
def robot(house):
    """A job of a service account that ana@example.com answers for."""

    def call():
        client = house.stranger(house.robot_token(ROBOT))
        return client.call("echo", text="hello")

    return call


@pytest.fixture
def ana(okta) -> Iterator[str]:
    """Ana's id at this gateway; she is gone after the test."""
    user = okta.create("Ana@Example.com")["id"]
    yield user
    okta.ask("DELETE", f"Users/{user}")


def denied(answer) -> bool:
    return answer.result["isError"]


def test_whom_the_directory_locks_out_answers_for_no_job_from_the_next_call_on(house, okta, ana, robot):
    """The story that this project exists for: only the person's account at the directory is disabled."""
    assert robot().text == "echo ran"

    assert okta.deactivate(ana).body["active"] is False
    assert robot().result.get("isError") is True
    (request,) = house.evidence.records("directory:changed", id=ana, active=False, how="changed")
    assert (request["directory"], request["what"], request["email"]) == ("okta", "user", "ana@example.com")

    okta.patch(f"Users/{ana}", {"op": "Replace", "path": "active", "value": "True"})
    assert robot().text == "echo ran"
