"""The house of the demo: a warehouse, whoever issues tokens, the gateway with its worker, each started and stopped.

The gateway is the one that everybody gets: `affidavit serve`, in a process of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import random
import resource
import select
import signal
import socket
import string
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from issuer import Issuer

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
START_S, STOP_S = 60.0, 12.0  # a busy machine imports for several seconds; the gateway promises to stop within 8
USUAL_PORT = 8080
LAST_WORDS = 40  # lines of diagnostics that are kept for the case that something goes wrong


class Broken(Exception):
    """The demo cannot go on."""


@dataclass(slots=True)
class Process:
    """A child process, with the last that it said on stderr."""

    name: str
    popen: subprocess.Popen[str]
    said: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_WORDS))

    def check(self) -> None:
        """Raise `Broken` where it has ended."""
        if self.popen.poll() is not None:
            raise Broken(f"{self.name} ended with status {self.popen.returncode}:\n" + "".join(self.said))


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything that runs, and where.

    Attributes:
        folder: Of the configuration, the books and the key sets.
        url: Where the gateway serves the warehouse; also the audience of its tokens.
    """

    folder: Path
    url: str
    ci: Issuer
    cloud: Issuer
    laptop: Issuer
    warehouse: Process
    gateway: Process
    warehouse_url: str

    @property
    def data(self) -> Path:
        """The gateway's data folder."""
        return self.folder / "data"

    def requests_at_the_warehouse(self) -> int:
        """Return how many requests have reached the warehouse, as it counts them itself."""
        return int(_get(f"{self.warehouse_url}/requests")[1]["requests"])

    def ready(self) -> bool:
        """Tell whether the gateway takes calls."""
        self.gateway.check()
        with contextlib.suppress(httpx2.HTTPError):
            return _get(self.url.removesuffix("/mcp/warehouse") + "/readyz")[0] == 200  # noqa: PLR2004 HTTP: OK
        return False

    def wait_until_ready(self) -> float:
        """Return after how many seconds the gateway took calls; raises `Broken`."""
        begun = time.monotonic()
        while not self.ready():
            if time.monotonic() - begun > START_S:
                raise Broken("the gateway is not ready:\n" + "".join(self.gateway.said))
            time.sleep(0.05)
        return time.monotonic() - begun

    @contextlib.contextmanager
    def unwritable_journal(self) -> Iterator[None]:
        """Let every write of the gateway to a file fail while the block lasts, as on a disk that is full.

        The kernel does it (setrlimit(2), RLIMIT_FSIZE), from outside and without root: the gateway is not told.
        """
        pid = self.gateway.popen.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def warehouse(folder: Path) -> Iterator[tuple[Process, str]]:
    """Run the warehouse while the block lasts; gives its address."""
    with _running(
        "the warehouse", [sys.executable, str(HERE / "warehouse.py"), str(folder / "books.sqlite")]
    ) as process:
        yield process, f"http://127.0.0.1:{_announced_port(process)}"


@contextlib.contextmanager
def gateway(folder: Path, stock: tuple[Process, str], port: int) -> Iterator[House]:
    """Run the gateway over the warehouse while the block lasts."""
    process, address = stock
    public = f"http://127.0.0.1:{port}"
    issuers = {
        name: Issuer(f"https://{name}.example", folder / f"{name}.jwks.json") for name in ("ci", "cloud", "laptop")
    }
    template = string.Template((HERE / "affidavit.yaml").read_text())
    config = folder / "affidavit.yaml"
    config.write_text(template.substitute(public_url=public, warehouse_url=f"{address}/mcp"))
    command = [str(BIN / "affidavit"), "serve", "--config", str(config), "--data", str(folder / "data")]
    with _running("the gateway", [*command, "--port", str(port)]) as served:
        yield House(
            folder=folder,
            url=f"{public}/mcp/warehouse",
            **issuers,
            warehouse=process,
            gateway=served,
            warehouse_url=address,
        )


def free_port(*, usual: bool) -> int:
    """Return a port to listen on: the usual one, if it is wanted and free."""
    # Below those that systems take the near ends of connections from, so that none takes it before the gateway does.
    for port in [*([USUAL_PORT] if usual else []), *random.sample(range(20_000, 32_000), 100)]:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise Broken("no port is free")


def refuse_if_used(data: Path) -> None:
    """Raise `Broken` where another gateway runs over a data folder."""
    with contextlib.suppress(FileNotFoundError), (data / "tmp" / "gateway.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Broken("another demo with KEEP=1 is running: end that one first") from error


def stop(process: Process) -> int:
    """End a process with SIGTERM; return its exit status. What does not end in time is killed."""
    if process.popen.poll() is None:
        process.popen.send_signal(signal.SIGTERM)
    try:
        return process.popen.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.popen.kill()
        return process.popen.wait()


@contextlib.contextmanager
def _running(name: str, command: list[str]) -> Iterator[Process]:
    # In a session of its own: Ctrl-C at a terminal reaches the demo alone, which then ends them in order.
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as popen:
        process = Process(name, popen)
        listening = threading.Thread(target=_listen, args=(process,), daemon=True)
        listening.start()
        try:
            yield process
        finally:
            stop(process)
            listening.join(timeout=1)


def _announced_port(process: Process) -> int:
    stdout = process.popen.stdout
    told = stdout is not None and select.select([stdout], [], [], START_S)[0]
    port = stdout.readline().strip() if stdout is not None and told else ""
    if not port.isdigit():
        raise Broken(f"{process.name} does not start:\n" + "".join(process.said))
    return int(port)


def _listen(process: Process) -> None:
    for line in process.popen.stderr or ():
        process.said.append(line)


def _get(url: str) -> tuple[int, dict[str, Any]]:
    answer = httpx2.get(url, timeout=5)
    return answer.status_code, answer.json()
