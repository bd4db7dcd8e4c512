"""A `Bus` over Pub/Sub: one message is one object, and a segment with its bodies is one request.

The raw publish call, without the client library's batching publisher, which holds messages back and loses what it holds
at exit. Never reads a message.

Source: evidence-format section 6; google-cloud "Pub/Sub"; architecture "Group commit".
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlencode

import grpc
from google.auth.exceptions import DefaultCredentialsError
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PublishRequest, PubsubMessage

from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.errors import Misconfigured, OutcomeUnknown, Unavailable
from affidavit.evidence.ports import EvidenceObject, EvidenceStore

DEADLINE = 2.0  # seconds for one publish, retries in it; architecture "Group commit"
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds between attempts within it
LARGE = 7 * 1024 * 1024  # bytes; what is larger never sees the bus (evidence-format section 6)
REQUEST_BYTES = 9_000_000  # Pub/Sub takes 10 MB a request, names and framing in it
MESSAGE_OVERHEAD = 256  # bytes of a message beside its data and its name
IN_FLIGHT_BYTES = 64 * 1024 * 1024  # what may be on its way at once; more is refused, not queued
PATIENCE = 10.0  # seconds of failure after which objects go straight to their buckets; architecture "Group commit"
TRIAL_EVERY, TRIAL_DEADLINE = 5.0, 0.5  # seconds; how often, and how long, Pub/Sub is tried again meanwhile

_PUBLISH = "/google.pubsub.v1.Publisher/Publish"
_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),  # the generated client's
    ("grpc.keepalive_timeout_ms", 5_000),  # and how long what was sent may stay unacknowledged, before it connects anew
    # It tries a broken connection again soon, and for ever: by default it would after two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # that one attempt may take
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
_Code = grpc.StatusCode
_TRANSIENT = frozenset(
    {_Code.ABORTED, _Code.CANCELLED, _Code.INTERNAL, _Code.RESOURCE_EXHAUSTED, _Code.UNAVAILABLE, _Code.UNKNOWN}
)
_MENDS: Mapping[Any, str] = {  # what certainly was not taken, and what to do about it
    _Code.NOT_FOUND: "the evidence topic is not there: create it (terraform/gateway does), with its subscription",
    _Code.PERMISSION_DENIED: "this account may not publish: grant it roles/pubsub.publisher on the topic",
    _Code.UNAUTHENTICATED: "the credentials are not accepted: run as the gateway's own service account",
    _Code.INVALID_ARGUMENT: "the message is refused: the topic may have neither a schema nor message transforms",
    _Code.FAILED_PRECONDITION: "the topic takes no messages: look at its state and its encryption key",
    _Code.RESOURCE_EXHAUSTED: "the project's publish quota is used up: raise it",
}
_diagnostics = logging.getLogger("affidavit.bus")


class PubSubBus:
    """The bus of one process; what Pub/Sub cannot take goes straight to its bucket.

    Args:
        publisher: From `open_publisher`; closed with the bus.
        topic: `projects/P/topics/T`.
        evidence: The evidence bucket.
        bodies: The bucket of a retention class.
        ticks: Seconds since some moment.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        publisher: PublisherClient,
        topic: str,
        *,
        evidence: EvidenceStore,
        bodies: Callable[[str], EvidenceStore],
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._topic = _Topic(publisher, topic, ticks, sleep)
        self._evidence = evidence
        self._bodies = bodies
        self._ticks = ticks
        self._failing_since: float | None = None
        self._next_trial = float("-inf")
        self._goes_around = False
        self._created: set[EvidenceObject] = set()
        self._lock = threading.Lock()
        self._in_flight = 0

    def publish(self, objects: Sequence[EvidenceObject]) -> None:
        """See `Bus.publish`."""
        with self._room(sum(len(one.data) for one in objects)):
            if self._failing_since is None or self._ticks() - self._failing_since < PATIENCE:
                self._go_through(objects, DEADLINE)
            else:
                self._go_around(objects)
            self._created.clear()

    def close(self) -> None:
        """Close the connection."""
        self._topic.close()

    @contextlib.contextmanager
    def _room(self, size: int) -> Iterator[None]:
        with self._lock:
            if self._in_flight and self._in_flight + size > IN_FLIGHT_BYTES:
                raise Unavailable("too much is on its way to Pub/Sub already; try again when that is done")
            self._in_flight += size
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= size

    def _go_through(self, objects: Sequence[EvidenceObject], seconds: float) -> None:
        """Publish objects, those that are too large for a message created before what needs them is published."""
        for one in objects:
            if len(one.data) > LARGE:
                self._create(one)
        small = [one for one in objects if len(one.data) <= LARGE]
        try:
            self._topic.send(small, seconds)
        except (Unavailable, OutcomeUnknown):
            if self._failing_since is None:
                self._failing_since = self._ticks()
            raise
        if small:
            self._answers()

    def _answers(self) -> None:
        self._failing_since = None
        if self._goes_around:
            self._goes_around = False
            _diagnostics.warning("Pub/Sub answers again: records go through it")

    def _go_around(self, objects: Sequence[EvidenceObject]) -> None:
        """Create objects in their buckets, and now and then see first whether Pub/Sub answers again."""
        if self._ticks() >= self._next_trial:
            try:
                self._go_through(objects, TRIAL_DEADLINE)
            except (Unavailable, OutcomeUnknown) as error:
                self._next_trial = self._ticks() + TRIAL_EVERY
                if not self._goes_around:
                    self._goes_around = True
                    _diagnostics.error("%s; records go straight to their buckets until it does", error)
            else:
                return
        for one in sorted(objects, key=lambda one: one.bucket == "evidence"):  # a segment is there when its bodies are
            self._create(one)

    def _create(self, one: EvidenceObject) -> None:
        """Create an object, once however often it is published until all is durable: megabytes take a while."""
        if one not in self._created:
            store = self._evidence if one.bucket == "evidence" else self._bodies(one.retention_class)
            store.create({one.name: one.data})
            self._created.add(one)


