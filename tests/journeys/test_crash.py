"""Killed at any moment, under load: nothing that ran is without its record, and the evidence proves itself afterwards.

Source: the requirements, "Crash"; architecture "Failures" (proxy killed); evidence-format section 9.
"""

import base64
import contextlib
import gzip
import http.client
import json
import random
import signal
import subprocess
import threading
import time
import uuid
from pathlib import Path

import pytest

from affidavit.audit.sequencer import Sequencer
from affidavit.clock import MINUTE, format_time, system_clock
from affidavit.wiring.worker import LogSettings, open_worker
from fakes.evidence_folder import EvidenceFolder
from fakes.gateway_house import House
from fakes.gateway_process import PROGRAM, GatewayProcess, serving
from fakes.mcp_client import McpClient
from fakes.scripted_upstream import ScriptedUpstream

SEED = 20261125
KILLS = 30
CLIENTS = 6
LONGEST_S = 0.5  # of load before a kill
SETTINGS = LogSettings(origin="gateway.example.com/audit", retention={"standard": 400}, roles=frozenset({"gateway"}))


@pytest.fixture
def house(tmp_path: Path):
    with ScriptedUpstream("echo") as upstream:
        house = House(tmp_path, upstream)
        house.prepare()
        yield house


def test_a_gateway_killed_at_thirty_random_moments_leaves_a_record_of_everything_that_ran(house: House):
    """Every request that the upstream counted has its record; verify holds at once and when the writers are lost."""
    moments = random.Random(SEED)
    for _ in range(KILLS):
        with serving(house.configuration, house.data) as gateway, load(house, gateway):
            time.sleep(moments.uniform(0.02, LONGEST_S))
            gateway.process.send_signal(signal.SIGKILL)
            gateway.process.wait()
    with serving(house.configuration, house.data) as gateway:
        assert gateway.stop() == 0, gateway.diagnostics()

    verify(house.data)
    ran = {request.params["arguments"]["mark"] for request in house.upstream.calls()}
    assert len(ran) > KILLS, "the load has to reach the upstream, or nothing was shown"
    assert ran <= recorded(house.evidence)

    later = system_clock() + 40 * MINUTE
    parts = open_worker(house.data, SETTINGS, random=random.Random(SEED).randbytes)
    assert isinstance(parts.sequencer, Sequencer)
    parts.sequencer.run(later)
    verify(house.data, "--as-of", format_time(later))


def test_a_worker_killed_again_and_again_is_started_again_and_calls_go_on(house: House):
    """architecture "Ports": the journal holds what a dead worker has not taken."""
    moments = random.Random(SEED)
    with serving(house.configuration, house.data) as gateway:
        with load(house, gateway) as answered:
            for _ in range(10):
                time.sleep(moments.uniform(0.05, LONGEST_S))
                kill_worker(gateway)
            before = len(answered)
            time.sleep(LONGEST_S)
            assert len(answered) > before
        assert gateway.ready()["worker"]["starts"] > 1
        assert gateway.stop() == 0, gateway.diagnostics()
    verify(house.data)
    assert set(answered) <= recorded(house.evidence)


@contextlib.contextmanager
def load(house: House, gateway: GatewayProcess):
    """Call from several clients while the block lasts; yields the marks of the calls that were answered."""
    stop = threading.Event()
    answered: list[str] = []

    def call() -> None:
        client = McpClient(gateway.authority, token)
        while not stop.is_set():
            mark = uuid.uuid4().hex
            try:
                if client.call("echo", mark=mark).status == 200:
                    answered.append(mark)
            except (OSError, http.client.HTTPException):
                return

    token = house.token()
    threads = [threading.Thread(target=call) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def kill_worker(gateway: GatewayProcess) -> None:
    found = subprocess.run(["pgrep", "-P", str(gateway.process.pid)], capture_output=True, text=True, check=False)
    for pid in found.stdout.split():
        subprocess.run(["kill", "-KILL", pid], check=False)


def recorded(evidence: EvidenceFolder) -> set[str]:
    """The marks of all calls that have a `call:requested`, read from the recorded bodies."""
    said = {}
    for path in (evidence.data / "bodies").rglob("*.gz"):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            body = json.loads(line)
            said[body["body"]] = base64.b64decode(body["base64"])
    return {
        json.loads(said[record["request"]["body"]])["params"]["arguments"]["mark"]
        for record in evidence.records("call:requested", method="tools/call")
    }


def verify(data: Path, *options: str) -> None:
    done = subprocess.run([PROGRAM, "verify", str(data), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
