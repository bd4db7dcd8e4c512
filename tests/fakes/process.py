"""Starts processes, a fake that announces its port for instance, and always stops them."""

import contextlib
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
START_S = 30  # a cold import of the mcp package on a busy machine takes several seconds
STOP_S = 10  # fakes take at most 2 s, the gateway promises 8 s


@contextlib.contextmanager
def running(module: str, *arguments: str) -> Iterator[int]:
    """Run `python -m module` while the block lasts; gives the port that it prints first.

    Raises:
        AssertionError: It had no port in time.
    """
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = _first_line(process)
            assert line.strip().isdigit(), f"{module} did not start: {line!r}"
            yield int(line)
        finally:
            stop(process)


@contextlib.contextmanager
def killed_at_the_end(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Run a command while the block lasts; what a failed assertion leaves there would be waited for without end."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    told, _, _ = select.select([process.stdout], [], [], START_S)
    return process.stdout.readline() if told else ""


def stop(process: subprocess.Popen[str]) -> int:
    """End it with SIGTERM and give its exit status; what does not end in time is killed.

    Raises:
        AssertionError: It had to be killed.
    """
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{process.args!r} was still there {STOP_S} s after SIGTERM") from None
