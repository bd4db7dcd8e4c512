"""The two clients: one connection timed to the microsecond, and `wrk` with many.

Source: wrk's SCRIPTING page. Every answer at one connection is compared; of wrk's, the statuses are counted, and what
the gateway recorded is held against what the upstream answered afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from performance.processes import Broken
from performance.traffic import HEADERS, REQUESTS, is_answer, request

TIMEOUT_S = 10
NO_WRK = "wrk is not installed; on Debian and Ubuntu: `sudo apt-get install wrk`, on macOS: `brew install wrk`"
INSTALL_WRK = "apt-get install -y wrk || { apt-get update && apt-get install -y wrk; }"
INSTALL_S = 180
_SCRIPT = Path(__file__).with_name("load.lua")
_RECEIVE = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where calls go."""

    name: str
    host: str = "127.0.0.1"
    port: int
    path: str = "/mcp"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{self.path}"

    @property
    def all_headers(self) -> dict[str, str]:
        return {**HEADERS, **self.headers}


class OneConnection:
    """A kept connection on a blocking socket, so that nothing but the target's time is measured."""

    def __init__(self, target: Target) -> None:
        self._target = target
        lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.host}:{target.port}"]
        lines += [f"{name}: {value}" for name, value in target.all_headers.items()]
        self._head = "\r\n".join(lines).encode("ascii")
        self._socket = socket.create_connection((target.host, target.port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def times(self, count: int) -> list[int]:
        """Make so many calls, one after the other; nanoseconds of each."""
        taken = []
        for number in range(count):
            body = request(number % REQUESTS)
            message = self._head + b"\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            began = time.perf_counter_ns()
            self._socket.sendall(message)
            status, content = self._answer()
            taken.append(time.perf_counter_ns() - began)
            if status != b"200" or not is_answer(content, number % REQUESTS):
                raise Broken(f"{self._target.name} answered {status.decode()}: {content[:500]!r}")
        return taken

    def _answer(self) -> tuple[bytes, bytes]:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head = received[:end].lower()
        _, found, length = head.partition(b"\r\ncontent-length:")
        if not found:
            raise Broken(f"{self._target.name} answered without a length: {head[:500]!r}")
        content = received[end + 4 :]
        missing = int(length.split(b"\r\n", 1)[0]) - len(content)
        while missing > 0:
            part = self._receive()
            content += part
            missing -= len(part)
        return head.split(b" ", 2)[1], content

    def _receive(self) -> bytes:
        part = self._socket.recv(_RECEIVE)
        if not part:
            raise Broken(f"{self._target.name} closed the connection")
        return part

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: calls a second, and microseconds."""

    requests: int
    calls_per_second: float
    p50_us: float
    p99_us: float


class Wrk:
    """wrk with one thread, which is enough for tens of thousands of calls a second, and many connections."""

    def __init__(self, folder: Path, connections: int) -> None:
        self._program = _find_wrk()
        self._connections = connections
        self._requests = folder / "requests"
        self._requests.write_bytes(b"".join(request(number) + b"\n" for number in range(REQUESTS)))

    def load(self, target: Target, seconds: float) -> Load:
        """Load a target for so long."""
        with self._running(target, seconds) as process:
            return _result(target, _output(process, seconds + 2 * TIMEOUT_S))

    def load_until(self, target: Target, done: Callable[[], bool], *, at_most: float, every: float) -> Load:
        """Load a target until something is true, asked every so many seconds.

        Raises:
            Broken: It was not after `at_most` seconds, or wrk ended before.
        """
        ends = time.monotonic() + at_most
        with self._running(target, at_most) as process:
            while not done():
                if time.monotonic() > ends or process.poll() is not None:
                    raise Broken(f"the load on {target.name} did not come to its end in {at_most:.0f} s")
                time.sleep(every)
            process.send_signal(signal.SIGINT)  # wrk stops, and tells what it has
            return _result(target, _output(process, 2 * TIMEOUT_S))

    @contextlib.contextmanager
    def _running(self, target: Target, seconds: float) -> Iterator[subprocess.Popen[str]]:
        command = [self._program, "-t1", f"-c{self._connections}", f"-d{max(1, round(seconds))}s"]
        command += ["--timeout", f"{TIMEOUT_S}s", "-s", str(_SCRIPT), target.url, "--", str(self._requests)]
        for name, value in target.all_headers.items():
            command += [name, value]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def _find_wrk() -> str:
    """The program, installed if that is in our power.

    Raises:
        Broken: It is not there.
    """
    if shutil.which("wrk") is None and shutil.which("apt-get") is not None and os.geteuid() == 0:
        print("wrk is not installed; installing it with apt-get", file=sys.stderr)
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(["sh", "-c", INSTALL_WRK], timeout=INSTALL_S, check=False, stdout=subprocess.DEVNULL)
    found = shutil.which("wrk")
    if found is None:
        raise Broken(NO_WRK)
    return found


def _output(process: subprocess.Popen[str], seconds: float) -> str:
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired as error:
        raise Broken("wrk did not end in time") from error


def _result(target: Target, output: str) -> Load:
    told: dict[str, Any] = json.loads(output.strip().rpartition("\n")[2] or "{}")
    if not told.get("requests") or told["errors"] or told["refused"]:
        raise Broken(f"under load {target.name} gave errors: {told or output}")
    per_second = told["requests"] / told["duration_us"] * 1e6
    return Load(told["requests"], per_second, told["p50_us"], told["p99_us"])
