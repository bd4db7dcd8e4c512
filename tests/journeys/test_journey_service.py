"""The gateway as a service: how it starts, refuses to start, says how it is, loses its worker, and stops.

Source: the requirements "The parts"; architecture "Failures", "Configuration"; RFC 9728.
"""

import http.client
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fakes.auditor import audit_folder
from fakes.evidence_folder import EvidenceFolder
from fakes.gateway_house import House
from fakes.gateway_process import PROGRAM, launch, serving
from fakes.mcp_client import McpClient
from fakes.scripted_upstream import ScriptedUpstream


@pytest.fixture
def closed_house(upstream: ScriptedUpstream, tmp_path: Path) -> House:
    """A house whose gateway each test starts and stops itself."""
    house = House(tmp_path, upstream)
    house.prepare()
    return house


def test_a_gateway_that_is_well_says_so(house):
    assert house.gateway.get("/healthz") == (200, {"status": "ok"})

    status, state = house.gateway.get("/readyz")

    assert status == 200
    assert state["ready"] is True
    assert state["outage"] is None
    assert (house.data / "evidence" / "writer" / f"{state['writer']}.json").exists()


def test_a_path_that_is_nothing_says_where_things_are(house):
    status, body = house.gateway.get("/")

    assert (status, body["error"]) == (404, "not_found")


def test_a_client_without_a_token_learns_where_to_get_one(house, upstream):
    """RFC 9728 sections 3 and 5.1; RFC 6750 section 3."""
    answer = house.stranger().call("echo")

    assert (answer.status, answer.code) == (401, "missing_token")
    challenge = answer.headers["www-authenticate"]
    path = "/.well-known/oauth-protected-resource/mcp/warehouse"
    assert challenge == f'Bearer resource_metadata="https://gateway.example.com{path}"'
    status, metadata = house.gateway.get(path)
    assert status == 200
    assert metadata["resource"] == "https://gateway.example.com/mcp/warehouse"
    assert metadata["authorization_servers"] == ["https://staff.test"]
    assert metadata["bearer_methods_supported"] == ["header"]
    assert upstream.requests == []


def test_metadata_is_there_for_upstreams_only(house):
    known = "/.well-known/oauth-protected-resource"

    for path in (known, f"{known}/mcp/", f"{known}/mcp/unknown", f"{known}/mcp/warehouse/x", f"{known}x/mcp/warehouse"):
        assert house.gateway.get(path)[0] == 404, path


def test_a_token_for_the_upstreams_own_audience_is_as_good_as_one_for_the_gateway(house):
    """mcp "Authorization": each path is its own audience or declares the shared one."""
    own = house.client(aud="https://gateway.example.com/mcp/warehouse")

    assert own.call("echo").text == "echo ran"
    assert own.at("asking").call("echo").code == "wrong_audience"


def test_a_worker_that_is_killed_is_started_again_and_calls_go_on_meanwhile(house):
    """the requirements: the journal holds them; `/readyz` shows the age of what is uncommitted."""
    client = house.client()
    house.evidence.wait_until(lambda: house.gateway.ready()["log_size"])
    before = house.gateway.ready()
    worker = _worker_of(house.gateway.process.pid)

    os.kill(worker, signal.SIGSTOP)  # it hangs: what it would commit grows old
    ages = []
    for _ in range(3):
        assert client.call("echo").text == "echo ran"
        ages.append(_await_older(house, ages[-1] if ages else 0.0))
    os.kill(worker, signal.SIGKILL)

    assert client.call("echo").text == "echo ran"
    house.evidence.wait_until(lambda: house.gateway.ready()["worker"]["starts"] == before["worker"]["starts"] + 1)
    house.evidence.wait_until(lambda: house.gateway.ready()["uncommitted_s"] < ages[-1])
    house.evidence.wait_until(lambda: (house.gateway.ready()["log_size"] or 0) > before["log_size"])
    assert _worker_of(house.gateway.process.pid) != worker


