"""`python -m fakes.storage_server --port N`: serves until it is told to stop; what is stored is gone then."""

from __future__ import annotations

import argparse
import contextlib
import signal

from fakes.storage_server.server import StorageServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fakes.storage_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with StorageServer(port=parser.parse_args().port) as server, contextlib.suppress(KeyboardInterrupt):
        print(server.url, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
