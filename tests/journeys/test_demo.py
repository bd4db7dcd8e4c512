"""`make demo` does what it says, says what is so, and leaves nothing behind."""

import asyncio
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import psutil
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from fakes.process import killed_at_the_end

DEMO = Path(__file__).parents[2] / "demo"
AFFIDAVIT = Path(sys.executable).with_name("affidavit")
ALLOWED_S = 60  # the requirements: under 60 s once installed
LASTS = "What you do appears here"


def run(demo: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(demo / "demo.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=ALLOWED_S,
        check=False,
    )


def processes(mentioning: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if mentioning in command:
                found.append(command)
    return found


def folder_of(out: str) -> str:
    """Where the demo says that its data folder lies."""
    return re.search(r"affidavit show (\S+)/data", out)[1]


@pytest.fixture(scope="module")
def played() -> subprocess.CompletedProcess[str]:
    return run(DEMO)


def test_everything_that_is_claimed_is_so(played):
    assert (played.returncode, played.stderr) == (0, "")
    assert "NOT TRUE" not in played.stdout
    assert played.stdout.count("\n   ✓ ") >= 12


def test_the_session_is_told_with_persons_commands_answers_and_rules(played):
    _, _, timeline = played.stdout.partition("What the evidence says")

    for told in (
        "ana@example.com as sponsor (repo:example/stock-keeper:ref:refs/heads/main, run 9000000001",
        "stock-keeper 2.4 from 127.0.0.1",
        "│ sql: update stock set on_hand = on_hand - 12 where sku = 'ANC-10-80'",
        "│ 1003  Okafor & Daughters  Leeds  yard@okafor.example  2021-06-30",
        "known-people-may-change-stock: allow",
        "nobody-changes-the-schema: deny",
        "denied: Schema changes go through migrations.",
        "nobody known (etl@legacy-project.iam.gserviceaccount.com, of https://cloud.example)",
        "refused  unavailable: ",
    ):
        assert told in timeline


def test_nothing_reached_the_warehouse_while_the_journal_was_unavailable(played):
    counted = re.search(r"The warehouse had counted (\d+) requests before it, and (\d+) after it", played.stdout)

    assert int(counted[1]) > 0
    assert counted[1] == counted[2]
    assert "│ on_hand\n   │ 5\n" in played.stdout, "17 less 12, and not the 500 that the refused call would have set"


def test_the_proof_is_green_and_the_flipped_byte_is_red_and_named(played):
    green, _, red = played.stdout.partition("One flipped byte")
    record, object_ = re.search(r"record (\S+/\d+) in\s+(evidence/segment/\S+)", red).groups()

    assert "FAIL" not in green
    assert "records under the head hold." in green
    assert "FAIL      segments" in red
    assert f"{object_}  {record}" in red


def test_it_ends_with_the_lines_to_paste_into_a_client(played):
    pasted = played.stdout[played.stdout.index("\n{\n") :]

    server = json.loads(pasted)["mcpServers"]["warehouse"]
    assert server["url"].endswith("/mcp/warehouse")
    assert f"claude mcp add --transport http warehouse {server['url']} --header" in played.stdout


def test_it_is_plain_in_a_pipe_and_leaves_nothing_behind(played):
    folder = folder_of(played.stdout)

    assert "\x1b" not in played.stdout
    assert not Path(folder).exists()
    assert processes(folder) == []


def test_it_fails_where_something_is_not_as_claimed(tmp_path):
    """A demo that cannot fail shows nothing."""
    copy = tmp_path / "demo"
    shutil.copytree(DEMO, copy, ignore=shutil.ignore_patterns("__pycache__"))
    configuration = copy / "affidavit.yaml"
    configuration.write_text(configuration.read_text().replace("(drop|truncate|alter|create)", "(truncate)"))

    played = run(copy)

    assert played.returncode == 1
    assert "✗ NOT TRUE: The fourth is denied by a rule" in played.stdout
    assert "✗ NOT TRUE: and does not reach the warehouse" in played.stdout


def test_what_it_leaves_behind_on_request_can_be_used(tmp_path):
    kept = tmp_path / "kept"
    out = tmp_path / "out"
    with (
        out.open("w") as stdout,
        killed_at_the_end(
            [sys.executable, "-u", str(DEMO / "demo.py"), "--keep", str(kept)], stdout=stdout, stderr=stdout
        ) as demo,
    ):
        try:
            wait_for(out, LASTS, demo)
            text = out.read_text()
            pasted = text[text.index("\n{\n") : text.index("\n}\n") + 2]
            answer = asyncio.run(ask(json.loads(pasted)["mcpServers"]["warehouse"]))
            assert answer == "of_mine\n42"
            wait_for(out, "│ sql: select 42 as of_mine", demo)
            assert (
                subprocess.run([AFFIDAVIT, "verify", kept / "data"], check=False, capture_output=True).returncode == 0
            )
        finally:
            demo.send_signal(signal.SIGINT)
            status = demo.wait(30)

    assert status == 0
    assert "who      you@example.com" in out.read_text()
    assert processes(str(kept)) == []
    archived = [AFFIDAVIT, "verify", kept / "data", "--as-of", "commit"]
    assert subprocess.run(archived, check=False, capture_output=True).returncode == 0


async def ask(server: dict) -> str:
    async with (
        httpx2.AsyncClient(headers=server["headers"]) as http,
        Client(streamable_http_client(server["url"], http_client=http)) as client,
    ):
        result = await client.call_tool("sql.query", {"sql": "select 42 as of_mine"})
        return result.content[0].text


def wait_for(out: Path, text: str, demo: subprocess.Popen) -> None:
    deadline = time.monotonic() + ALLOWED_S
    while text not in out.read_text():
        assert demo.poll() is None, out.read_text()
        assert time.monotonic() < deadline, out.read_text()
        time.sleep(0.1)
