"""Ports of the evidence: the bus that makes records durable, the store that keeps them.

Source: architecture "Ports"; evidence-format sections 2 and 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class EvidenceObject:
    """One object on its way to its bucket: exactly the bytes that will be stored."""

    bucket: Literal["evidence", "body"]
    retention_class: str
    name: str
    data: bytes


class Bus(Protocol):
    """The way from the writer to the stores.

    Trust: may lose or delay, cannot alter unseen, because every segment is signed and every chain has no gaps.

    Laws, run on every implementation by tests/contracts/test_bus.py:
        1. After `publish(objects)` returns, all of them are durable and will be delivered at least once.
        2. They may be delivered twice, late, and out of order.
        3. `Unavailable` and `OutcomeUnknown` both mean that some may be durable; publishing the same again is right.
    """

    def publish(self, objects: Sequence[EvidenceObject]) -> None:
        """Make objects durable. Blocks; the recorder gives it a thread of its own."""
        ...

    def close(self) -> None:
        """Let go; what was published stays durable."""
        ...


class EvidenceStore(Protocol):
    """Objects that are created once and never change.

    Trust: may stop or hide; cannot rewrite unseen, because every object is named by a signed commit.

    Laws, run on every implementation by tests/contracts/test_evidence_store.py:
        1. After `create(objects)` returns, `read(name)` is the body of each, in every process, for good.
        2. Creating a taken name changes nothing; names hold the content's hash, so that means done. The names that
           were taken are returned, for callers whose names do not hold a hash (commits).
        3. `Unavailable` means that each object was either written whole or not at all.
    """

    def create(self, objects: Mapping[str, bytes]) -> frozenset[str]:
        """Create all objects whose names are free, and return the names that were taken."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return the stored bytes, or None where there is no such object."""
        ...

    def names(self, prefix: str, start: str = "") -> Iterator[str]:
        """Yield the names under a prefix in byte order, from `start` on."""
        ...
