"""Messages that were delivered in vain, published once more on the topic that they came from.

One is acknowledged only when it is published again, so it is always in at least one of the two. It may be published
twice then, which is harmless: names hold their content's hash. Never changes a byte of it.

Source: Pub/Sub "Handle message failures" (attributes that forwarding adds), "Pull subscriptions".
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import grpc
from google.api_core.exceptions import (
    DeadlineExceeded,
    GoogleAPICallError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    RetryError,
    Unauthenticated,
)
from google.auth.exceptions import DefaultCredentialsError
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage

from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.errors import Misconfigured, Unavailable

BATCH = 100  # messages of one pull, and less than their lease is long to publish
REQUEST_BYTES = 9_000_000  # Pub/Sub takes 10 MB a request, names and framing in it
OVERHEAD = 1_024  # bytes of a message beside its data, about
DEADLINE = 60.0  # seconds for a request other than a pull
WAIT = 2.0  # seconds that a pull may wait for a message
EMPTY = 2  # pulls without one, after which there is none: Pub/Sub may hold some back for a moment

_ADDED = ("CloudPubSubDeadLetterSource", "googclient_")  # what attributes begin with that nobody published
_WRONG = (InvalidArgument, NotFound, PermissionDenied, Unauthenticated)
_UNLIMITED = (("grpc.max_receive_message_length", -1),)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One message, as people look for it.

    Attributes:
        id: Of the message in the dead-letter topic.
        bucket, name: What object it says it is, unchecked.
        size: Bytes of it.
        attempts: How often it was delivered in vain; None where that is not said.
    """

    id: str
    bucket: str
    name: str
    size: int
    attempts: int | None


class DeadLetters:
    """What lies in a dead-letter subscription.

    Args:
        subscriber, publisher: Google's clients.
        subscription: `projects/P/subscriptions/S`.
        topic: Where its messages come from and go: `projects/P/topics/T`.
        wait: Seconds that a pull may wait for a message.
    """

    def __init__(
        self,
        subscriber: SubscriberClient,
        publisher: PublisherClient,
        *,
        subscription: str,
        topic: str,
        wait: float = WAIT,
    ) -> None:
        self._subscriber = subscriber
        self._publisher = publisher
        self._subscription = subscription
        self._topic = topic
        self._wait = wait

    def redrive(self) -> Iterator[DeadLetter]:
        """Publish each again, acknowledge it, and tell it, until there is none.

        Raises:
            Misconfigured: The subscription or the topic is not there, or may not be used; or what is published on that
                topic would be lost, or come here again at once.
            Unavailable: Pub/Sub does not answer; what was not told is still there.
        """
        self._check_topic()
        for batch in self._batches():
            left = [one.ack_id for one in batch]
            try:
                for part in _parts(batch):
                    self._publish(part)
                    self._acknowledge(part)
                    left = left[len(part) :]
                    yield from map(_letter, part)
            finally:
                with suppress(Unavailable, Misconfigured):  # then their lease runs out
                    self._release(left)

    def look(self) -> Generator[DeadLetter, None, None]:
        """Tell what is there, each once, and leave it there; raises as `redrive` does."""
        seen: dict[str, str] = {}
        try:
            for batch in self._batches(new=lambda one: one.message.message_id not in seen):
                for one in batch:
                    known = one.message.message_id in seen
                    seen[one.message.message_id] = one.ack_id
                    if not known:
                        yield _letter(one)
        finally:
            with suppress(Unavailable, Misconfigured):  # then their lease runs out; what was seen is told all the same
                self._release(list(seen.values()))

    def _check_topic(self) -> None:
        # A topic that nobody is subscribed to swallows messages, and here they are acknowledged then.
        with _translated(self._topic):
            subscriptions = set(self._publisher.list_topic_subscriptions(topic=self._topic, timeout=DEADLINE))
        if not subscriptions:
            raise Misconfigured(
                f"{self._topic} is not there, or nothing is subscribed to it: what is published is lost"
            )
        if self._subscription in subscriptions:
            raise Misconfigured(f"{self._topic} is where the dead letters are; name the topic that they came from")

    def _batches(self, new: Callable[[ReceivedMessage], bool] = lambda _: True) -> Iterator[Sequence[ReceivedMessage]]:
        empty = 0
        while empty < EMPTY:
            batch = self._pull()
            empty = 0 if any(map(new, batch)) else empty + 1
            yield batch

    def _pull(self) -> Sequence[ReceivedMessage]:
        with _translated(self._subscription):
            try:
                answer = self._subscriber.pull(
                    subscription=self._subscription, max_messages=BATCH, timeout=self._wait, retry=None
                )
            except DeadlineExceeded:
                return ()
            return list(answer.received_messages)

    def _publish(self, part: Sequence[ReceivedMessage]) -> None:
        messages = [PubsubMessage(data=one.message.data, attributes=_attributes(one.message)) for one in part]
        with _translated(self._topic):
            self._publisher.publish(topic=self._topic, messages=messages, timeout=DEADLINE)

    def _acknowledge(self, part: Sequence[ReceivedMessage]) -> None:
        with _translated(self._subscription):
            self._subscriber.acknowledge(
                subscription=self._subscription, ack_ids=[one.ack_id for one in part], timeout=DEADLINE
            )

    def _release(self, ack_ids: list[str]) -> None:
        with _translated(self._subscription):
            for start in range(0, len(ack_ids), BATCH):
                self._subscriber.modify_ack_deadline(
                    subscription=self._subscription,
                    ack_ids=ack_ids[start : start + BATCH],
                    ack_deadline_seconds=0,
                    timeout=DEADLINE,
                )


def open_subscriber(environment: Mapping[str, str]) -> SubscriberClient:
    """Connect to Pub/Sub, or to its emulator where `PUBSUB_EMULATOR_HOST` says where.

    Raises:
        Misconfigured: There are no credentials, or an emulator is named on Cloud Run.
    """
    refuse_emulators(environment)
    if emulator := environment.get("PUBSUB_EMULATOR_HOST"):
        channel = grpc.insecure_channel(emulator, options=_UNLIMITED)
        return SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    try:
        return SubscriberClient()
    except DefaultCredentialsError as error:
        raise Misconfigured("there are no Google credentials: run `gcloud auth application-default login`") from error


def _parts(batch: Sequence[ReceivedMessage]) -> Iterator[list[ReceivedMessage]]:
    """Yield what fits in one request to publish."""
    part: list[ReceivedMessage] = []
    size = 0
    for one in batch:
        more = len(one.message.data) + OVERHEAD
        if part and size + more > REQUEST_BYTES:
            yield part
            part, size = [], 0
        part.append(one)
        size += more
    if part:
        yield part


def _attributes(message: PubsubMessage) -> dict[str, str]:
    return {name: value for name, value in message.attributes.items() if not name.startswith(_ADDED)}


def _letter(received: ReceivedMessage) -> DeadLetter:
    attributes = received.message.attributes
    attempts = attributes.get("CloudPubSubDeadLetterSourceDeliveryCount", "")
    return DeadLetter(
        id=received.message.message_id,
        bucket=attributes.get("bucket", ""),
        name=attributes.get("name", ""),
        size=len(received.message.data),
        attempts=int(attempts) if attempts.isdecimal() else None,
    )


@contextmanager
def _translated(resource: str) -> Iterator[None]:
    try:
        yield
    except _WRONG as error:
        raise Misconfigured(
            f"{resource} is not there, or this account may not use it ({type(error).__name__})"
        ) from error
    except (GoogleAPICallError, RetryError) as error:
        raise Unavailable(f"Pub/Sub does not answer for {resource} ({type(error).__name__})") from error
