"""A Google Workspace is read: who is suspended there answers for no job here.

Source: identity-and-approvals "Who tells us that Ana left"; Admin SDK Directory API v1 `users.list`.
"""

import sqlite3
from collections.abc import Iterator

import pytest

from fakes.gateway_house import HOUSE, ROBOT, TOOLS, House
from fakes.gateway_process import serving
from fakes.iam_server import IamServer
from fakes.scripted_upstream import ScriptedUpstream
from fakes.workspace_server import WorkspaceServer

ACCOUNT, ADMIN = "reader@acme.iam.gserviceaccount.com", "admin@example.com"
DIRECTORIES = f"""
directories:
  - name: workspace
    kind: google_workspace
    admin: {ADMIN}
    impersonate: {ACCOUNT}
"""
OLDER = 6 * 60 * 1_000_000  # microseconds; it is read again when it is five minutes old


class Story:
    """A gateway that is started again and again over one folder, and what Google has to say."""

    def __init__(self, house, google, environment):
        self.house = house
        self.google = google
        self.environment = environment

    def serve(self):
        return serving(self.house.configuration, self.house.data, environment=self.environment)

    def read_long_ago(self, gateway):
        """Make the last complete reading older than it is."""
        assert gateway.stop() == 0
        with sqlite3.connect(self.house.data / "state.sqlite") as state:
            state.execute("update roster_reading set at = at - ?", (OLDER,))

    def robot_may(self, gateway):
        self.house.running = gateway
        self.house.evidence.wait_for("tool:defined", upstream="warehouse", target="echo")
        answer = self.house.stranger(self.house.robot_token(ROBOT)).call("echo", text="hello")
        return answer.status == 200 and not answer.result.get("isError")


@pytest.fixture
def story(tmp_path) -> Iterator[Story]:
    iam = IamServer(ACCOUNT)
    google = WorkspaceServer(iam.issuer, account=ACCOUNT, admin=ADMIN)
    google.add("0", ADMIN)
    google.add("1", "ana@example.com")
    google.add("2", "zoe@example.com")
    with ScriptedUpstream(*TOOLS) as upstream, iam.serving() as iam_address, google.serving() as google_address:
        house = House(tmp_path, upstream)
        house.prepare(HOUSE + DIRECTORIES)
        environment = {"IAM_CREDENTIALS_EMULATOR_HOST": iam_address, "WORKSPACE_EMULATOR_HOST": google_address}
        yield Story(house, google, environment)


def confirmed(story: Story, gateway):
    """Wait until the reading at the start is there."""
    story.house.evidence.wait_until(lambda: gateway.ready()["directories"]["workspace"]["confirmed_s"] is not None)


def test_who_is_suspended_answers_for_nothing_once_it_was_read(story):
    with story.serve() as gateway:
        confirmed(story, gateway)
        assert story.robot_may(gateway)
        assert len(story.house.evidence.records("directory:changed", directory="workspace", active=True)) == 3
        story.read_long_ago(gateway)

    story.google.add("1", "ana@example.com", suspended=True)
    with story.serve() as gateway:
        story.house.evidence.wait_for("directory:changed", email="ana@example.com", active=False, how="changed")
        assert not story.robot_may(gateway)
        story.read_long_ago(gateway)

    story.google.add("1", "ana@example.com")
    with story.serve() as gateway:
        story.house.evidence.wait_until(
            lambda: len(story.house.evidence.records("directory:changed", email="ana@example.com", active=True)) == 2
        )
        assert story.robot_may(gateway)
        story.read_long_ago(gateway)

    del story.google.users["1"]
    with story.serve() as gateway:
        story.house.evidence.wait_for("directory:changed", email="ana@example.com", active=False, how="deleted")
        assert not story.robot_may(gateway)
        assert gateway.stop() == 0


def test_a_page_that_is_lost_locks_nobody_out_and_confirms_nothing(story):
    """What was read before counts for 15 minutes."""
    with story.serve() as gateway:
        confirmed(story, gateway)
        story.read_long_ago(gateway)

    story.google.failing = {len(story.google.asked) + 1: 500}
    with story.serve() as gateway:
        story.house.evidence.wait_until(lambda: "workspace cannot be read" in gateway.diagnostics())
        assert story.robot_may(gateway)
        assert gateway.ready()["directories"]["workspace"]["confirmed_s"] > 300
        story.read_long_ago(gateway)
    assert story.house.evidence.records("directory:changed", active=False) == []

    story.google.failing = dict.fromkeys(range(100), 500)
    with sqlite3.connect(story.house.data / "state.sqlite") as state:
        state.execute("update roster_reading set at = at - ?", (OLDER,))
    with story.serve() as gateway:
        assert not story.robot_may(gateway), "unconfirmed for 15 minutes is no sponsor"
        assert gateway.stop() == 0
