"""Programs of a deployment: each started with its diagnostics in a file, killed and started again, always stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
START_S = 90  # a JVM on a busy machine
STOP_S = 15


class Broken(Exception):
    """A program of the deployment is not there, so nothing that is seen means anything."""


@dataclass(slots=True)
class Program:
    """One program, in a process group of its own.

    Attributes:
        said: The file with its diagnostics, of all its starts.
        ready: A path that answers below 500 once it serves; "" where an open port is enough.
    """

    name: str
    command: Sequence[str]
    port: int
    said: Path
    environment: Mapping[str, str]
    ready: str = ""
    popen: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start it without waiting."""
        with self.said.open("ab") as stream:
            self.popen = subprocess.Popen(
                [str(part) for part in self.command],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    def await_ready(self) -> None:
        """Wait until it serves.

        Raises:
            Broken: It ended, or does not serve in time.
        """
        ends = time.monotonic() + START_S
        while not self._serves():
            if self.popen is None or self.popen.poll() is not None or time.monotonic() > ends:
                raise Broken(f"{self.name} does not serve:\n{self.last_words()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash does."""
        self._signal(signal.SIGKILL)
        assert self.popen is not None
        self.popen.wait()

    def stop(self) -> int:
        """End it with SIGTERM; what does not end is killed. Returns its exit status."""
        if self.popen is None:
            return 0
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(STOP_S)
        self._signal(signal.SIGKILL)  # and whatever it has started and left
        return self.popen.wait()

    def last_words(self, lines: int = 30) -> str:
        return "\n".join(self.said.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def _serves(self) -> bool:
        try:
            if self.ready:
                urllib.request.urlopen(self.url + self.ready, timeout=1).close()
            else:
                socket.create_connection((LOOPBACK, self.port), timeout=1).close()
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False
        return True

    def _signal(self, number: int) -> None:
        if self.popen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, number)


@dataclass(slots=True)
class Programs:
    """All programs of one deployment, stopped in the opposite order."""

    folder: Path
    environment: dict[str, str]
    all: list[Program] = field(default_factory=list)

    def add(self, name: str, command: Sequence[str], port: int, *, ready: str = "", **environment: str) -> Program:
        """Start one, without waiting until it serves."""
        program = Program(
            name=name,
            command=command,
            port=port,
            said=self.folder / f"{name}.txt",
            environment={**self.environment, **environment},
            ready=ready,
        )
        self.all.append(program)
        program.start()
        return program

    def await_ready(self) -> None:
        for program in self.all:
            program.await_ready()

    def stop(self) -> None:
        for program in reversed(self.all):
            program.stop()
