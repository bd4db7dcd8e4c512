"""A Firestore database for one test, and a server before it that fails as it is told."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

import grpc
from google.api_core import grpc_helpers
from google.cloud.firestore import Client

from affidavit.adapters.gcp.firestore import open_database
from fakes.emulators import Emulator
from fakes.failing_server import UNLIMITED, FailingServer, Fault, forward_to
from fakes.real_project import told

VARIABLE = "FIRESTORE_EMULATOR_HOST"
_SCOPE = "https://www.googleapis.com/auth/datastore"
_ROUTING = ("google-cloud-resource-prefix", "x-goog-request-params")


@dataclass(slots=True)
class Database:
    """Where a database is; each `open` is like another process's.

    Attributes:
        emulator: host:port, or nothing for Google's own.
    """

    project: str
    name: str
    emulator: str
    opened: list[Client] = field(default_factory=list)
    servers: list[FailingServer] = field(default_factory=list)

    @classmethod
    def of(cls, emulator: Emulator | None) -> Database:
        """Return an empty database of an emulator, or the real project's."""
        if emulator is None:
            return cls(told("PROJECT"), told("DATABASE"), "")
        return cls(f"test-{uuid.uuid4()}", "(default)", emulator.address)

    def open(self) -> Client:
        """Connect to it."""
        client = open_database(self.project, self.name, {VARIABLE: self.emulator})
        self.opened.append(client)
        return client

    def open_failing(self, fault: Fault, times: float, *, method: str = "") -> Client:
        """Connect to it through a server that fails."""
        server = FailingServer(self._forward())
        server.fail(fault, times, method=method)
        self.servers.append(server)
        client = open_database(self.project, self.name, {VARIABLE: server.address})
        self.opened.append(client)
        return client

    def close(self) -> None:
        for client in self.opened:
            client.close()
        for server in self.servers:
            server.stop()

    def _forward(self):
        if self.emulator:
            channel = grpc.insecure_channel(self.emulator, options=UNLIMITED)
            return forward_to(channel, headers=[*_ROUTING, "authorization"])
        channel = grpc_helpers.create_channel("firestore.googleapis.com:443", default_scopes=[_SCOPE])
        return forward_to(channel, headers=_ROUTING)
