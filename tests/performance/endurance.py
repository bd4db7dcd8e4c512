"""Many calls through one gateway: does its memory stay where it is, and is every call in the evidence?

"Speed and memory": 200,000 calls over kept connections. Memory is what is resident (VmRSS), of the
gateway and of its worker.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from performance.clients import Wrk
from performance.gateway import Gateway, program, recorded
from performance.processes import Broken, memory
from performance.proxies import rest
from performance.report import MIB, Figure, Found

MEMORY_MIB, GROWTH_MIB = 150, 10
SLOWEST = 100  # calls a second; below it the run is given up
SAMPLE_S = 0.25
AROUND = 0.02  # of all calls: a sample is the mean of so many around its place
VERIFY_S = 600


@dataclass(slots=True)
class Samples:
    """Resident MiB of each process, at so many calls."""

    calls: list[int] = field(default_factory=list)
    resident: list[dict[str, float]] = field(default_factory=list)

    def at(self, share: float) -> dict[str, float]:
        """What each process had after a share of the calls."""
        total = self.calls[-1]
        near = [
            had for calls, had in zip(self.calls, self.resident, strict=True) if abs(calls / total - share) <= AROUND
        ]
        near = near or [
            min(zip(self.calls, self.resident, strict=True), key=lambda one: abs(one[0] / total - share))[1]
        ]
        return {name: fmean(had.get(name, 0.0) for had in near) for name in near[-1]}


def answered(port: int, path: str) -> int:
    """How many calls that came by one path the upstream has answered."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=10) as told:
        return int(json.load(told).get(f"{path} tools/call", 0))


def endure(gateway: Gateway, wrk: Wrk, count: Callable[[], int], calls: int) -> Found:
    """Make so many calls; give the figures, and the samples."""
    samples = Samples()
    before = count()

    def done() -> bool:
        samples.calls.append(count() - before)
        samples.resident.append({name: memory(pid).now / MIB for name, pid in gateway.family.items()})
        return samples.calls[-1] >= calls

    began = time.monotonic()
    load = wrk.load_until(gateway.target, done, at_most=30 + calls / SLOWEST, every=SAMPLE_S)
    seconds = time.monotonic() - began
    rested = rest(gateway)
    middle, end = samples.at(0.5), samples.at(1.0)
    after = f"after {samples.calls[-1]:,} calls"
    found = [
        Figure(name=f"calls/s over all of {samples.calls[-1]:,} calls", value=load.calls_per_second),
        Figure(name="then the worker is at rest after", value=rested, unit="s"),
        Figure.at_most(f"memory of the gateway {after}", end["gateway"], MEMORY_MIB, "MiB"),
        Figure.at_most(f"memory of gateway and worker {after}", sum(end.values()), MEMORY_MIB, "MiB"),
    ]
    for name in end:
        growth = end[name] - middle.get(name, 0.0)
        found.append(Figure.at_most(f"growth of the {name} over the second half", growth, GROWTH_MIB, "MiB"))
    return found, {"seconds": seconds, "calls": samples.calls, "resident_mib": samples.resident}


def stopped(gateway: Gateway) -> Found:
    """Stop the gateway; give its and its worker's peaks, and how long its end took."""
    found = [
        Figure(name=f"peak memory of the {name}", value=memory(pid).peak / MIB, unit="MiB")
        for name, pid in gateway.family.items()
    ]
    return [*found, Figure(name="the gateway ends after SIGTERM in", value=gateway.stop(), unit="s")], {}


def complete(data: Path, forwarded: int) -> Found:
    """Hold what is stored against what the upstream has answered.

    Raises:
        Broken: A call has no record, or a record no call.
    """
    found = recorded(data)
    if not forwarded == len(found.called) == found.answered:
        told = f"{len(found.called)} are recorded, and {found.answered} answers: {dict(found.kinds)}"
        raise Broken(f"the upstream answered {forwarded} calls; {told}")
    figure = Figure(name="calls that the upstream answered = calls recorded", value=found.answered)
    return [figure], {"kinds": dict(found.kinds)}


def verified(data: Path) -> Found:
    """Verify what the gateway has left.

    Raises:
        Broken: Something is red.
    """
    command: list[str | Path] = [program(), "verify", data]
    done = subprocess.run(command, capture_output=True, text=True, timeout=VERIFY_S, check=False)
    if done.returncode != 0:
        raise Broken(f"verify gave {done.returncode} after the load:\n{done.stdout}{done.stderr}")
    return [Figure(name="exit status of verify afterwards", value=done.returncode)], {"told": done.stdout}
