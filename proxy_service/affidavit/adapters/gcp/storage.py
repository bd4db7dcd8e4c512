"""The evidence store and the log in buckets of Cloud Storage.

Evidence is created under names that are free (`ifGenerationMatch=0`) and is never replaced or deleted from here, nor is
its metadata used; whoever only creates needs `storage.objects.create` alone.

Source: architecture "Ports"; google-cloud "Cloud Storage"; C2SP tlog-tiles.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError
from google.cloud.storage import Client
from requests.adapters import HTTPAdapter

from affidavit.adapters.gcp.bucket import MAX_OBJECT, CloudBucket, Patience
from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.adapters.gcp.storage_failures import CREDENTIALS
from affidavit.errors import Conflict, Misconfigured, Unavailable

CHECKPOINT = "checkpoint"
CONNECTIONS = 32  # that stay open; requests keeps 10, and throws away what more threads have opened
_TURNS = 3  # a partial tile may be removed by another publisher between two requests
_EMULATOR = "STORAGE_EMULATOR_HOST"


class CloudStorageStore:
    """An `EvidenceStore`: one bucket.

    Args:
        client: From `open_client`.
        bucket: Its name.
        patience: How long requests are tried.
        longest: Bytes of the longest object that is read.
    """

    def __init__(
        self, client: Client, bucket: str, *, patience: Patience | None = None, longest: int = MAX_OBJECT
    ) -> None:
        self._bucket = CloudBucket(client, bucket, patience or Patience(), longest=longest)

    def create(self, objects: Mapping[str, bytes]) -> frozenset[str]:
        """Create all objects whose names are free, and return the names that were taken.

        An object whose answer was lost is among them when it was stored: the second attempt finds the first's.
        """
        made = self._bucket.side_by_side(lambda one: (one[0], self._bucket.create(*one)), objects.items())
        return frozenset(name for name, is_new in made if not is_new)

    def read(self, name: str) -> bytes | None:
        """Return the stored bytes, or None where there is no such object."""
        stored = self._bucket.read(name)
        return None if stored is None else stored.data

    def holds(self, name: str) -> bool:
        """Tell whether there is such an object, without reading it."""
        return self._bucket.holds(name)

    def names(self, prefix: str, start: str = "") -> Iterator[str]:
        """Yield the names under a prefix in byte order, from `start` on."""
        return self._bucket.names(prefix, start)


class CloudStorageHead:
    """A `HeadStore`: one bucket, laid out as C2SP tlog-tiles has it; arguments as for `CloudStorageStore`."""

    def __init__(self, client: Client, bucket: str, *, patience: Patience | None = None) -> None:
        self._name = bucket
        self._bucket = CloudBucket(client, bucket, patience or Patience())

    def head(self) -> bytes | None:
        """Return the newest checkpoint as it is stored, or None before the first."""
        stored = self._bucket.read(CHECKPOINT)
        return None if stored is None else stored.data

    def swap(self, old: bytes | None, new: bytes) -> None:
        """Replace the newest checkpoint, `old` being what `head` gave."""
        stored = self._bucket.read(CHECKPOINT)
        if (None if stored is None else stored.data) != old:
            raise Conflict("another checkpoint was put there meanwhile")
        generation = 0 if stored is None else stored.generation
        text = "text/plain; charset=utf-8"
        if not self._bucket.replace(CHECKPOINT, new, generation=generation, content_type=text):
            raise Conflict("another checkpoint was put there meanwhile")

    def tile(self, path: str) -> bytes | None:
        """Return a tile or entry bundle by its path, or None."""
        stored = self._bucket.read(path)
        return None if stored is None else stored.data

    def put_tiles(self, tiles: Mapping[str, bytes]) -> None:
        """Make tiles and entry bundles durable, path to body."""
        self._bucket.side_by_side(lambda one: self._put_tile(*one), tiles.items())

    def drop_partials(self, full: Iterable[str]) -> None:
        """Remove the partial tiles of these full ones; what cannot be removed is left."""
        of = frozenset(full)
        folders = {path.rpartition("/")[0] for path in of}
        with contextlib.suppress(Unavailable, Misconfigured):
            found = [name for folder in sorted(folders) for name in self._partials(f"{folder}/", of)]
            self._bucket.side_by_side(self._drop, found)

    def _put_tile(self, path: str, body: bytes) -> None:
        for _ in range(_TURNS):
            if self._bucket.create(path, body):
                return
            stored = self._bucket.read(path)
            if stored is not None and stored.data != body:
                raise Conflict(f"log/{path} holds other bytes; move it away, and it is derived again")
            if stored is not None:
                return
        raise Unavailable(f"log/{path} is there and gone again and again: more than one publisher is at work")

    def _partials(self, folder: str, of: frozenset[str]) -> Iterator[str]:
        """Yield the partial tiles of some full ones in a folder: one listing from the first to the last of them.

        Tiles become full one after another, so hardly anything else lies between; a listing costs as much as a write.
        """
        paths = [path for path in of if path.rpartition("/")[0] == folder.removesuffix("/")]
        end = f"{max(paths)}.p0"  # after all that begins with its name and `.p/`
        for name in takewhile(lambda name: name < end, self._bucket.names(folder, min(paths))):
            if name.rpartition(".p/")[0] in of:
                yield name

    def _drop(self, partial: str) -> None:
        with contextlib.suppress(Unavailable, Misconfigured):
            self._bucket.delete(partial)


def open_client(
    project: str | None, environment: Mapping[str, str], *, credentials: Credentials | None = None
) -> Client:
    """Return Google's client, of an emulator where `STORAGE_EMULATOR_HOST` says where; asks nothing of the network.

    Args:
        project: None where no request needs one.
        environment: Of the process.
        credentials: None: those that the environment gives.

    Raises:
        Misconfigured: There are no credentials, or an emulator is named on Cloud Run or not as an address.
    """
    refuse_emulators(environment)
    emulator = environment.get(_EMULATOR)
    if emulator and not emulator.startswith(("http://", "https://")):
        raise Misconfigured(f"{_EMULATOR} must be an address that begins with http://")
    try:
        client = _open_emulator(emulator) if emulator else Client(project=project, credentials=credentials)
    except DefaultCredentialsError as error:
        raise Misconfigured(f"there are no Google credentials: {CREDENTIALS}") from error
    # For its traces the client asks for each bucket's metadata in a thread of its own, traces or not, which writers may
    # not read. Seen in 3.17; tests/contracts/test_storage_requests.py.
    client._bucket_metadata_cache = None  # noqa: SLF001
    session = client._http  # noqa: SLF001  where Google's documents say how to size the pool
    if not session.is_mtls:
        session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS))
        session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    # Without this each request looks for proxies in the environment: a sixth of its processor time (measured).
    session.trust_env = "K_SERVICE" not in environment
    return client


def _open_emulator(address: str) -> Client:
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return Client(project="emulator", credentials=nobody, client_options={"api_endpoint": address})
