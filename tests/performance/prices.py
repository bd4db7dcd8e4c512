"""What Google's price lists ask for what is used, in USD, without free quotas.

Tier 1 regions (europe-west1, us-central1, us-east1), before any discount, as of 2025:

- Pub/Sub, cloud.google.com/pubsub/pricing: 40 a TiB, published and pushed alike; a request counts as 1,000 bytes at
  least; a message is its data, its attributes' keys and values, its id and 20 bytes for its time.
- Cloud Storage, Standard in one region, cloud.google.com/storage/pricing-examples: class A (insert, list, patch) 0.005
  and class B (get, of an object's data or metadata) 0.0004 a 1,000. Deleting is free. That answers of 4xx and 5xx are
  free is from memory.
- Cloud Run functions billed by request, cloud.google.com/run/pricing: 0.000024 a vCPU-second, and time is rounded up to
  100 ms. 0.0000025 a GiB-second and 0.40 a million requests are copied from others' descriptions of that page.
- KMS, cloud.google.com/kms/pricing (17 March 2025): 0.03 for 10,000 operations with a key in software, of 0.15 with an
  elliptic one in hardware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TIB = 2**40
PUBSUB_TIB = 40.0
PUBSUB_LEAST = 1_000  # bytes of a request
MESSAGE_TIME, MESSAGE_ID = 20, 17  # bytes; ids had 16 to 17 digits
CLASS_A, CLASS_B = 0.005 / 1_000, 0.0004 / 1_000
INVOCATION = 0.40 / 1_000_000
VCPU_S, GIB_S = 0.000024, 0.0000025
LEAST_S = 0.1  # that an instance is billed for, where one request comes alone
SIGNATURE = 0.03 / 10_000

A = frozenset({"objects.insert", "objects.list", "objects.patch", "buckets.list", "buckets.insert", "buckets.patch"})
B = frozenset({"objects.get", "buckets.get", "buckets.testIamPermissions"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What some calls have used.

    Attributes:
        pubsub: Bytes as they are billed.
        seconds: Of instances with one vCPU, in which they served at least one request.
        gib_seconds: The same, times the memory of an instance.
    """

    pubsub: int = 0
    class_a: int = 0
    class_b: int = 0
    invocations: int = 0
    seconds: float = 0.0
    gib_seconds: float = 0.0
    signatures: int = 0

    def cost(self) -> dict[str, float]:
        """Return what it costs, by what is billed."""
        return {
            "Pub/Sub": self.pubsub / TIB * PUBSUB_TIB,
            "storage, class A": self.class_a * CLASS_A,
            "storage, class B": self.class_b * CLASS_B,
            "function requests": self.invocations * INVOCATION,
            "functions' vCPU and memory": self.seconds * VCPU_S + self.gib_seconds * GIB_S,
            "signatures": self.signatures * SIGNATURE,
        }

    @property
    def total(self) -> float:
        return sum(self.cost().values())


def message_bytes(size: int, attributes: Mapping[str, str]) -> int:
    """Return how large a message is that carries so many bytes."""
    return size + sum(len(key) + len(value) for key, value in attributes.items()) + MESSAGE_TIME + MESSAGE_ID


def billed_bytes(requests: list[list[int]]) -> int:
    """Return the bytes that are billed for publish requests with messages of these sizes, each pushed once, alone."""
    published = sum(max(PUBSUB_LEAST, sum(messages)) for messages in requests)
    pushed = sum(max(PUBSUB_LEAST, size) for messages in requests for size in messages)
    return published + pushed


def operations(counts: Mapping[tuple[str, str, int], int]) -> tuple[int, int]:
    """Return how many operations of class A and of class B were billed, of counts by operation, bucket and status."""
    done = [(operation, count) for (operation, _, status), count in counts.items() if status < 300]
    return sum(count for name, count in done if name in A), sum(count for name, count in done if name in B)
