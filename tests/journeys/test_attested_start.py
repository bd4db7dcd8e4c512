"""A gateway's key is attested before anything of it is written (evidence-format section 3, `attestation`)."""

import hashlib
import json
import os
from base64 import b64decode
from functools import partial

import pytest

from affidavit.adapters.gcp import metadata
from affidavit.clock import system_clock
from affidavit.errors import Unavailable
from affidavit.identity.id_token import UnverifiedToken
from affidavit.policy.document import load
from affidavit.wiring.credentials import open_credentials
from affidavit.wiring.gateway import Ports, open_gateway
from fakes.bus import MemoryBus
from fakes.definitions import MemoryLedger
from fakes.gateway_house import House
from fakes.metadata_server import MetadataServer
from fakes.revocations import MemoryRevocations
from fakes.scripted_upstream import ScriptedUpstream
from fakes.stores import MemoryStore

ACCOUNT = "acme-gateway@acme.iam.gserviceaccount.com"


class Start:
    """What a gateway starts with, and what is left of it."""

    def __init__(self, folder, upstream, server, address):
        house = House(folder, upstream)
        house.prepare()
        self.server, self.store, self.bus = server, MemoryStore(), MemoryBus()
        self.configuration = load(house.configuration, house.configuration.read_bytes())
        self.ports = Ports(
            bus=lambda _: self.bus,
            evidence=self.store,
            ledger=MemoryLedger(),
            revocations=MemoryRevocations(),
            credentials=open_credentials(self.configuration.upstreams, {}, system_clock),
            secret=os.urandom(32),
            clock=system_clock,
            random=os.urandom,
            attest=partial(metadata.attestation, {"GCE_METADATA_HOST": address}),
        )

    async def open(self):
        return await open_gateway(self.configuration, self.ports, loopback=True, port=8080)


@pytest.fixture
def start(tmp_path):
    server = MetadataServer(ACCOUNT)
    with ScriptedUpstream("echo") as upstream, server.serving() as address:
        yield Start(tmp_path, upstream, server, address)


async def test_a_registration_ties_its_key_to_the_account(start):
    gateway = await start.open()
    await gateway.close()

    (name,) = start.store.names("")
    registration = json.loads(start.store.read(name))
    claims = UnverifiedToken.read(registration["attestation"]).claims
    key = b64decode(registration["public_key"])
    assert (claims["aud"], claims["email"]) == (f"affidavit:{hashlib.sha256(key).hexdigest()}", ACCOUNT)


async def test_nothing_is_written_of_a_key_that_nobody_attests(start, monkeypatch):
    monkeypatch.setattr(metadata, "PAUSE", 0.0)
    start.server.failing = 503

    with pytest.raises(Unavailable, match="no identity token"):
        await start.open()
    assert list(start.store.names("")) == []
    assert start.bus.durable == []
