"""The gateway as it is deployed, on emulators: how fast, and what of Google's it uses for 1,000 calls.

The emulators and the functions run on the same cores as the gateway, so speed here is what this machine gives, while
the counts are what they would be on Google Cloud at the same size of segments. Nobody schedules the functions: they are
called when a load has been stored, so that what each of them uses can be told from the others'.

Source: the requirements, "Speed and memory"; google-cloud "Cost".
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cloud.processes
from cloud.deployment import Deployment, deployed
from cloud.story import verify
from performance import proxies
from performance.clients import OneConnection, Target, Wrk
from performance.gateway import recorded
from performance.meter import Meter, Used
from performance.prices import Usage
from performance.processes import Broken, announced, tree
from performance.proxies import Measured
from performance.report import Figure

FEW = 3  # calls: with what a start records less than a sequencer takes for load, so that they are one commit
ONE, SOME, MANY = 1, 32, 128  # connections
QUIET_S = 1.0  # until a load counts as stored
GIB = {"write_evidence": 2, "sequence_log": 1, "check_log": 2}  # terraform: `memory` of each function
NAME = "gateway on emulators"
RUNS = 20  # at most, of a function until it finds nothing new


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a scheduled function used: in all the runs that found something, and in one that found nothing."""

    function: str
    runs: int
    used: Used
    idle: Used
    signatures: int = 0

    @property
    def beyond(self) -> tuple[int, int, float]:
        """Operations of both classes and processor seconds beyond as many idle runs: what grows with the calls.

        And what one commit costs however many calls it holds, which the calls of the load share.
        """
        (a, b), (idle_a, idle_b) = self.used.operations, self.idle.operations
        seconds = self.used.cpu[self.function] - self.runs * self.idle.cpu[self.function]
        return max(0, a - self.runs * idle_a), max(0, b - self.runs * idle_b), max(0.0, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What one load used, everything of it stored, sequenced and checked."""

    connections: int
    requests: int
    messages: int
    pubsub: int
    writing: Used
    sequencing: Run
    checking: Run

    @property
    def calls(self) -> int:
        return self.writing.calls

    def usage(self, *, least_s: float = 0.0) -> Usage:
        """Return what grows with the calls; `least_s` is what each invocation of `write_evidence` takes at least."""
        class_a, class_b = self.writing.operations
        scheduled = (self.sequencing, self.checking)
        seconds = {run.function: run.beyond[2] for run in scheduled}
        invocations = self.writing.inserted
        seconds["write_evidence"] = max(self.writing.cpu["write_evidence"], invocations * least_s)
        return Usage(
            pubsub=self.pubsub,
            class_a=class_a + sum(run.beyond[0] for run in scheduled),
            class_b=class_b + sum(run.beyond[1] for run in scheduled),
            invocations=invocations,
            seconds=sum(seconds.values()),
            gib_seconds=sum(spent * GIB[name] for name, spent in seconds.items()),
        )


class Emulated:
    """Measures one deployment.

    Args:
        unaudited: A proxy in front of the same upstream, measured in the same rounds.
        say: Hears what takes time.
    """

    def __init__(self, deployment: Deployment, unaudited: Measured, folder: Path, say: Callable[[str], None]) -> None:
        self._deployment = deployment
        self._unaudited = unaudited
        self._folder = folder
        self._say = say
        self._meter = Meter(deployment)
        self._meter.settle(QUIET_S)
        self._meter.published()  # what a start writes belongs to no call
        self.ways: dict[int, list[Measured]] = {SOME: self._both(), MANY: self._both()}

    def measure(self, *, rounds: int, calls: int, seconds: float) -> None:
        """Give it a few calls, then load it with one, with some and with many connections."""
        self._load(ONE, self._few)  # what is done once, at the first commit, is not counted
        self.few = self._load(ONE, self._few)
        settle, singly = self._meter.settle, self.ways[SOME]
        self.loads = [
            self._load(ONE, lambda: proxies.one_connection(singly, rounds=rounds, calls=calls, between=settle))
        ]
        for connections, ways in self.ways.items():
            wrk = Wrk(self._folder, connections)
            load = partial(proxies.many_connections, ways, wrk, rounds=rounds, seconds=seconds, resting=settle)
            self.loads.append(self._load(connections, load))

    def _few(self) -> None:
        with contextlib.closing(OneConnection(self.ways[SOME][1].target)) as connection:
            connection.times(FEW)

    def figures(self) -> list[Figure]:
        found = []
        for connections, (unaudited, gateway) in self.ways.items():
            name = f"calls/s at {connections} connections, {NAME}"
            found.append(Figure(name=f"{name} / unaudited proxy", value=gateway.per_second / unaudited.per_second))
        found.append(Figure(name=f"calls/s at {MANY} connections, {NAME}", value=self.ways[MANY][1].per_second))
        return found

    def verified(self) -> Figure:
        """Stop the gateway, and hold what is recorded against what the upstream answered.

        Raises:
            Broken: They differ, or verify is red.
        """
        self._say(f"stopping the {NAME}, verifying what it has recorded")
        forwarded = self._deployment.answered_by_the_upstream()
        if status := self._deployment.gateway.stop():
            raise Broken(f"the {NAME} ended with {status}")
        self._meter.settle(QUIET_S)
        self._runs("sequence_log", lambda answer: answer["added"] == 0)
        copy = self._folder / "copy"
        status, told = verify(self._deployment, copy)
        if status != 0:
            raise Broken(f"verify is red ({status}): {told}")
        answered = recorded(copy).answered
        if answered != forwarded:
            raise Broken(f"{forwarded} calls at the upstream, {answered} in the records")
        return Figure(name=f"records of the {NAME}, verified", value=told["head"]["size"])

    def _both(self) -> list[Measured]:
        """Return measurements without figures yet: the proxy without an audit trail, and the gateway."""
        deployment = self._deployment
        assert deployment.gateway.popen is not None
        headers = {"Authorization": f"Bearer {deployment.token()}"}
        target = Target(name=NAME, port=deployment.gateway.port, path="/mcp/warehouse", headers=headers)
        gateway = Measured(target, tree(deployment.gateway.popen.pid))
        return [Measured(self._unaudited.target, self._unaudited.pids), gateway]

    def _load(self, connections: int, load: Callable[[], None]) -> Loaded:
        self._say(f"{NAME}, connections: {connections}")
        before = self._meter.read()
        load()
        self._meter.settle(QUIET_S)
        writing = self._meter.read() - before
        requests, messages, pubsub = self._meter.published()
        self._say(f"{writing.calls:,} calls: sequencing and checking them")
        return Loaded(
            connections=connections,
            requests=requests,
            messages=messages,
            pubsub=pubsub,
            writing=writing,
            sequencing=self._runs("sequence_log", lambda answer: answer["added"] == 0),
            checking=self._runs("check_log", lambda answer: answer["verified_from"] == answer["size"]),
        )

    def _runs(self, function: str, found_nothing: Callable[[dict[str, object]], bool]) -> Run:
        """Call a function until it finds nothing new."""
        signed, start = self._meter.checkpoints(), self._meter.read()
        for runs in range(RUNS):
            before = self._meter.read()
            answer = self._deployment.call_function(function)
            if found_nothing(answer):
                idle, used = self._meter.read() - before, before - start
                signatures = self._meter.checkpoints() - signed if function == "sequence_log" else 0
                return Run(function=function, runs=runs, used=used, idle=idle, signatures=signatures)
        raise Broken(f"{function} comes to no end")


@contextlib.contextmanager
def emulated(folder: Path, say: Callable[[str], None]) -> Iterator[Emulated]:
    """Run a deployment, and an unaudited proxy in front of its upstream, while the block lasts."""
    folder.mkdir()
    try:
        with deployed(folder) as deployment:
            upstream = f"{deployment.upstream.url}/unaudited"
            with announced("performance.unaudited", upstream) as (pid, port):
                unaudited = Measured(Target(name="unaudited proxy beside it", port=port), [pid])
                yield Emulated(deployment, unaudited, folder, say)
    except cloud.processes.Broken as error:
        raise Broken(str(error)) from error
