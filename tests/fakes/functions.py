"""A cloud function as it is deployed: functions-framework serves one of `functions/main.py` in a process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakes.ports import free_port

ROOT = Path(__file__).parents[2]
FRAMEWORK = Path(sys.executable).with_name("functions-framework")
LOOPBACK = "127.0.0.1"
START_S = 60
ANSWER_S = 60


@dataclass(slots=True)
class CloudFunction:
    """One entry point that is served.

    Attributes:
        said: The file with its diagnostics.
    """

    url: str
    said: Path
    process: subprocess.Popen[bytes]

    def post(self, body: bytes = b"{}", **asked: Any) -> tuple[int, dict[str, Any]]:
        """Send one request as Pub/Sub or Cloud Scheduler does; return status and answer."""
        return self.ask("POST", body, **asked)

    def ask(
        self, method: str, body: bytes | None = None, content_type: str = "application/json", path: str = "/"
    ) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(self.url + path, body, method=method)
        if body is not None:
            request.add_header("Content-Type", content_type)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def entries(self) -> list[dict[str, Any]]:
        """Return its structured diagnostics."""
        lines = self.said.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def alarms(self) -> list[str]:
        return [entry["alarm"] for entry in self.entries() if "alarm" in entry]

    def kill(self) -> None:
        """End it as Cloud Run does 10 s after SIGTERM, and whatever it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def serving(target: str, environment: Mapping[str, str], folder: Path) -> Iterator[CloudFunction]:
    """Serve an entry point while the block lasts; it takes requests when the block begins."""
    function = start(target, environment, folder)
    try:
        _await(function)
        yield function
    finally:
        function.kill()


def start(target: str, environment: Mapping[str, str], folder: Path) -> CloudFunction:
    """Start an entry point without waiting."""
    port = free_port()
    said = folder / f"{target}-{port}.txt"
    source = ROOT / "functions" / "main.py"
    command = [FRAMEWORK, "--source", source, "--target", target, "--port", str(port), "--host", LOOPBACK]
    with said.open("wb") as stream:
        process = subprocess.Popen(
            [str(part) for part in command],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "proxy_service"), **environment},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    return CloudFunction(f"http://{LOOPBACK}:{port}", said, process)


def _await(function: CloudFunction) -> None:
    ends = time.monotonic() + START_S
    address = (LOOPBACK, int(function.url.rpartition(":")[2]))
    while True:
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
            return
        assert function.process.poll() is None, function.said.read_text()
        assert time.monotonic() < ends, function.said.read_text()
        time.sleep(0.05)
