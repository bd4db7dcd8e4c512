"""Runs the sequencer over a data folder until nothing is left to commit, as the worker does after a long pause.

`python -m performance.sequencing DATA ORIGIN` prints one JSON object: leaves, commits' runs, seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from affidavit.adapters.embedded.directory import DirectoryStore, Scratch
from affidavit.adapters.embedded.disk import Disk
from affidavit.adapters.embedded.head import DirectoryHead
from affidavit.adapters.embedded.keys import KeyFiles
from affidavit.audit.known import Admission
from affidavit.audit.sequencer import Sequencer, Sequencing
from affidavit.clock import system_clock

RETENTION = {"standard": 400}


def sequencer(data: Path, origin: str) -> Sequencer:
    """The sequencer of one data folder, over the real disk; every writer is admitted."""
    disk = Disk()
    for folder in ("tmp", "evidence", "bodies", "log"):
        (data / folder).mkdir(exist_ok=True)
    scratch = Scratch(data / "tmp", disk)
    bodies = {name: DirectoryStore(data / "bodies" / name, scratch=scratch, disk=disk) for name in RETENTION}
    return Sequencer(
        Sequencing(
            store=DirectoryStore(data / "evidence", scratch=scratch, disk=disk),
            has_body=lambda retention_class, name: bodies[retention_class].holds(name),
            heads=DirectoryHead(data / "log", lock=data / "log.lock", scratch=scratch, disk=disk),
            signer=KeyFiles(data, scratch=scratch, disk=disk).signer(origin),
            admit=lambda _registration: Admission(None),
            retention=RETENTION,
            random=os.urandom,
        )
    )


def main() -> None:
    data, origin = Path(sys.argv[1]), sys.argv[2]
    began = time.perf_counter()
    log = sequencer(data, origin)
    leaves = runs = 0
    while added := log.run(system_clock()):
        leaves += added
        runs += 1
    print(json.dumps({"leaves": leaves, "runs": runs, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
