"""How fast a log of a million records with bodies is sequenced and verified, and with how much memory.

Source: requirements, "Speed and memory". Each runs as a process of its own; memory is summed over all that it starts.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from affidavit.clock import system_clock
from performance.gateway import program
from performance.generated import ORIGIN, generate
from performance.processes import Broken, PeakOfAll, running
from performance.report import MIB, Figure, Found

WRITERS = 2
SEQUENCED, VERIFIED, AIM = 10_000, 30_000, 60_000  # records a second
VERIFY_MIB = 200
Environment = dict[str, str] | None
SLOWEST = 500  # records a second; below it the run is given up


def generation(data: Path, records: int) -> tuple[int, Found]:
    """Write the folder; give how many records it holds."""
    began = time.monotonic()
    made = generate(data, records=records, writers=WRITERS, until=system_clock())
    os.sync()  # or whoever syncs next pays for it
    seconds = time.monotonic() - began
    figures = [
        Figure(name=f"generated {made.records:,} records in", value=seconds, unit="s"),
        Figure(name="bytes of a record", value=made.record_bytes / made.records),
    ]
    return made.records, (figures, asdict(made))


def sequencing(data: Path, records: int, environment: Environment = None) -> Found:
    """Sequence what was generated."""
    command: list[str | Path] = [sys.executable, "-m", "performance.sequencing", data, ORIGIN]
    measured = _measured(command, records, environment)
    told = json.loads(measured.output)
    if told["leaves"] < records:
        raise Broken(f"{told['leaves']} of {records} records were sequenced")
    return [
        Figure.at_least("sequencing", told["leaves"] / told["seconds"], SEQUENCED, "records/s"),
        Figure(name="sequencing, processor time", value=measured.cpu_seconds, unit="s"),
        Figure(name="sequencing, peak memory", value=measured.peak.resident / MIB, unit="MiB"),
    ], {**told, "seconds_of_process": measured.seconds}


def verification(data: Path, records: int, environment: Environment = None) -> Found:
    """Verify it as an auditor does."""
    measured = _measured([program(), "verify", data, "--json"], records, environment)
    peak = measured.peak
    return [
        Figure.at_least("verify", records / measured.seconds, VERIFIED, "records/s", f" (aim {AIM:,})"),
        Figure(name="verify, processor time of all its processes", value=measured.cpu_seconds, unit="s"),
        Figure.at_most("verify, peak memory of all its processes", peak.resident / MIB, VERIFY_MIB, "MiB"),
        Figure(name="the same, shared pages once (PSS)", value=peak.proportional / MIB, unit="MiB"),
    ], {"seconds": measured.seconds, "processes": peak.processes, "told": json.loads(measured.output)}


@dataclass(frozen=True, slots=True)
class _Measured:
    seconds: float
    cpu_seconds: float  # of the process and of all that it has waited for
    peak: PeakOfAll
    output: str


def _measured(command: Sequence[str | Path], records: int, environment: Environment) -> _Measured:
    began, used = time.monotonic(), _cpu_of_ended()
    with running(command, environment=environment) as process, PeakOfAll(process.pid) as peak:
        try:
            output, _ = process.communicate(timeout=60 + records / SLOWEST)
        except subprocess.TimeoutExpired as error:
            raise Broken(f"{command[:3]} did not end in time") from error
    if process.returncode != 0:
        raise Broken(f"{' '.join(map(str, command))} ended with {process.returncode}: {output[-4000:]}")
    return _Measured(time.monotonic() - began, _cpu_of_ended() - used, peak, output)


def _cpu_of_ended() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
