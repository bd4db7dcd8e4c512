"""Runs the server as a process; the first line that it prints is its port."""

import argparse
import contextlib
import signal
from pathlib import Path

from fakes.storage_server.folder import kept_in
from fakes.storage_server.server import StorageServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fakes.storage_server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep the buckets here; in memory otherwise")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with StorageServer(port=arguments.port) as server, contextlib.ExitStack() as until_the_end:
        if arguments.folder:
            until_the_end.enter_context(kept_in(arguments.folder, server.buckets))
        print(server.port, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
