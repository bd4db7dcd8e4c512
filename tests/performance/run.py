"""One run: what is started, measured and stopped, in order.

A part that breaks is told and the others go on; what was measured before it broke stays in the report.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from performance import auditing, costs, deciding, endurance, guarded, profiling, proxies
from performance.clients import Target, Wrk
from performance.emulated import emulated
from performance.endurance import answered
from performance.gateway import Gateway, running_gateway
from performance.machine import SyncedFile, describe
from performance.processes import Broken, announced
from performance.proxies import Measured, Syncs
from performance.report import Found, Report, Screen

CONNECTIONS = 32  # the requirements
PARTS = ("policy", "proxies", "guarded", "endurance", "cloud", "audit")
THROUGH = "/gateway"  # the path at the upstream by which the gateway's calls are told from the others'


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        rounds, calls, syncs: At one connection: rounds, calls of each target in a round, syncs in all.
        load_rounds, seconds: At many connections: rounds, and seconds of each target in a round.
        decisions: Of the policy, of each kind.
        endurance: Calls to see whether memory stays flat.
        records: Of the large log.
        profile_s: Seconds of load while sampling.
    """

    rounds: int
    calls: int
    syncs: int
    load_rounds: int
    seconds: float
    decisions: int
    endurance: int
    records: int
    profile_s: float


FULL = Size(
    rounds=12,
    calls=400,
    syncs=300,
    load_rounds=5,
    seconds=5,
    decisions=20_000,
    endurance=200_000,
    records=1_000_000,
    profile_s=20,
)
QUICK = Size(
    rounds=4,
    calls=100,
    syncs=100,
    load_rounds=2,
    seconds=1,
    decisions=5_000,
    endurance=6_000,
    records=60_000,
    profile_s=5,
)


