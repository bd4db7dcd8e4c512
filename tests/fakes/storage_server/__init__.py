"""A strict Cloud Storage for tests: it enforces what no emulator does, and fails as it is told."""

from fakes.storage_server.laws import Buckets, Denied
from fakes.storage_server.server import Fault, StorageServer

__all__ = ["Buckets", "Denied", "Fault", "StorageServer"]
