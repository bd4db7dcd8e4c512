"""What a deployment on emulators has used so far: storage operations as the server counts them, and processor time."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from typing import Any

from cloud.deployment import PREFIX, Deployment
from fakes.storage_server.tally import PATH
from performance.prices import billed_bytes, message_bytes, operations
from performance.processes import Broken, cpu_seconds, tree

POLL_S = 0.25
RESTS_BELOW = 0.05  # of a core
SETTLE_AT_MOST_S = 120
BODIES = {f"{PREFIX}-body-standard": "standard"}
EVIDENCE = f"{PREFIX}-evidence"
WRITTEN = frozenset({EVIDENCE, *BODIES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What was used, since the beginning or between two moments.

    Attributes:
        requests: By operation, bucket and status.
        cpu: Processor seconds of each function.
        calls: Of tools, as the upstream counts them.
    """

    requests: Counter[tuple[str, str, int]]
    cpu: Counter[str]
    calls: int

    def __sub__(self, before: Used) -> Used:
        requests = Counter(self.requests)
        requests.subtract(before.requests)
        cpu = {name: seconds - before.cpu[name] for name, seconds in self.cpu.items()}
        return Used(requests=+requests, cpu=Counter(cpu), calls=self.calls - before.calls)

    @property
    def inserted(self) -> int:
        """Requests to create evidence, whatever came of them: what `write_evidence` does once an invocation."""
        return sum(
            n for (name, bucket, _), n in self.requests.items() if name == "objects.insert" and bucket in WRITTEN
        )

    @property
    def operations(self) -> tuple[int, int]:
        """Of class A and of class B."""
        return operations(self.requests)

    def by_bucket(self) -> Counter[str]:
        """Return successful requests, such as `log list`."""
        done: Counter[str] = Counter()
        for (operation, bucket, status), count in self.requests.items():
            if status < 300:
                done[f"{bucket.removeprefix(PREFIX + '-')} {operation.removeprefix('objects.')}"] += count
        return done


class Meter:
    """Reads what a deployment has used."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._seen: set[str] = set()

    def read(self) -> Used:
        with urllib.request.urlopen(f"{self._deployment.storage.url}{PATH}", timeout=10) as answer:
            counts: list[dict[str, Any]] = json.load(answer)
        requests = Counter({(one["operation"], one["bucket"], one["status"]): one["count"] for one in counts})
        cpu = Counter({name: self._cpu(name) for name in self._deployment.functions})
        return Used(requests=requests, cpu=cpu, calls=self._deployment.answered_by_the_upstream())

    def settle(self, quiet_s: float = 2 * POLL_S) -> None:
        """Wait until nothing has been stored and nothing worked on for so long.

        Raises:
            Broken: It goes on and on.
        """
        ends = time.monotonic() + SETTLE_AT_MOST_S
        rested, last = 0.0, self.read()
        while rested < quiet_s:
            if time.monotonic() > ends:
                raise Broken("what was published was not stored in time")
            time.sleep(POLL_S)
            now = self.read()
            rests = now.inserted == last.inserted and (now - last).cpu["write_evidence"] <= RESTS_BELOW * POLL_S
            rested, last = rested + POLL_S if rests else 0.0, now

    def published(self) -> tuple[int, int, int]:
        """Return the publish requests, messages and billed bytes of what is stored and was not asked for before.

        A segment and its bodies objects, which have one number, are one request.
        """
        requests: dict[str, list[int]] = {}
        client = self._deployment.client()
        for bucket in sorted(WRITTEN):
            for blob in client.list_blobs(bucket, prefix="segment/" if bucket == EVIDENCE else None):
                if blob.name not in self._seen:
                    self._seen.add(blob.name)
                    requests.setdefault(_number(blob.name), []).append(_message(bucket, blob.name, blob.size))
        every = list(requests.values())
        return len(every), sum(map(len, every)), billed_bytes(every)

    def checkpoints(self) -> int:
        """Return how many there are: each is one signature."""
        return sum(1 for _ in self._deployment.client().list_blobs(EVIDENCE, prefix="checkpoint/"))

    def _cpu(self, function: str) -> float:
        popen = self._deployment.functions[function].popen
        return sum(map(cpu_seconds, tree(popen.pid))) if popen else 0.0


def _number(name: str) -> str:
    """Return writer and first number: `segment/W/N-H.ndjson.gz`, `W/N-H.ndjson.gz`."""
    return name.removeprefix("segment/").partition(".")[0].rpartition("-")[0]


def _message(bucket: str, name: str, size: int) -> int:
    kind = "evidence" if bucket == EVIDENCE else "body"
    return message_bytes(size, {"v": "1", "bucket": kind, "class": BODIES.get(bucket, ""), "name": name})