class Run:
    """Measures, and keeps what was found.

    Args:
        folder: Empty; on the disk that is measured.
        size: How much.
        screen: Hears what takes time.
    """

    def __init__(self, folder: Path, size: Size, screen: Screen) -> None:
        self._folder = folder
        self._size = size
        self._screen = screen
        self.report = Report(machine=describe(folder))

    def measure(self, parts: Sequence[str]) -> None:
        """Measure these parts of `PARTS`."""
        with self._part("policy"):
            if "policy" in parts:
                self._screen.say(f"{self._size.decisions:,} decisions of each kind")
                self._add("policy", deciding.figures(self._size.decisions))
        with self._part("calls"):
            if {"proxies", "guarded", "endurance"} & set(parts):
                self._calls(parts)
        with self._part("cloud"):
            if "cloud" in parts:
                self._cloud()
        with self._part("audit"):
            if "audit" in parts:
                self._audit()

    def profile(self, parts: Sequence[str]) -> None:
        """Show where a loaded gateway spends its time, or where sequencing and verifying do (`audit`)."""
        samples = self._folder / "samples"
        with self._part("profile"):
            count = (self._audited if "audit" in parts else self._loaded)(profiling.environment(samples))
            profiling.show(samples, count, self._screen.console, self._screen.box)

    def _loaded(self, environment: dict[str, str]) -> int:
        """Load one gateway whose processes are sampled; gives the calls."""
        with contextlib.ExitStack() as running:
            _, port = running.enter_context(announced("performance.upstream"))
            folder = self._folder / "profiled"
            gateway = running.enter_context(running_gateway(folder, _url(port, THROUGH), environment))
            self._screen.say(f"{CONNECTIONS} connections, {self._size.profile_s:g} s, sampled")
            load = Wrk(self._folder, CONNECTIONS).load(gateway.target, self._size.profile_s)
            proxies.rest(gateway)
            gateway.stop()
        told = f"{load.requests:,} calls, {load.calls_per_second:,.0f} a second while sampled"
        self._screen.console.print(told)
        return load.requests

    def _audited(self, environment: dict[str, str]) -> int:
        """Sequence and verify while sampling; gives the records."""
        data = self._folder / "large"
        self._screen.say(f"writing {self._size.records:,} records with bodies")
        made, _ = auditing.generation(data, self._size.records)
        for measure in (auditing.sequencing, auditing.verification):
            self._screen.say(f"{measure.__name__} of {made:,} records, sampled")
            self._add(measure.__name__, measure(data, made, environment))
        return made

    @contextlib.contextmanager
    def _part(self, name: str) -> Iterator[None]:
        try:
            yield
        except (Broken, OSError) as error:
            self.report.broken.append(f"{name}: {error}")

    def _calls(self, parts: Sequence[str]) -> None:
        """Everything that needs a gateway: one for all, so that what it has recorded at the end is all of it."""
        wrk = Wrk(self._folder, CONNECTIONS)
        with contextlib.ExitStack() as running:
            pid, port = running.enter_context(announced("performance.upstream"))
            gateway = running.enter_context(running_gateway(self._folder / "gateway", _url(port, THROUGH)))
            if "proxies" in parts:
                self._compare(gateway, wrk, Measured(Target(name="upstream directly", port=port), [pid]))
            if "guarded" in parts:
                self._guard(wrk, port)
            if "endurance" in parts and self._size.endurance:
                self._endure(gateway, wrk, port)
            self._screen.say("stopping the gateway, verifying what it has recorded")
            forwarded = answered(port, THROUGH)
            self._add("stopped", endurance.stopped(gateway))
        self._add("recorded", endurance.complete(gateway.data, forwarded))
        self._add("verified", endurance.verified(gateway.data))

    def _compare(self, gateway: Gateway, wrk: Wrk, direct: Measured) -> None:
        size, port = self._size, direct.target.port
        with announced("performance.unaudited", _url(port, "/unaudited")) as (proxy_pid, proxy_port):
            unaudited = Measured(Target(name="unaudited proxy", port=proxy_port), [proxy_pid])
            audited = Measured(gateway.target, list(gateway.family.values()))
            ways = [direct, unaudited, audited]
            self._screen.say(f"1 connection, {size.rounds} rounds")
            with self._disk() as disk:
                syncs = -(-size.syncs // size.rounds)
                proxies.one_connection(ways, rounds=size.rounds, calls=size.calls, between=lambda: disk.take(syncs))
            self._screen.say(f"{CONNECTIONS} connections, {size.load_rounds} rounds of {size.seconds:g} s each")
            proxies.many_connections(
                ways, wrk, rounds=size.load_rounds, seconds=size.seconds, resting=lambda: proxies.rest(gateway)
            )
            self.report.rows += [way.row() for way in ways]
        details = {way.target.name: way.details() for way in ways} | disk.details()
        self._add("proxies", (proxies.figures(direct, unaudited, audited, disk), details))

    def _guard(self, wrk: Wrk, port: int) -> None:
        """Everything switched on, beside an unaudited proxy that passes on the same."""
        size, folder = self._size, self._folder / "guarded"
        with (
            announced("performance.unaudited", _url(port, "/unaudited" + guarded.LARGE)) as (proxy_pid, proxy_port),
            running_gateway(folder, _url(port, THROUGH + guarded.LARGE), like=guarded.configuration()) as gateway,
        ):
            unaudited = Measured(Target(name="unaudited proxy, 2 KB", port=proxy_port), [proxy_pid])
            audited = Measured(gateway.target, list(gateway.family.values()))
            self._screen.say(
                f"the same with {guarded.RULES} rules and {guarded.MASKS} masks, {size.load_rounds} rounds"
            )
            proxies.many_connections(
                [unaudited, audited],
                wrk,
                rounds=size.load_rounds,
                seconds=size.seconds,
                resting=lambda: proxies.rest(gateway),
            )
            details = {f"guarded {way.target.name}": way.details() for way in (unaudited, audited)}
            gateway.stop()
        self._add("guarded", ([guarded.figure(audited.per_second, unaudited.per_second)], details))
        self._add("guarded verified", endurance.verified(gateway.data))

    @contextlib.contextmanager
    def _disk(self) -> Iterator[Syncs]:
        grown, laid_out = self._folder / "grown", self._folder / "laid-out"
        room = 2 * self._size.syncs
        with contextlib.closing(SyncedFile(grown)) as one, contextlib.closing(SyncedFile(laid_out, room)) as other:
            yield Syncs(one, other)

    def _endure(self, gateway: Gateway, wrk: Wrk, port: int) -> None:
        calls = self._size.endurance
        self._screen.say(f"{calls:,} calls through the gateway")
        self._add("endurance", endurance.endure(gateway, wrk, lambda: answered(port, THROUGH), calls))

    def _cloud(self) -> None:
        """Everything that needs a deployment on emulators."""
        size = self._size
        self._screen.say("starting a deployment on emulators")
        with emulated(self._folder / "cloud", self._screen.say) as one:
            one.measure(rounds=size.load_rounds, calls=size.calls, seconds=size.seconds)
            self.report.rows += [way.row() for way in one.ways[CONNECTIONS]]
            self.report.figures += one.figures()
            self.report.tables += [costs.per_calls(one.loads), *costs.per_run(one.few, one.loads)]
            self.report.figures.append(one.verified())

    def _audit(self) -> None:
        """Everything that needs a large log."""
        data = self._folder / "large"
        self._screen.say(f"writing {self._size.records:,} records with bodies")
        made, found = auditing.generation(data, self._size.records)
        self._add("generation", found)
        for name, measured in (("sequencing", auditing.sequencing), ("verification", auditing.verification)):
            self._screen.say(f"{name} of {made:,} records")
            self._add(name, measured(data, made))

    def _add(self, name: str, found: Found) -> None:
        figures, details = found
        self.report.figures += figures
        self.report.details[name] = details


def _url(port: int, path: str) -> str:
    return f"http://127.0.0.1:{port}{path}"
