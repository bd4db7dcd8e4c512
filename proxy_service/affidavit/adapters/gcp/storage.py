"""An `EvidenceStore` in a bucket: objects are created, never replaced, and several go side by side.

Never removes or replaces an object, never reads in order to write.

Source: architecture "Ports"; evidence-format sections 1 and 2; google-cloud "Cloud Storage" (`ifGenerationMatch=0`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait

from google.cloud.storage import Client

from affidavit.adapters.gcp.objects import CONNECTIONS, Objects
from affidavit.errors import Malformed
from affidavit.evidence.names import OBJECT_NAME

MAX_NAME = 1024  # bytes; the JSON API's limit


class CloudStorageStore:
    """One bucket of evidence, bodies or what is in quarantine.

    Args:
        client: From `open_client`.
        bucket: Its name.
    """

    def __init__(self, client: Client, bucket: str) -> None:
        self._objects = Objects(client, bucket)
        self._aside = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="storage")  # threads come when they are needed

    def create(self, objects: Mapping[str, bytes]) -> frozenset[str]:
        """Create all objects whose names are free, and return the names that were taken."""
        for name in objects:
            _check(name)
        if len(objects) == 1:
            return frozenset(name for name, data in objects.items() if not self._insert(name, data))
        created = {name: self._aside.submit(self._insert, name, data) for name, data in objects.items()}
        wait(created.values())  # whatever became of the others: each is whole or not there
        return frozenset(name for name, future in created.items() if not future.result())

    def read(self, name: str) -> bytes | None:
        """Return the stored bytes, or None where there is no such object."""
        found = self._objects.read(_check(name))
        return None if found is None else found[0]

    def holds(self, name: str) -> bool:
        """Tell whether there is such an object, without reading it."""
        return self._objects.holds(_check(name))

    def names(self, prefix: str, start: str = "") -> Iterator[str]:
        """Yield the names under a prefix in byte order, from `start` on."""
        return self._objects.names(prefix, start)

    def _insert(self, name: str, data: bytes) -> bool:
        return self._objects.insert(name, data, generation=0)


def _check(name: str) -> str:
    if len(name) > MAX_NAME or not OBJECT_NAME.fullmatch(name):
        raise Malformed(f"not a name that an object may have: {name[:MAX_NAME]!r}", code="bad_name")
    return name
