"""Runs `affidavit connect` as a desktop client does: lines in, lines out, and what it says beside them."""

import contextlib
import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fakes.gateway_process import PROGRAM
from fakes.process import killed_at_the_end

WAIT_S = 30  # until a test that waits for a line fails
STOP_S = 15


class StdioProcess:
    """A bridge that runs.

    Attributes:
        said: The file that holds what it says on stderr.
    """

    def __init__(self, process: subprocess.Popen[bytes], said: Path) -> None:
        self.process = process
        self.said = said
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def say(self, value: Mapping[str, Any] | bytes) -> None:
        """Send one line."""
        assert self.process.stdin is not None
        self.process.stdin.write((value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n")
        self.process.stdin.flush()

    def line(self) -> bytes:
        """Wait for the next line, without its end."""
        try:
            line = self._lines.get(timeout=WAIT_S)
        except queue.Empty:
            raise AssertionError(f"no line came; it said: {self.told()}") from None
        assert line is not None, f"the bridge has ended: {self.told()}"
        return line

    def hear(self) -> dict[str, Any]:
        """Wait for the next message."""
        return dict(json.loads(self.line()))

    def ask(self, method: str, message_id: int | str = 1, /, **params: Any) -> dict[str, Any]:
        """Send a request, and wait for the next message."""
        self.say({"jsonrpc": "2.0", "id": message_id, "method": method, "params": params})
        return self.hear()

    def greet(self, **more: Any) -> dict[str, Any]:
        """Begin a legacy session."""
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        answer = self.ask("initialize", "hello", **{**hello, **more})
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    def call(self, tool: str, message_id: int | str = 1, /, **arguments: Any) -> dict[str, Any]:
        return self.ask("tools/call", message_id, name=tool, arguments=arguments)

    def told(self) -> str:
        return self.said.read_text(encoding="utf-8")

    def end(self) -> int:
        """Close its stdin, as a client does that ends; give its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(STOP_S)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.removesuffix(b"\n"))
        self._lines.put(None)


@contextlib.contextmanager
def connecting(
    folder: Path, url: str, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[StdioProcess]:
    """Run a bridge while the block lasts."""
    said = folder / f"connect-{len(list(folder.glob('connect-*')))}.txt"
    command: Sequence[str] = [PROGRAM, "connect", url, *options]
    with (
        said.open("wb") as stderr,
        killed_at_the_end(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **(environment or {})},
        ) as process,
    ):
        yield StdioProcess(process, said)
