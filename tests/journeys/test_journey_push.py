"""From the gateway's bus through Pub/Sub's push into the function's buckets, and back from the dead letters.

google-cloud "Pub/Sub": a function behind an explicit push subscription; a dead-letter topic with its own subscription.
"""

from __future__ import annotations

import time

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from affidavit.adapters.gcp.pubsub import PubSubBus, open_publisher
from affidavit.wiring.redrive import open_dead_letters
from fakes.functions import serving
from fakes.ledger import ORIGIN, Ledger
from fakes.storage_server import StorageServer
from fakes.stores import MemoryHead, memory_stores

EVIDENCE, BODIES, QUARANTINE = "acme-evidence", "acme-body-standard", "acme-quarantine"
PROJECT = "projects/push-journey"
TOPIC, DEAD_TOPIC = f"{PROJECT}/topics/acme-evidence", f"{PROJECT}/topics/acme-evidence-dead"
PUSHED, DEAD = f"{PROJECT}/subscriptions/acme-evidence-write", f"{PROJECT}/subscriptions/acme-evidence-dead"
STORED_S = 30


class House:
    """The topic with its push subscription, its dead letters, and the buckets behind the function."""

    def __init__(self, emulator, storage, function, root):
        self.environment, self.storage = emulator.environment, storage
        channel = grpc.insecure_channel(emulator.address)
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        for topic in (TOPIC, DEAD_TOPIC):
            publisher.create_topic(name=topic)
        subscriber.create_subscription(
            request={"name": PUSHED, "topic": TOPIC, "push_config": {"push_endpoint": function.url}}
        )
        subscriber.create_subscription(name=DEAD, topic=DEAD_TOPIC)
        self.gateway = Ledger(root, stores=memory_stores(), heads=MemoryHead()).gateway()
        one = self.gateway.registration
        storage.buckets.insert(EVIDENCE, {"name": one.name}, one.data, {})
        self.channel = channel

    def publish(self, objects, topic=TOPIC):
        bus = PubSubBus(open_publisher(self.environment), topic, evidence=None, bodies=None)
        bus.publish(objects)
        bus.close()

    def await_stored(self, objects):
        ends = time.monotonic() + STORED_S
        while not all(self.stored(one) == one.data for one in objects):
            assert time.monotonic() < ends, "not everything that was published is stored"
            time.sleep(0.05)

    def stored(self, one):
        held = self.storage.buckets.bucket(EVIDENCE if one.bucket == "evidence" else BODIES).objects.get(one.name)
        return None if held is None else held.data


@pytest.fixture
def house(pubsub_emulator, tmp_path):
    with StorageServer() as storage:
        for name in (EVIDENCE, BODIES, QUARANTINE):
            storage.make_bucket(name, retention_s=86_400)
        environment = {
            "STORAGE_EMULATOR_HOST": storage.url,
            "AFFIDAVIT_ORIGIN": ORIGIN,
            "AFFIDAVIT_EVIDENCE_BUCKET": EVIDENCE,
            "AFFIDAVIT_BODY_BUCKETS": f"standard={BODIES}",
            "AFFIDAVIT_QUARANTINE_BUCKET": QUARANTINE,
        }
        with serving("write_evidence", environment, tmp_path) as function:
            house = House(pubsub_emulator, storage, function, tmp_path)
            yield house
            house.channel.close()


def test_what_is_published_is_stored_and_so_is_what_comes_back_from_the_dead_letters(house):
    first = house.gateway.seal()
    house.publish(first)
    house.await_stored(first)
    house.gateway.call()
    second = house.gateway.seal()
    house.publish(second, topic=DEAD_TOPIC)

    letters = open_dead_letters(house.environment, subscription=DEAD, topic=TOPIC, wait=0.3)
    assert {one.name for one in letters.redrive()} == {one.name for one in second}
    house.await_stored(second)
    assert not house.storage.buckets.bucket(QUARANTINE).objects
