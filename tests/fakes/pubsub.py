"""Both ends of Pub/Sub: a server that fails as it is told, and a subscription that shows what was delivered."""

from __future__ import annotations

import time
from collections.abc import Iterable

import grpc
from google.pubsub_v1 import PublisherClient, PublishRequest, PublishResponse, PubsubMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import ListTopicSubscriptionsResponse

from affidavit.evidence.ports import EvidenceObject
from fakes.failing_server import UNLIMITED, FailingServer, Fault

DELIVERED_S = 30  # until what was published must have been delivered


def delivered(message: PubsubMessage) -> EvidenceObject:
    """Return the object that a message is."""
    attributes = dict(message.attributes)
    assert attributes.pop("v") == "1"
    assert message.ordering_key == ""
    return EvidenceObject(
        attributes.pop("bucket"), attributes.pop("class"), attributes.pop("name"), bytes(message.data), **attributes
    )


class PublishServer(FailingServer):
    """Takes what is published like Pub/Sub, or fails as a test wants."""

    def __init__(self) -> None:
        self.requests: list[PublishRequest] = []
        self.headers: list[dict[str, str | bytes]] = []
        self.taken: list[EvidenceObject] = []
        super().__init__(self._take)

    @property
    def environment(self) -> dict[str, str]:
        return {"PUBSUB_EMULATOR_HOST": self.address}

    def _next_fault(self, call: grpc.HandlerCallDetails, request: bytes) -> Fault | None:
        self.requests.append(PublishRequest.deserialize(request))
        self.headers.append(dict(call.invocation_metadata))
        return super()._next_fault(call, request)

    def _take(self, call: grpc.HandlerCallDetails, request: bytes) -> Iterable[bytes]:
        if call.method.endswith("/ListTopicSubscriptions"):
            answer = ListTopicSubscriptionsResponse(subscriptions=["projects/p/subscriptions/s"])
            return [ListTopicSubscriptionsResponse.serialize(answer)]
        messages = PublishRequest.deserialize(request).messages
        self.taken += [delivered(one) for one in messages]
        return [PublishResponse.serialize(PublishResponse(message_ids=["1"] * len(messages)))]


class Subscription:
    """A pull subscription of a topic, both made for the test unless the topic is there.

    Args:
        address: The emulator's, or None for Google's own.
    """

    def __init__(self, topic: str, name: str, address: str | None) -> None:
        self.topic = topic
        self.name = name
        if address is None:
            self._publisher, self._subscriber = PublisherClient(), SubscriberClient()
        else:
            self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=_channel(address)))
            self._subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=_channel(address)))
            self._publisher.create_topic(name=topic)
        self._subscriber.create_subscription(name=name, topic=topic)

    @property
    def channel(self) -> grpc.Channel:
        """The connection to Pub/Sub."""
        return self._publisher.transport.grpc_channel

    def drain(self, count: int) -> list[EvidenceObject]:
        """Wait until that many different objects were delivered, and return all that were.

        Raises:
            AssertionError: Not in time.
        """
        ends = time.monotonic() + DELIVERED_S
        found: list[EvidenceObject] = []
        while len(set(found)) < count:
            assert time.monotonic() < ends, f"{len(set(found))} of {count} objects were delivered"
            answer = self._subscriber.pull(subscription=self.name, max_messages=100, timeout=DELIVERED_S)
            found += [delivered(one.message) for one in answer.received_messages]
            acknowledged = [one.ack_id for one in answer.received_messages]
            if acknowledged:
                self._subscriber.acknowledge(subscription=self.name, ack_ids=acknowledged)
        return found

    def close(self) -> None:
        self._subscriber.delete_subscription(subscription=self.name)
        self._subscriber.transport.close()
        self._publisher.transport.close()


def _channel(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address, options=UNLIMITED)