def test_sigterm_under_load_loses_nothing_that_was_answered(closed_house, upstream):
    """the requirements: within 8 s, `writer:closed` written and committed, exit 0."""
    with serving(closed_house.configuration, closed_house.data) as closed_house.running:
        answered: list[str] = []
        clients = [threading.Thread(target=_call_until_it_ends, args=(closed_house, answered)) for _ in range(8)]
        for client in clients:
            client.start()
        closed_house.evidence.wait_until(lambda: len(answered) > 40)
        status = closed_house.gateway.stop()
        for client in clients:
            client.join()

    assert status == 0, closed_house.gateway.diagnostics()
    audit = audit_folder(closed_house.data)
    assert audit.kinds().count("writer:closed") == 1
    assert set(answered) <= audit.ids()
    assert all(len(ends) == 1 for ends in closed_house.evidence.ends().values())
    assert not list((closed_house.data / "journal").glob("*.journal"))
    assert len(upstream.calls()) == len(closed_house.evidence.records("call:requested", method="tools/call"))


def test_a_gateway_that_is_stopped_as_soon_as_it_is_ready_commits_everything(closed_house):
    """Its worker has not even started by then; that must not cost the last commit."""
    with serving(closed_house.configuration, closed_house.data) as closed_house.running:
        status = closed_house.gateway.stop()

    assert status == 0, closed_house.gateway.diagnostics()
    assert audit_folder(closed_house.data).kinds()[-1] == "writer:closed"


def test_a_gateway_that_is_stopped_while_it_lists_tools_says_how_that_ended_before_its_last_word(
    closed_house, upstream
):
    """evidence-format section 5: nothing may follow `writer:closed`, and no call may be open."""
    upstream.holds = "tools/list"
    try:
        with serving(closed_house.configuration, closed_house.data) as closed_house.running:
            listings = [upstream.held() for _ in ("warehouse", "hasty", "asking")]
            status = closed_house.gateway.stop()
    finally:
        upstream.holds = None
    for listing in listings:
        listing.drop()

    assert status == 0, closed_house.gateway.diagnostics()
    assert audit_folder(closed_house.data).kinds()[-1] == "writer:closed"
    ends = closed_house.evidence.records("call:answered", outcome="cancelled")
    assert len(ends) == len(listings)


