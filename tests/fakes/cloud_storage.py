"""Cloud Storage as the contracts see it: our strict server, fake-gcs-server, and a real project where there is one."""

from __future__ import annotations

import contextlib
import itertools
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from google.cloud.storage import Client

from affidavit.adapters.gcp.bucket import Patience
from affidavit.adapters.gcp.storage import CloudStorageHead, CloudStorageStore, open_client
from fakes.real_project import told
from fakes.storage_server import StorageServer

START = 1_795_350_357.0  # seconds since 1970
ANSWER_S = 30.0  # so that a busy machine fails no test

_numbers = itertools.count(1)


class Clock:
    """Moves only when somebody waits for it."""

    def __init__(self) -> None:
        self.seconds = START

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(slots=True)
class Strict:
    """The strict server and a client of it, on one clock; `evidence` and `log` are buckets."""

    server: StorageServer
    clock: Clock
    client: Client
    patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self.patience = Patience(ticks=self.clock, sleep=self.clock.sleep, answer_s=ANSWER_S)
        for bucket in ("evidence", "log"):
            self.server.make_bucket(bucket)

    @property
    def store(self) -> CloudStorageStore:
        return CloudStorageStore(self.client, "evidence", patience=self.patience)

    @property
    def heads(self) -> CloudStorageHead:
        return CloudStorageHead(self.client, "log", patience=self.patience)


@contextlib.contextmanager
def strict_storage() -> Iterator[Strict]:
    clock = Clock()
    with StorageServer(now=clock) as server:
        yield Strict(server, clock, open_client(None, {"STORAGE_EMULATOR_HOST": server.url}))


@pytest.fixture
def strict() -> Iterator[Strict]:
    with strict_storage() as made:
        yield made


class Beneath:
    """An `EvidenceStore` beneath a prefix of another: in a locked bucket no name comes free again."""

    def __init__(self, store: CloudStorageStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def create(self, objects: Mapping[str, bytes]) -> frozenset[str]:
        taken = self._store.create({self._prefix + name: data for name, data in objects.items()})
        return frozenset(name.removeprefix(self._prefix) for name in taken)

    def read(self, name: str) -> bytes | None:
        return self._store.read(self._prefix + name)

    def holds(self, name: str) -> bool:
        return self._store.holds(self._prefix + name)

    def names(self, prefix: str, start: str = "") -> Iterator[str]:
        for name in self._store.names(self._prefix + prefix, self._prefix + start):
            yield name.removeprefix(self._prefix)


def store_of(kind: str, request: pytest.FixtureRequest) -> CloudStorageStore | Beneath:
    """Return an empty evidence store: `strict`, `fake-gcs` or `project`."""
    if kind == "strict":
        return request.getfixturevalue("strict").store
    if kind == "fake-gcs":
        return CloudStorageStore(*_new_bucket(request.getfixturevalue("fake_gcs_server")))
    return Beneath(CloudStorageStore(_project(), told("EVIDENCE_BUCKET")), f"contracts/{uuid.uuid4()}/")


def heads_of(kind: str, request: pytest.FixtureRequest) -> CloudStorageHead:
    """Return an empty log; what is in the project's log bucket is removed."""
    if kind == "strict":
        return request.getfixturevalue("strict").heads
    if kind == "fake-gcs":
        return CloudStorageHead(*_new_bucket(request.getfixturevalue("fake_gcs_server")))
    client = _project()
    for blob in client.list_blobs(told("LOG_BUCKET")):
        blob.delete()
    return CloudStorageHead(client, told("LOG_BUCKET"))


def _new_bucket(url: str) -> tuple[Client, str]:
    client = open_client(None, {"STORAGE_EMULATOR_HOST": url})
    name = f"contracts-{os.getpid()}-{next(_numbers)}"
    client.create_bucket(name)
    return client, name


def _project() -> Client:
    return open_client(told("PROJECT"), os.environ)
