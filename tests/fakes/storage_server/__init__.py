"""A Cloud Storage server that keeps the laws of the real one: what no emulator enforces is refused here as it is there.

Retention and its lock, generations, preconditions on every verb, one change a second of one name, checksums and
permissions; with faults as tests want them, each not persisted or persisted with its answer lost. Google's own client
talks to it. `python -m fakes.storage_server --port N` runs it as a process; `GET /_internal/requests` tells what it has
answered.

Source: Cloud Storage JSON API v1; google-cloud "Cloud Storage".
"""

from fakes.storage_server.faults import Fault, Seen
from fakes.storage_server.server import StorageServer

__all__ = ["Fault", "Seen", "StorageServer"]