def test_a_folder_whose_state_is_damaged_is_refused_with_what_to_do(closed_house):
    closed_house.data.mkdir()
    (closed_house.data / "state.sqlite").write_text("junk", encoding="ascii")

    tried = subprocess.run(
        [PROGRAM, "serve", "--config", closed_house.configuration, "--data", closed_house.data, "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert tried.returncode == 2
    assert "bring a copy back" in tried.stderr
    assert "Traceback" not in tried.stderr


def test_sigterm_ends_open_streams_before_the_writers_last_word(closed_house, upstream):
    """evidence-format section 5: nothing may follow `writer:closed`, and no call may be open."""
    upstream.streams = True
    with serving(closed_house.configuration, closed_house.data) as closed_house.running:
        client = closed_house.client().initialize()
        with client.begin(b"", "GET", content_type=None) as listening, client.begin(client.legacy_calling("held")):
            for _ in range(2):
                upstream.held().stream()
            listening.stream()
            status = closed_house.gateway.stop()
    upstream.streams = False

    assert status == 0, closed_house.gateway.diagnostics()
    kinds = audit_folder(closed_house.data).kinds()
    assert [kind for kind in kinds if not kind.startswith("log:")][-1] == "writer:closed"
    ends = closed_house.evidence.records("call:answered")
    assert [one["outcome"] for one in ends[-2:]] == ["cancelled", "cancelled"]
    assert all(len(ends) == 1 for ends in closed_house.evidence.ends().values())


def test_a_second_gateway_over_the_same_folder_is_refused(house):
    status, said = _start_and_fail(house)

    assert status == 2
    assert "another gateway uses" in said
    assert house.client().call("echo").text == "echo ran"


def test_cloud_run_is_refused_for_a_folder(closed_house):
    """architecture "Ports": its disk is gone with the instance, and the evidence with it."""
    status, said = _start_and_fail(closed_house, K_SERVICE="gateway")

    assert status == 2
    assert "K_SERVICE" in said
    assert not closed_house.data.exists()


def test_a_wrong_configuration_is_refused_with_every_error_and_its_line(closed_house):
    """the requirements: exit 2 and every error at once, with line numbers."""
    good = closed_house.configuration.read_text()
    wrong = good.replace("then: allow", "then: perhaps", 1).replace("timeout: 1s", "timeuot: 1s")
    closed_house.configuration.write_text(wrong + "channels: []\n")

    status, said = _start_and_fail(closed_house)

    assert status == 2
    lines = wrong.splitlines()
    for wanted, about in (("then: perhaps", "then"), ("timeuot: 1s", "timeuot"), ("channels: []", "not supported yet")):
        number = next(i for i, line in enumerate([*lines, "channels: []"], start=1) if wanted in line)
        assert any(f":{number}:" in line and about in line for line in said.splitlines()), (wanted, said)
    assert "Traceback" not in said
    assert not closed_house.data.exists()


def test_a_missing_credential_is_refused_before_anything_is_written(closed_house):
    (closed_house.folder / "warehouse-token").unlink()

    status, said = _start_and_fail(closed_house)

    assert status == 2
    assert "warehouse-token" in said
    assert "Traceback" not in said
    assert not list((closed_house.data / "evidence").rglob("*.json"))


def test_a_port_that_is_taken_is_an_error_that_names_it(closed_house, house):
    port = house.gateway.authority.rpartition(":")[2]
    command = [PROGRAM, "serve", "--config", str(closed_house.configuration), "--data", str(closed_house.data)]

    ended = subprocess.run([*command, "--port", port], capture_output=True, text=True, timeout=20, check=False)

    assert ended.returncode == 2
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def _start_and_fail(house: House, **environment: str) -> tuple[int, str]:
    with launch(house.configuration, house.data, environment=environment) as process:
        _, said = process.communicate(timeout=20)
    return process.returncode, said.decode()


def _call_until_it_ends(house: House, answered: list[str]) -> None:
    client = house.client()
    while True:
        try:
            answer = client.call("echo")
        except (OSError, http.client.HTTPException):  # it has ended, or ends now
            return
        assert answer.status in (200, 503), answer
        if answer.status == 200:
            answered.append(answer.result["_meta"]["affidavit/record"]["id"])


def _worker_of(gateway: int) -> int:
    children = Path(f"/proc/{gateway}/task/{gateway}/children").read_text().split()
    (worker,) = [int(child) for child in children if "affidavit.serve.worker" in _command_line(child)]
    return worker


def _command_line(process: str) -> str:
    return Path(f"/proc/{process}/cmdline").read_text()


def _await_older(house: House, than: float) -> float:
    ends = time.monotonic() + 20
    while (age := house.gateway.ready()["uncommitted_s"]) <= than:
        assert time.monotonic() < ends, "what is uncommitted does not grow older"
        time.sleep(0.05)
    return float(age)


def test_a_folder_whose_log_has_another_origin_is_refused_before_anything_is_written(house, tmp_path):
    """architecture "Configuration": `origin` is the log's name, for ever; its records could never enter that log."""
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    for name in ("staff.json", "machines.json", "warehouse-token"):
        (tmp_path / name).write_bytes((house.folder / name).read_bytes())
    text = house.configuration.read_text()
    first.write_text(text)
    second.write_text(text.replace("gateway.example.com/audit", "gateway.example.com/another"))
    data = tmp_path / "data"
    with serving(first, data) as gateway:
        assert gateway.stop() == 0
    before = sorted(path.name for path in (data / "evidence" / "writer").iterdir())

    with launch(second, data) as process:
        _, said = process.communicate(timeout=20)

    assert process.returncode == 2
    assert b"origin" in said
    assert sorted(path.name for path in (data / "evidence" / "writer").iterdir()) == before


def test_a_call_that_the_end_cuts_off_is_answered_so_that_nothing_replays_it(house, tmp_path):
    """architecture "Failures": what was sent, its end unknown, is answered with HTTP 200 and retry false."""
    for name in ("staff.json", "machines.json", "warehouse-token", "affidavit.yaml"):
        (tmp_path / name).write_bytes((house.folder / name).read_bytes())
    with serving(tmp_path / "affidavit.yaml", tmp_path / "data") as gateway:
        client = McpClient(gateway.authority, house.token())
        with ThreadPoolExecutor(1) as caller:
            answer = caller.submit(client.call, "held", mark="cut off")
            house.upstream.held()
            assert gateway.stop() == 0
            said = answer.result()

    assert (said.status, said.code) == (200, "outcome_unknown")
    assert said.json["error"]["data"]["retry"] is False
    (ended,) = EvidenceFolder(tmp_path / "data").records("call:answered", outcome="cancelled")
    assert ended["call"] == said.json["error"]["data"]["call"]
