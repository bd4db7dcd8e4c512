"""The embedded worker: what is in the journal is stored, and what is stored gets its place in the log.

    python -m affidavit.serve.worker --data DIR --log '{"origin":"…","retention":{"standard":400},"roles":["gateway"]}'

It ends when its standard input does: whoever starts it holds the other end of a pipe, and when that process is gone, so
is the pipe. Then, as on SIGTERM, it first does what is left to do. Two workers over one folder do each other no harm.

Never serves a client, and holds nothing that is not on the disk.

Source: architecture "Ports" (embedded default).
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from affidavit.clock import Clock, Micros, system_clock
from affidavit.errors import AffidavitError, Misconfigured
from affidavit.serve.diagnostics import configure_diagnostics
from affidavit.wiring.worker import LogSettings, WorkerParts, open_worker

EVERY = 1.0  # seconds between two runs; architecture "Ports": the sequencer runs every second
LAST_RETRY = 10.0  # seconds between runs while something is wrong
DRAIN = 3.0  # seconds for what is left, of the 8 s that the whole service has to stop
RETRY_AT_END = 0.2  # seconds
NEWS = 4_000  # objects that are stored between two runs of the sequencer, about
NICENESS = 10  # the data path wins
FORGOTTEN = 600.0  # seconds after which a temporary file is nobody's

_diagnostics = logging.getLogger("affidavit.worker")

Report = Callable[[dict[str, object]], None]


class Worker:
    """Delivers and sequences, once or until it is told to stop."""

    def __init__(self, parts: WorkerParts, clock: Clock, report: Report) -> None:
        self._parts = parts
        self._clock = clock
        self._report = report
        self._news: list[str] = []
        self._undelivered: Micros | None = None
        self.error: str | None = None

    def step(self) -> bool:
        """Store what is in the journal and sequence it, as far as one run goes; tell whether there may be more.

        Raises:
            AffidavitError: Something is wrong; nothing is lost, and the next step goes on.
        """
        more = self._deliver()
        self._sequence()
        return more

    def run(self, stop: threading.Event) -> bool:
        """Take steps until told to stop, then as many as are needed for what is left; return whether nothing is."""
        wait = EVERY
        while not stop.is_set():
            begun = time.monotonic()
            more, failed = self._try()
            wait = min(wait * 2, LAST_RETRY) if failed else EVERY
            if not more:
                stop.wait(max(0.0, wait - (time.monotonic() - begun)))
        deadline = time.monotonic() + DRAIN
        more = failed = True
        while (more or failed) and time.monotonic() < deadline:
            more, failed = self._try()
            if failed:
                time.sleep(RETRY_AT_END)
        return not (more or failed or self._waiting())

    def _try(self) -> tuple[bool, bool]:
        more = failed = False
        try:
            more = self.step()
            if self.error is not None:
                _diagnostics.warning("the worker goes on")
            self.error = None
        except AffidavitError as error:
            failed = True
            if str(error) != self.error:
                _diagnostics.error("%s: %s", type(error).__name__, error)
            self.error = str(error)
        self._tell()
        return more, failed

    def _deliver(self) -> bool:
        journal, intake = self._parts.journal, self._parts.intake
        while objects := journal.poll():
            self._undelivered = journal.oldest
            taken = intake.take(objects)
            # A journal keeps each writer's order, and the registration comes first: what is early here stays early.
            intake.refuse(taken.early, "its writer is not registered")
            journal.delivered()
            self._news += taken.created
            if len(self._news) > NEWS:
                return True
        journal.delivered()
        self._undelivered = None
        return False

    def _sequence(self) -> None:
        # If this fails, the sequencer looks for everything next time, so the news are not needed twice.
        news, self._news = self._news, []
        self._parts.sequencer.run(self._clock(), news)

    def _waiting(self) -> list[Micros]:
        """Return since when what waits does: to be stored, and to be committed."""
        return [at for at in (self._undelivered, self._parts.sequencer.oldest_waiting) if at is not None]

    def _tell(self) -> None:
        waiting = self._waiting()
        age = self._clock() - min(waiting) if waiting else 0
        self._report({"error": self.error, "size": self._parts.sequencer.size, "uncommitted_us": max(0, age)})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until standard input ends or SIGTERM comes; return the exit status, 0 where nothing is left to commit."""
    options = _parser().parse_args(arguments)
    configure_diagnostics()
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to us too; the gateway decides
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    os.nice(options.nice)
    try:
        parts = open_worker(options.data, LogSettings.parse(options.log), random=os.urandom)
        parts.folder.scratch.sweep(time.time() - FORGOTTEN)
        threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()
        committed = Worker(parts, system_clock, _print if options.report else _say_nothing).run(stop)
    except Misconfigured as error:
        _diagnostics.critical("%s", error)
        return 2
    except AffidavitError as error:
        _diagnostics.critical("%s: %s", type(error).__name__, error)
        return 1
    except Exception:  # noqa: BLE001 the top of this process: whoever started it starts it again
        _diagnostics.critical("the worker stops at an error of its own", exc_info=True)
        return 1
    if not committed:
        _diagnostics.error("not everything is committed; the next worker goes on from the journal")
    return 0 if committed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="affidavit-worker", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--log", required=True, help="JSON: origin, retention, roles")
    parser.add_argument("--nice", type=int, default=NICENESS, help="how much lower its scheduling priority is")
    parser.add_argument("--report", action="store_true", help="print the state as a line of JSON after every step")
    return parser


def _stop_at_end_of_input(stop: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    stop.set()


def _print(state: dict[str, object]) -> None:
    try:
        sys.stdout.buffer.write(orjson.dumps(state) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody listens any more; standard input will end too


def _say_nothing(_: dict[str, object]) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
