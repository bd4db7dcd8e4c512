"""Dead letters go back to the topic that they came from, and nothing is lost on the way: google-cloud "Pub/Sub"."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.api_core.exceptions import ServiceUnavailable
from google.pubsub_v1 import PublisherClient, PubsubMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from affidavit.adapters.gcp.dead_letters import REQUEST_BYTES, DeadLetters, open_subscriber
from affidavit.adapters.gcp.pubsub import open_publisher
from affidavit.errors import Misconfigured, Unavailable
from affidavit.evidence.ports import EvidenceObject
from affidavit.wiring.check import LETTERS, dead_letters_of
from affidavit.wiring.redrive import open_dead_letters
from fakes.failing_server import Fault
from fakes.pubsub import PublishServer, Subscription

AFFIDAVIT = Path(sys.executable).with_name("affidavit")
WAIT = 0.3  # seconds; here everything that is there comes at once
NUMBERS = itertools.count()


class Deployment:
    """An evidence topic with a subscription that shows what arrives, and dead letters, on the emulator."""

    def __init__(self, emulator):
        project = f"projects/redrive-{next(NUMBERS):06d}"
        self.environment = emulator.environment
        self.arriving = Subscription(
            f"{project}/topics/evidence", f"{project}/subscriptions/evidence", emulator.address
        )
        self.dead_topic = f"{project}/topics/evidence-dead"
        self.dead = f"{project}/subscriptions/evidence-dead"
        channel = grpc.insecure_channel(emulator.address)
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self.publisher.create_topic(name=self.dead_topic)
        self.subscriber.create_subscription(name=self.dead, topic=self.dead_topic)

    @property
    def topic(self):
        return self.arriving.topic

    def letters(self, **changed):
        names = {"subscription": self.dead, "topic": self.topic} | changed
        return open_dead_letters(self.environment, **names, wait=WAIT)

    def die(self, *objects):
        """Forward messages to the dead letters, as Pub/Sub does after the last attempt."""
        for one in objects:
            attributes = {
                "v": "1",
                "bucket": one.bucket,
                "class": one.retention_class,
                "name": one.name,
                "CloudPubSubDeadLetterSourceDeliveryCount": "5",
                "CloudPubSubDeadLetterSourceSubscription": "evidence",
                "CloudPubSubDeadLetterSourceSubscriptionProject": "redrive",
                "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-11-22T12:25:57.000+00:00",
            }
            message = PubsubMessage(data=one.data, attributes=attributes)
            self.publisher.publish(topic=self.dead_topic, messages=[message])


def objects(count, size=7):
    return [
        EvidenceObject("evidence", "", f"segment/w/{number:012d}", bytes([number]) * size) for number in range(count)
    ]


@pytest.fixture
def deployment(pubsub_emulator):
    deployment = Deployment(pubsub_emulator)
    yield deployment
    deployment.arriving.close()
    deployment.publisher.transport.close()


def test_each_is_published_again_as_it_was_and_then_gone(deployment):
    """Attributes that forwarding added are taken away: `fakes.pubsub.delivered` refuses any other."""
    deployment.die(*objects(120))
    told = list(deployment.letters().redrive())

    assert sorted(one.name for one in told) == [one.name for one in objects(120)]
    assert {one.attempts for one in told} == {5}
    assert set(deployment.arriving.drain(120)) == set(objects(120))
    assert list(deployment.letters().look()) == []


def test_large_ones_go_in_requests_that_pubsub_takes(deployment):
    large = objects(3, size=REQUEST_BYTES // 2)
    deployment.die(*large)

    assert len(list(deployment.letters().redrive())) == 3
    assert set(deployment.arriving.drain(3)) == set(large)


def test_looking_tells_each_once_and_leaves_it_there(deployment):
    deployment.die(*objects(3))

    for _ in range(2):
        assert sorted(one.name for one in deployment.letters().look()) == [one.name for one in objects(3)]
    assert len(list(deployment.letters().redrive())) == 3


def test_the_check_says_what_lies_there_and_leaves_it_there(deployment):
    """architecture "The way of one call": a dead-letter topic with a subscription; `check_log` alarms on a failure."""
    look = dead_letters_of(deployment.environment, deployment.dead)
    assert look() is None
    deployment.die(*objects(1))

    assert look() == "1 messages, for instance evidence segment/w/000000000000"
    assert len(list(deployment.letters().redrive())) == 1


def test_the_check_counts_no_further_than_it_has_to(deployment):
    deployment.die(*objects(LETTERS + 20))

    assert dead_letters_of(deployment.environment, deployment.dead)().startswith(f"{LETTERS} messages or more")
    assert len(list(deployment.letters().redrive())) == LETTERS + 20


def test_what_was_seen_is_told_though_it_cannot_be_given_back(deployment, monkeypatch):
    """`check_log` raises its alarm from this; the lease runs out by itself."""

    def away(*_, **__):
        raise ServiceUnavailable("not now")

    deployment.die(*objects(3))
    letters = deployment.letters()
    monkeypatch.setattr(letters._subscriber, "modify_ack_deadline", away)

    assert len(list(letters.look())) == 3


def test_what_cannot_be_published_stays_and_can_be_taken_up_at_once(deployment):
    deployment.die(*objects(3))
    nowhere = deployment.topic.replace("evidence", "elsewhere")
    with pytest.raises(Misconfigured, match="elsewhere is not there"):
        list(deployment.letters(topic=nowhere).redrive())

    assert len(list(deployment.letters().redrive())) == 3


def test_nothing_is_published_where_nobody_is_subscribed(deployment):
    """google-cloud "Pub/Sub": a topic without a subscription swallows messages."""
    deployment.die(*objects(3))
    silent = deployment.topic.replace("evidence", "silent")
    deployment.publisher.create_topic(name=silent)
    with pytest.raises(Misconfigured, match="nothing is subscribed to it"):
        list(deployment.letters(topic=silent).redrive())

    assert len(list(deployment.letters().redrive())) == 3


def test_dead_letters_are_not_published_among_the_dead_letters(deployment):
    """They would come again at once, for ever."""
    deployment.die(*objects(3))
    with pytest.raises(Misconfigured, match="name the topic that they came from"):
        next(deployment.letters(topic=deployment.dead_topic).redrive())

    assert len(list(deployment.letters().redrive())) == 3


@pytest.mark.parametrize("persisted", [False, True])
def test_whatever_becomes_of_a_request_to_publish_nothing_is_lost(deployment, persisted):
    """An answer that is lost has it published twice, which write_evidence stores once."""
    server = PublishServer()
    letters = DeadLetters(
        open_subscriber(deployment.environment),
        open_publisher(server.environment),
        subscription=deployment.dead,
        topic=deployment.topic,
        wait=WAIT,
    )
    deployment.die(*objects(3))
    server.fail(Fault(grpc.StatusCode.DATA_LOSS, persisted=persisted), times=1, method="Publish")
    with pytest.raises(Unavailable):
        list(letters.redrive())

    assert len(list(letters.redrive())) == 3
    assert set(server.taken) == set(objects(3))
    assert len(server.taken) == (6 if persisted else 3)
    server.stop()


def test_a_subscription_that_is_not_there_is_named(deployment):
    with pytest.raises(Misconfigured, match="subscriptions/nobody is not there"):
        list(deployment.letters(subscription="projects/redrive/subscriptions/nobody").redrive())


def run(deployment, *options):
    command = [AFFIDAVIT, "redrive", "--subscription", deployment.dead, "--topic", deployment.topic, *options]
    return subprocess.run(
        command, env={**os.environ, **deployment.environment}, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_command_lists_and_then_redrives(deployment):
    deployment.die(*objects(2))
    looked = run(deployment, "--dry-run")
    assert (looked.returncode, looked.stdout.splitlines()[-1]) == (0, "2 found")
    assert "evidence/segment/w/000000000001  (7 bytes, 5 attempts, message" in looked.stdout

    done = run(deployment, "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["redriven"] == 2
    assert set(deployment.arriving.drain(2)) == set(objects(2))
