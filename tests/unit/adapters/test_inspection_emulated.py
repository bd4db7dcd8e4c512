"""What the doctor looks at, where others have written the server: the Pub/Sub emulator, the strict Cloud Storage.

Neither knows accounts and roles; what they do know is said in the shapes that the doctor reads.

Source: google-cloud "Cloud Storage", "Pub/Sub".
"""

import uuid

import grpc
import pytest
import requests
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, ExpirationPolicy

from affidavit.adapters.gcp.inspection.buckets import look_at_bucket
from affidavit.adapters.gcp.inspection.deployment import WRITTEN, Bucket
from affidavit.adapters.gcp.inspection.messages import look_at_subscription
from affidavit.adapters.gcp.inspection.rest import Rest
from fakes.google_rest import service_account
from fakes.storage_server import StorageServer

ACCOUNT = service_account("acme-gateway@acme-gateway-1.iam.gserviceaccount.com")
DAY = 86_400  # seconds
SHORT = "it does not keep what is not acknowledged for 31 days, so a longer outage loses records"  # the emulator: 7
_READ_AND_SPOIL = frozenset({"storage.objects.get", "storage.objects.list", "storage.objects.delete"})


def failures(findings):
    return [(one.about, one.says) for one in findings if one.status == "FAIL"]


@pytest.fixture
def storage():
    with StorageServer() as server:
        yield server


def look(storage, **bucket):
    rest = Rest(requests.Session(), {"storage": storage.url})
    return list(look_at_bucket(rest, Bucket(name="evidence", **bucket), ACCOUNT))


def test_of_a_locked_bucket_nothing_is_wrong_but_what_the_server_does_not_enforce(storage):
    storage.make_bucket("evidence", retention_s=400 * DAY, locked=True)

    said = failures(look(storage, locked=True, days=400))

    assert said == [
        ("bucket evidence", "public access is not prevented"),
        ("bucket evidence", "access is granted object by object, too"),
    ]


def test_a_bucket_that_is_not_locked_is_told_as_the_server_tells_it(storage):
    storage.make_bucket("evidence", retention_s=399 * DAY)

    said = [says for _, says in failures(look(storage, locked=True, days=400))]

    assert "what lies in it is kept for 399 days, and must be for 400 days" in said
    assert "its retention is not locked: whoever may update the bucket can take it away" in said


def test_what_an_account_may_is_asked_of_the_server_and_nothing_is_stored(storage):
    storage.make_bucket("evidence")
    storage.allow("evidence", "storage.objects.create", "storage.objects.get", "storage.buckets.get")

    findings = look(storage, never=_READ_AND_SPOIL, creates=("",))
    storage.allow("evidence", "storage.buckets.get")
    refused = look(storage, creates=WRITTEN)

    assert ("bucket evidence", "this account holds storage.objects.get, and must not") in failures(findings)
    assert ("bucket evidence", "this account may not create objects under segment/") in failures(refused)
    assert storage.buckets.bucket("evidence").objects == {}


def test_a_bucket_that_is_not_there_is_missing(storage):
    assert failures(look(storage)) == [("bucket evidence", "there is no such bucket")]


@pytest.fixture
def subscriber(pubsub_emulator):
    """A topic with a dead-letter topic that somebody is subscribed to, and what makes subscriptions."""
    with grpc.insecure_channel(pubsub_emulator.address) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        made = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        project = f"projects/doctor-{uuid.uuid4().hex[:8]}"
        for name in ("evidence", "dead"):
            publisher.create_topic(name=f"{project}/topics/{name}")
        made.create_subscription(
            request={
                "name": f"{project}/subscriptions/dead",
                "topic": f"{project}/topics/dead",
                "expiration_policy": ExpirationPolicy(),
            }
        )

        def subscribe(**more):
            name = f"{project}/subscriptions/write"
            made.create_subscription(request={"name": name, "topic": f"{project}/topics/evidence", **more})
            rest = Rest(requests.Session(), {"pubsub": f"http://{pubsub_emulator.address}"})
            return list(look_at_subscription(rest, name, dead_letters=True))

        yield project, subscribe


def test_a_subscription_that_stays_and_has_dead_letters_is_read_as_such(subscriber):
    project, subscribe = subscriber
    dead = DeadLetterPolicy(dead_letter_topic=f"{project}/topics/dead", max_delivery_attempts=20)

    findings = subscribe(expiration_policy=ExpirationPolicy(), dead_letter_policy=dead)

    assert [(one.about, one.status, one.says) for one in findings] == [
        ("subscription write", "ok", "it stays"),
        ("subscription write", "FAIL", SHORT),
        ("subscription dead", "ok", "it stays"),
        ("subscription dead", "FAIL", SHORT),
    ]


@pytest.mark.parametrize("policy", [{}, {"expiration_policy": ExpirationPolicy(ttl=Duration(seconds=31 * DAY))}])
def test_a_subscription_of_the_default_kind_is_not(subscriber, policy):
    _, subscribe = subscriber

    assert [says for _, says in failures(subscribe(**policy))] == [
        "it is removed when nothing happens for a while",
        SHORT,
        "it has no dead-letter topic, so a message that always fails is tried for ever, or until it is lost",
    ]
