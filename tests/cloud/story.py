"""1,000 calls on a deployment that is not left in peace, and what a stranger finds afterwards.

One function is killed and started again, everything that was published is published three times more, and the bus does
not answer for five seconds. Then: as many requests at the upstream as calls in the records, and a log that verifies.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud import storage

from cloud.deployment import BIN, KEY_VERSION, ORIGIN, PREFIX, TOPIC, Deployment, Scheduler, pubsub_publisher
from cloud.load import Load, load
from performance.gateway import Recorded, recorded

CALLS, CONNECTIONS = 1_000, 16
STORM = 3  # times that everything published so far is published again
PAUSE_S = 0.25  # between two calls of one client, so that all of it happens while calls are made
SILENT_S = 5.0  # that the bus does not answer
EVERY_S = 1.0  # between two calls of the scheduler
SETTLE_S = 240  # until everything that was recorded is committed
EVIDENCE, BODIES = f"{PREFIX}-evidence", f"{PREFIX}-body-standard"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What there was to see at the end.

    Attributes:
        load: What the clients saw.
        at_the_upstream: Tool calls that reached it, as it counts them itself.
        recorded: What the records say, counted without the code that wrote them.
        exit_status: Of the gateway.
        verify: What `affidavit verify --json` says, with its exit status.
        checks: What `check_log` answered, each time.
        quarantined: Names in the quarantine bucket.
        copy: Of the buckets, as a data folder.
    """

    load: Load
    at_the_upstream: int
    recorded: Recorded
    exit_status: int
    verify: tuple[int, dict[str, Any]]
    checks: list[dict[str, object]]
    quarantined: list[str]
    copy: Path


def play(deployment: Deployment, *, calls: int = CALLS, say: Say) -> Ending:
    """Do it all; raises `Broken` where something is not there."""
    with Scheduler(deployment, "check_log", every_s=EVERY_S) as checking:
        with Scheduler(deployment, "sequence_log", every_s=EVERY_S):
            result = _calls(deployment, calls, say)
            say("the gateway is told to stop")
            status = deployment.gateway.stop()
            say("what was recorded is committed")
            settle(deployment)
        checked = deployment.call_function("check_log")
    say("a stranger verifies")
    copy = deployment.folder / "copy"
    verified = verify(deployment, copy)
    client = deployment.client()
    return Ending(
        load=result,
        at_the_upstream=deployment.answered_by_the_upstream(),
        recorded=recorded(copy),
        exit_status=status,
        verify=verified,
        checks=[*checking.answers, checked],
        quarantined=[blob.name for blob in client.list_blobs(f"{PREFIX}-quarantine")],
        copy=copy,
    )


def _calls(deployment: Deployment, calls: int, say: Say) -> Load:
    """Let the clients work, and disturb them at a quarter, a half and three quarters of the way."""
    disturbances = [
        (calls * 3 // 4, lambda: _silence(deployment, say)),
        (calls // 2, lambda: _storm(deployment, say)),
        (calls // 4, lambda: _kill(deployment, say)),
    ]
    with ThreadPoolExecutor(1) as aside:
        pending: list[Future[None]] = []

        def is_due(so_far: Load) -> bool:
            return bool(disturbances) and so_far.ended >= disturbances[-1][0]

        async def between(so_far: Load) -> None:
            if is_due(so_far):
                # No call is made before the one before has ended: on a slow machine none would be left for this one.
                await asyncio.gather(*map(asyncio.wrap_future, pending))
            if is_due(so_far):
                pending.append(aside.submit(disturbances.pop()[1]))
            await asyncio.sleep(PAUSE_S)

        loading = load(deployment.url, deployment.token(), calls=calls, connections=CONNECTIONS, between=between)
        result = asyncio.run(loading)
        for one in pending:
            one.result()
    say(f"{result.done} calls answered, {result.unknown} withheld, tries refused: {dict(result.refused)}")
    return result


def _kill(deployment: Deployment, say: Say) -> None:
    function = deployment.functions["write_evidence"]
    function.kill()
    say("write_evidence was killed")
    time.sleep(2.0)
    function.start()
    function.await_ready()
    say("write_evidence was started again")


def _storm(deployment: Deployment, say: Say) -> None:
    client, publisher = deployment.client(), pubsub_publisher(deployment)
    published = 0
    for bucket, kind, retention_class in ((EVIDENCE, "evidence", ""), (BODIES, "body", "standard")):
        for blob in client.list_blobs(bucket):
            if kind == "evidence" and not blob.name.startswith("segment/"):
                continue
            attributes = {"v": "1", "bucket": kind, "class": retention_class, "name": blob.name}
            message = {"data": blob.download_as_bytes(), "attributes": attributes}
            publisher.publish(request={"topic": TOPIC, "messages": [message] * STORM})
            published += STORM
    say(f"{published} messages were delivered again")


def _silence(deployment: Deployment, say: Say) -> None:
    with deployment.pubsub.suspended():
        say(f"the bus does not answer for {SILENT_S:g} s")
        time.sleep(SILENT_S)
    say("the bus answers again")


def settle(deployment: Deployment) -> None:
    """Wait until the log holds every writer's last word."""
    ends = time.monotonic() + SETTLE_S
    client = deployment.client()
    while not _all_committed(client):
        if time.monotonic() > ends:
            raise AssertionError(f"not everything is committed after {SETTLE_S} s: {_state(deployment, client)}")
        time.sleep(0.5)


def _state(deployment: Deployment, client: storage.Client) -> str:
    """Return what somebody who has to find out why would look at first."""
    names = [blob.name for blob in client.list_blobs(EVIDENCE)]
    newest = max((name for name in names if name.startswith("commit/")), default=None)
    commit = json.loads(client.bucket(EVIDENCE).blob(newest).download_as_bytes()) if newest else {}
    waiting = [name.rpartition("/")[2][:12] for name in names if name.startswith("segment/")][-3:]
    said = "\n".join(program.last_words(10) for program in deployment.functions.values())
    return f"writers {commit.get('writers')}, last segments {waiting}\n{said}"


def _all_committed(client: storage.Client) -> bool:
    """Tell whether the newest commit's only living writer is the log: the gateway's chain has been closed."""
    newest = max((blob.name for blob in client.list_blobs(EVIDENCE, prefix="commit/")), default=None)
    if newest is None:
        return False
    commit = json.loads(client.bucket(EVIDENCE).blob(newest).download_as_bytes())
    size = f"checkpoint/{commit['size']:020d}"
    return list(commit["writers"]) == ["log"] and client.bucket(EVIDENCE).blob(size).exists()


def verify(deployment: Deployment, copy: Path) -> tuple[int, dict[str, Any]]:
    """Verify the buckets as an auditor does; the copy stays."""
    environment = {**deployment.environment}
    key = _run(["key", KEY_VERSION, "--origin", ORIGIN], environment).stdout.strip()
    told = _run(["verify", f"gs://{EVIDENCE}", "--copy", str(copy), "--key", key, "--json"], environment)
    return told.returncode, json.loads(told.stdout)


def _run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "affidavit"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
