"""A `HeadStore` in a bucket: `checkpoint`, which moves by generations, and `tile/…`, which do not.

The layout is C2SP tlog-tiles, so the bucket can be served as it is. Never reads what a checkpoint says.

Source: architecture "Ports" (`HeadStore`); C2SP tlog-tiles; google-cloud "Cloud Storage" (one write a second a name).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

from google.cloud.storage import Client

from affidavit.adapters.gcp.objects import Objects
from affidavit.adapters.gcp.storage import CloudStorageStore
from affidavit.errors import Conflict, Unavailable

CHECKPOINT = "checkpoint"


class CloudStorageHead:
    """The log's bucket.

    Args:
        client: From `open_client`.
        bucket: Its name.
    """

    def __init__(self, client: Client, bucket: str) -> None:
        self._objects = Objects(client, bucket)
        self._tiles = CloudStorageStore(client, bucket)

    def head(self) -> bytes | None:
        """Return the newest checkpoint as it is stored, or None before the first."""
        found = self._objects.read(CHECKPOINT)
        return None if found is None else found[0]

    def swap(self, old: bytes | None, new: bytes) -> None:
        """Replace the newest checkpoint, `old` being what `head` gave.

        An update too soon after another one is tried again until `objects.DEADLINE`.
        """
        stored, generation = self._objects.read(CHECKPOINT) or (None, 0)
        if stored != old:
            raise Conflict("another checkpoint was put there meanwhile")
        # Where the answer to an upload was lost, the client has tried again and met its own bytes.
        if not self._objects.insert(CHECKPOINT, new, generation=generation) and self.head() != new:
            raise Conflict("another checkpoint was put there meanwhile")

    def tile(self, path: str) -> bytes | None:
        """Return a tile or entry bundle by its path, or None."""
        return self._tiles.read(path)

    def put_tiles(self, tiles: Mapping[str, bytes]) -> None:
        """Make tiles and entry bundles durable, path to body."""
        for path in sorted(self._tiles.create(tiles)):
            if self._tiles.read(path) != tiles[path]:
                raise Conflict(f"log/{path} holds other bytes; move it away, and it is derived again")

    def drop_partials(self, full: Iterable[str]) -> None:
        """Remove the partial tiles of these full ones; what cannot be removed is left."""
        with contextlib.suppress(Unavailable):
            for path in full:
                for partial in list(self._tiles.names(f"{path}.p/")):
                    self._objects.remove(partial)
