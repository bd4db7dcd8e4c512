"""The three ways of one call, compared: the upstream directly, an unaudited proxy, the gateway.

All are measured in the same rounds, in turn, so that whatever else the machine does hits all alike; figures are medians
over the rounds. Source: the requirements, "Speed and memory".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from performance.clients import Load, OneConnection, Target, Wrk
from performance.gateway import Gateway
from performance.machine import SyncedFile, median, percentile
from performance.processes import cpu_seconds, memory
from performance.report import MIB, Figure

RATIO = 0.5  # of the unaudited proxy's calls a second
SYNCS, SLACK_US = 2, 1_000  # the added p50 may be so many fdatasync and so much more
UNCOUNTED = 30  # calls at the start of each round
REST_S, RESTS_BELOW, REST_AT_MOST_S = 0.5, 0.05, 60.0  # a worker rests when it uses under 5% of a core


@dataclass(slots=True)
class Measured:
    """One target over all rounds; times are microseconds."""

    target: Target
    pids: Sequence[int]
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def row(self) -> dict[str, str]:
        peak = sum(memory(pid).peak for pid in self.pids)
        return {
            "target": self.target.name,
            "at 1: p50": f"{median(self.p50):,.0f} us",
            "at 1: p99": f"{median(self.p99):,.0f} us",
            "at 32: calls/s": f"{self.per_second:,.0f}",
            "at 32: p50": f"{median([load.p50_us for load in self.loads]) / 1000:.1f} ms",
            "at 32: p99": f"{median([load.p99_us for load in self.loads]) / 1000:.1f} ms",
            "CPU/call": f"{median(self.cpu_us):,.0f} us",
            "peak memory": f"{peak / MIB:.0f} MiB",
        }

    @property
    def per_second(self) -> float:
        """Calls a second with many connections."""
        return median([load.calls_per_second for load in self.loads])

    def details(self) -> dict[str, Any]:
        loads = [[load.requests, load.calls_per_second, load.p50_us, load.p99_us] for load in self.loads]
        return {"p50_us": self.p50, "p99_us": self.p99, "loads": loads, "cpu_us": self.cpu_us}


@dataclass(slots=True)
class Syncs:
    """What the disk's syncs cost, in nanoseconds: of a file that grows, and of bytes that were laid out before."""

    grown_file: SyncedFile
    laid_out_file: SyncedFile
    grown: list[int] = field(default_factory=list)
    laid_out: list[int] = field(default_factory=list)

    def take(self, count: int) -> None:
        """Sync each file so many times."""
        self.grown += self.grown_file.times(count)
        self.laid_out += self.laid_out_file.times(count)

    def details(self) -> dict[str, Any]:
        return {"fdatasync_ns": self.grown, "fdatasync_laid_out_ns": self.laid_out}


def one_connection(ways: Sequence[Measured], *, rounds: int, calls: int, between: Callable[[], object]) -> None:
    """Time single calls in rounds, and do something else after each round."""
    connections = [OneConnection(way.target) for way in ways]
    try:
        for number in range(rounds):
            for way, connection in _turned(list(zip(ways, connections, strict=True)), number):
                connection.times(UNCOUNTED)
                times = connection.times(calls)
                way.p50.append(percentile(times, 0.50) / 1000)
                way.p99.append(percentile(times, 0.99) / 1000)
            between()
    finally:
        for connection in connections:
            connection.close()


def many_connections(
    ways: Sequence[Measured], wrk: Wrk, *, rounds: int, seconds: float, resting: Callable[[], object]
) -> None:
    """Load each way in rounds; the next begins only once what the one before has left to be done is done."""
    for number in range(rounds):
        for way in _turned(list(ways), number):
            resting()
            before = sum(map(cpu_seconds, way.pids))
            way.loads.append(wrk.load(way.target, seconds))
            used = sum(map(cpu_seconds, way.pids)) - before
            way.cpu_us.append(used / way.loads[-1].requests * 1e6)
    resting()


def rest(gateway: Gateway) -> float:
    """Wait until the gateway and its worker rest; gives the seconds that it took."""
    began = time.monotonic()
    while time.monotonic() - began < REST_AT_MOST_S:
        before = _used(gateway)
        time.sleep(REST_S)
        if _used(gateway) - before < RESTS_BELOW * REST_S:
            break
    return time.monotonic() - began - REST_S


def figures(direct: Measured, unaudited: Measured, gateway: Measured, disk: Syncs) -> list[Figure]:
    """The ratios, and what they should be."""
    sync = percentile(disk.grown, 0.50) / 1000
    added = median(gateway.p50) - median(direct.p50)
    proxied = median(gateway.p50) - median(unaudited.p50)
    bound = SYNCS * sync + SLACK_US
    ratio = gateway.per_second / unaudited.per_second
    return [
        Figure.at_least("calls/s at 32 connections, gateway / unaudited proxy", ratio, RATIO),
        Figure(
            name="calls/s at 32 connections, gateway / upstream directly", value=gateway.per_second / direct.per_second
        ),
        Figure(name="fdatasync p50 (2 KiB appended)", value=sync, unit="us"),
        Figure(name="the same into bytes laid out before", value=percentile(disk.laid_out, 0.50) / 1000, unit="us"),
        Figure.at_most("added p50 at 1 connection, to the upstream directly", added, bound, "us", " (2 syncs + 1 ms)"),
        Figure(name="added p50 at 1 connection, to the unaudited proxy", value=proxied, unit="us"),
    ]


def _used(gateway: Gateway) -> float:
    return sum(map(cpu_seconds, gateway.family.values()))


def _turned(ways: list[Any], number: int) -> list[Any]:
    turn = number % len(ways)
    return ways[turn:] + ways[:turn]
