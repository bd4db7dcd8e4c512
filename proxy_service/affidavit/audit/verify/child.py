"""What a process of the pool runs: tasks in, results out, until its input ends.

Never prints; whoever started it speaks for both.
"""

from __future__ import annotations

import contextlib
import marshal
import signal
import sys
from typing import IO

from affidavit.audit.verify.pool import read_message, write_message
from affidavit.audit.verify.tasks import Tasks


def main(source: IO[bytes], target: IO[bytes]) -> None:
    """Do jobs until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a keyboard's interrupt is for the process that started this one
    setup = read_message(source)
    if setup is None:
        return
    tasks = Tasks.of(*marshal.loads(setup))  # noqa: S302 from the process that started this one
    while (job := read_message(source)) is not None:
        results = [tasks.do(task) for task in marshal.loads(job)]  # noqa: S302
        write_message(target, marshal.dumps(results))


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # whoever started this one has ended
        main(sys.stdin.buffer, sys.stdout.buffer)
