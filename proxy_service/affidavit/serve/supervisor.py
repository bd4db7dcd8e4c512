"""Keeps the worker process alive: started again when it dies, told to finish when the gateway ends.

The worker's standard input is a pipe from here: when this process is gone, however it went, the worker reads its end.

Source: architecture "Ports" (embedded default).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Sequence

import orjson

from affidavit.serve.health import Health

FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0  # seconds until a worker that died is started again
FINISH = 4.0  # seconds that the worker has for its last commit

_diagnostics = logging.getLogger("affidavit.serve")


class Supervisor:
    """One worker process.

    Args:
        arguments: What follows the Python interpreter.
        health: Told of every start, and what the worker reports.
    """

    def __init__(self, arguments: Sequence[str], health: Health) -> None:
        self._arguments = arguments
        self._health = health
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def run(self) -> None:
        """Keep a worker running until `finish`."""
        pause = FIRST_PAUSE
        while not self._stopping:
            started = asyncio.get_running_loop().time()
            status = await self._once()
            if self._stopping:
                return
            if asyncio.get_running_loop().time() - started > LAST_PAUSE:
                pause = FIRST_PAUSE
            self._health.worker_ended = f"ended with status {status}"
            _diagnostics.error("the worker ended with status %s; it is started again in %.1f s", status, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE)

    async def finish(self) -> bool:
        """Let the worker commit what is left, and stop; return whether it did."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            await self._last_run()
            process = self._process
        assert process is not None  # noqa: S101 the last run has started one
        _tell_to_finish(process)
        try:
            async with asyncio.timeout(FINISH):
                return await process.wait() == 0
        except TimeoutError:
            process.kill()
            return False

    async def _last_run(self) -> None:
        self._process = await self._start()

    async def _once(self) -> int:
        self._process = process = await self._start()
        if self._stopping:  # `finish` came while this one was being started, and did not see it
            _tell_to_finish(process)
        assert process.stdout is not None  # noqa: S101 it is a pipe
        async for line in process.stdout:
            self._told(line)
        return await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        self._health.worker_starts += 1
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # so that Ctrl-C at a terminal reaches the gateway alone, which then ends both
        )

    def _told(self, line: bytes) -> None:
        with contextlib.suppress(orjson.JSONDecodeError):
            self._health.told(orjson.loads(line))


def _tell_to_finish(process: asyncio.subprocess.Process) -> None:
    """End a worker's standard input: no signal, because one that has only begun to start would die of it."""
    assert process.stdin is not None  # noqa: S101 it is a pipe
    process.stdin.close()