class _Topic:
    """Publishes within a deadline, trying again what may be over in a moment."""

    def __init__(
        self, publisher: PublisherClient, topic: str, ticks: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._transport = cast("PublisherGrpcTransport", publisher.transport)
        # Plain protobuf over the plain channel: the generated method takes nearly twice the processor time.
        self._publish = self._transport.grpc_channel.unary_unary(
            _PUBLISH, request_serializer=PublishRequest.pb().SerializeToString, response_deserializer=None
        )
        self._metadata = (("x-goog-request-params", urlencode({"topic": topic})),)
        self._name = topic
        self._ticks = ticks
        self._sleep = sleep

    def send(self, objects: Sequence[EvidenceObject], seconds: float) -> None:
        """Publish objects, one message each.

        Raises:
            Unavailable: They were refused.
            OutcomeUnknown: Some or all may have been taken.
        """
        requests = self._requests(objects)
        ends = self._ticks() + seconds
        for pause in (*PAUSES, None):
            try:
                self._call(requests, ends - self._ticks())
            except grpc.RpcError as error:
                if error.code() not in _TRANSIENT or pause is None or self._ticks() + pause >= ends:
                    raise _translated(error.code()) from error
                self._sleep(pause)
            else:
                return

    def close(self) -> None:
        self._transport.close()  # type: ignore[no-untyped-call]

    def _requests(self, objects: Sequence[EvidenceObject]) -> list[Any]:
        """Return requests of a size that Pub/Sub takes: nearly always one, since each costs time and is paid for."""
        requests: list[Any] = []
        room = 0
        for one in objects:
            size = len(one.data) + len(one.name) + MESSAGE_OVERHEAD
            if size > room:
                requests.append(PublishRequest.pb()(topic=self._name))
                room = REQUEST_BYTES
            room -= size
            attributes = {"v": "1", "bucket": one.bucket, "class": one.retention_class, "name": one.name}
            requests[-1].messages.append(PubsubMessage.pb()(data=one.data, attributes=attributes))
        return requests

    def _call(self, requests: Sequence[Any], seconds: float) -> None:
        """Send requests side by side; the first from this thread, since changing threads takes half as long again."""
        others = [self._publish.future(one, timeout=seconds, metadata=self._metadata) for one in requests[1:]]
        for one in requests[:1]:
            self._publish(one, timeout=seconds, metadata=self._metadata)
        for future in others:
            future.result()


def _translated(code: grpc.StatusCode) -> Unavailable | OutcomeUnknown:
    if code in _MENDS:
        return Unavailable(f"Pub/Sub does not take records: {_MENDS[code]}")
    if code is _Code.DEADLINE_EXCEEDED:
        return OutcomeUnknown("Pub/Sub does not answer in time")
    return OutcomeUnknown(f"Pub/Sub does not take records ({code.name})")


def open_publisher(environment: Mapping[str, str]) -> PublisherClient:
    """Connect to Pub/Sub, or to its emulator where `PUBSUB_EMULATOR_HOST` says where.

    Raises:
        Misconfigured: There are no credentials, or an emulator is named on Cloud Run.
    """
    refuse_emulators(environment)
    if emulator := environment.get("PUBSUB_EMULATOR_HOST"):
        channel = grpc.insecure_channel(emulator, options=_OPTIONS)
        return PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    try:
        return PublisherClient(transport=PublisherGrpcTransport(channel=_secure_channel))
    except DefaultCredentialsError as error:
        raise Misconfigured(
            "there are no Google credentials: run with a service account, or `gcloud auth application-default login`"
        ) from error


def _secure_channel(host: str, **arguments: Any) -> grpc.Channel:
    return PublisherGrpcTransport.create_channel(host, **{**arguments, "options": _OPTIONS})
