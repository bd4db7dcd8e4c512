"""Runs `affidavit serve` as a process of its own, and always stops it.

It listens on a port that the system chooses and says which one on stderr; nothing else of what it says is relied upon.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakes.evidence_folder import EvidenceFolder
from fakes.process import killed_at_the_end

PROGRAM = str(Path(sys.executable).with_name("affidavit"))
START_S = 20
STOP_S = 8  # what the gateway promises
SERVING = re.compile(r"serving on http://(127\.0\.0\.1:\d+)")


@dataclass(slots=True)
class GatewayProcess:
    """A gateway that runs.

    Attributes:
        authority: host:port.
        said: The file that holds its diagnostics.
    """

    process: subprocess.Popen[bytes]
    authority: str
    evidence: EvidenceFolder
    said: Path

    @property
    def url(self) -> str:
        return f"http://{self.authority}"

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of a path that needs no token."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def ready(self) -> dict[str, Any]:
        """Return what `/readyz` says."""
        return dict(self.get("/readyz")[1])

    def diagnostics(self) -> str:
        return self.said.read_text(encoding="utf-8")

    def stop(self) -> int:
        """End it with SIGTERM and give its exit status.

        Raises:
            AssertionError: It was still there after the time that it promises; it is killed then.
        """
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the gateway was still there {STOP_S} s after SIGTERM") from None


@contextlib.contextmanager
def serving(
    configuration: Path, data: Path, *, environment: Mapping[str, str] | None = None, port: int = 0
) -> Iterator[GatewayProcess]:
    """Run a gateway while the block lasts, at a port or any that is free; it is ready when the block begins.

    Raises:
        AssertionError: It was not ready in time.
    """
    number = len(list(data.parent.glob("diagnostics-*")))
    said = data.parent / f"diagnostics-{number}.txt"
    with said.open("wb") as stream, launch(configuration, data, stream, environment, port) as process:
        gateway = GatewayProcess(process, _authority(process, said), EvidenceFolder(data), said)
        _await_ready(gateway)
        yield gateway


def launch(
    configuration: Path,
    data: Path,
    stderr: Any = subprocess.PIPE,
    environment: Mapping[str, str] | None = None,
    port: int = 0,
) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    """Run the command while the block lasts, whatever comes of it."""
    command = [PROGRAM, "serve", "--config", str(configuration), "--data", str(data), "--port", str(port)]
    return killed_at_the_end(command, stderr=stderr, env={**os.environ, **(environment or {})})


def _authority(process: subprocess.Popen[bytes], said: Path) -> str:
    ends = time.monotonic() + START_S
    while (found := SERVING.search(said.read_text(encoding="utf-8"))) is None:
        assert process.poll() is None, f"the gateway ended with {process.returncode}: {said.read_text()}"
        assert time.monotonic() < ends, f"the gateway did not listen: {said.read_text()}"
        time.sleep(0.02)
    return found[1]


def _await_ready(gateway: GatewayProcess) -> None:
    ends = time.monotonic() + START_S
    while not _is_ready(gateway):
        assert time.monotonic() < ends, f"the gateway was not ready: {gateway.diagnostics()}"
        time.sleep(0.02)


def _is_ready(gateway: GatewayProcess) -> bool:
    try:
        return bool(gateway.ready()["ready"])
    except urllib.error.URLError:  # it says where it will listen before it does
        return False
