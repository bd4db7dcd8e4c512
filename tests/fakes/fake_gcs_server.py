"""fake-gcs-server, the public emulator of Cloud Storage: built once, run while tests ask for it.

`python -m fakes.fake_gcs_server`, with `tests` in PYTHONPATH, builds it into `.tools/` where it is not there yet. What
it enforces and what it silently does not is written down in `tests/contracts/test_storage_requests.py`.

Source: https://github.com/fsouza/fake-gcs-server; google-cloud "fake-gcs-server 1.56.1".
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.ports import free_port

VERSION = "1.56.1"
TOOLS = Path(__file__).parents[2] / ".tools"  # ignored by git
PROGRAM = TOOLS / f"fake-gcs-server-{VERSION}"
LOOPBACK = "127.0.0.1"
START_S = 30
ATTEMPTS = 3  # somebody else may take a free port first


def installed() -> Path | None:
    """Return the program, building it first where needed, one process at a time; None where there is no Go.

    Raises:
        CalledProcessError: It cannot be built; Go has said why.
    """
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "fake-gcs-server.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if PROGRAM.exists():
            return PROGRAM
        if shutil.which("go") is None:
            return None
        print(f"Building fake-gcs-server {VERSION} ...", flush=True)
        with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
            command = ["go", "install", f"github.com/fsouza/fake-gcs-server@v{VERSION}"]
            subprocess.run(command, env={**os.environ, "GOBIN": scratch}, check=True)
            (Path(scratch) / "fake-gcs-server").replace(PROGRAM)  # at once, so that nobody runs half a program
    return PROGRAM


@pytest.fixture(scope="session")
def fake_gcs_server() -> Iterator[str]:
    """Give its address."""
    program = installed()
    if program is None:
        pytest.skip("go not installed: the contracts are not run on fake-gcs-server")
    with running(program) as url:
        yield url


@contextlib.contextmanager
def running(program: Path) -> Iterator[str]:
    """Run it while the block lasts, with its objects in memory; gives its address.

    Raises:
        AssertionError: It does not answer.
    """
    with contextlib.ExitStack() as until_the_end:
        for _ in range(ATTEMPTS):
            port = free_port()
            url = f"http://{LOOPBACK}:{port}"
            options = {"scheme": "http", "host": LOOPBACK, "port": port, "backend": "memory", "log-level": "error"}
            options |= {"external-url": url, "public-host": f"{LOOPBACK}:{port}"}
            command = [str(program), *(f"-{name}={value}" for name, value in options.items())]
            process = until_the_end.enter_context(subprocess.Popen(command, stdin=subprocess.DEVNULL))
            until_the_end.callback(process.kill)  # it keeps nothing that would have to be put away
            if _answers(process, url):
                break
        else:
            raise AssertionError("fake-gcs-server does not start")
        yield url


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    ends = time.monotonic() + START_S
    while process.poll() is None:
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen(f"{url}/_internal/healthcheck", timeout=START_S).close()
            return True
        assert time.monotonic() < ends, f"fake-gcs-server did not answer in {START_S} s"
        time.sleep(0.02)
    return False


if __name__ == "__main__":
    installed()
