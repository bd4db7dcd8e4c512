"""The dead letters of a deployment, opened for the command `redrive`.

Source: google-cloud "Pub/Sub" (a dead-letter topic has a subscription of its own).
"""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.adapters.gcp.dead_letters import WAIT, DeadLetters, open_subscriber
from affidavit.adapters.gcp.pubsub import open_publisher


def open_dead_letters(
    environment: Mapping[str, str], *, subscription: str, topic: str, wait: float = WAIT
) -> DeadLetters:
    """Open a dead-letter subscription; raises `Misconfigured` where there are no credentials."""
    return DeadLetters(
        open_subscriber(environment), open_publisher(environment), subscription=subscription, topic=topic, wait=wait
    )
