"""Real sequencer processes over a Cloud Storage server, started in no time: one process loads everything and forks.

    with Forks() as forks:
        with forks.sequencer(storage.url, root, now) as process:   # is there and waits
            process.go()
            assert process.wait() == 0                             # or was killed meanwhile

Run as a script it is that one process: a line of JSON on stdin makes a child that waits, the next line lets it go.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from affidavit.adapters.gcp.head import CloudStorageHead
from affidavit.adapters.gcp.objects import open_client

from affidavit.adapters.embedded.directory import Scratch
from affidavit.adapters.embedded.disk import Disk
from affidavit.adapters.embedded.keys import KeyFiles
from affidavit.adapters.gcp.storage import CloudStorageStore
from affidavit.audit.known import Admission
from affidavit.audit.listed_bodies import ListedBodies
from affidavit.audit.read_ahead import ReadAhead
from affidavit.audit.rounds import Rounds
from affidavit.audit.sequencer import Sequencer, Sequencing
from fakes.ledger import ORIGIN, RETENTION

TESTS = Path(__file__).parents[1]
EVIDENCE, LOG = "acme-evidence", "acme-log"
BODIES = {name: f"acme-body-{name}" for name in RETENTION}


class Forks:
    """The process that forks."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fakes.forked_sequencer"],
            cwd=TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def sequencer(self, url: str, root: Path, now: int) -> Child:
        """Return a sequencer that waits for `go`."""
        self._say(json.dumps({"url": url, "root": str(root), "now": now}))
        return Child(int(self._hear()), self)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@dataclass(frozen=True, slots=True)
class Child:
    """One sequencer process."""

    pid: int
    forks: Forks

    def go(self) -> None:
        self.forks._say("go")

    def wait(self) -> int:
        """Return its exit status, or minus the signal that ended it."""
        return int(self.forks._hear())


def _sequence(url: str, root: str, now: int) -> None:
    client = open_client(None, {"STORAGE_EMULATOR_HOST": url})
    scratch = Scratch(Path(root) / "tmp", Disk())
    sequencing = Sequencing(
        store=ReadAhead(CloudStorageStore(client, EVIDENCE)),
        has_body=ListedBodies({name: CloudStorageStore(client, bucket) for name, bucket in BODIES.items()}),
        heads=CloudStorageHead(client, LOG),
        signer=KeyFiles(Path(root), scratch=scratch, disk=Disk()).signer(ORIGIN),
        admit=lambda _: Admission(None),
        retention=RETENTION,
        random=os.urandom,
    )
    Rounds(Sequencer(sequencing), lambda: now, sleep=lambda _: None).run()


def _serve() -> None:
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        waits, goes = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(waits, 1)
            status = 1
            try:
                _sequence(**asked)
                status = 0
            finally:
                os._exit(status)
        print(child, flush=True)
        sys.stdin.readline()
        os.write(goes, b"!")
        _, ended = os.waitpid(child, 0)
        os.close(waits)
        os.close(goes)
        print(os.waitstatus_to_exitcode(ended), flush=True)


if __name__ == "__main__":
    _serve()
