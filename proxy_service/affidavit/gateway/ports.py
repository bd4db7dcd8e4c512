"""Ports of the gateway: the ledger of tool definitions.

Source: mcp "Duties" (`tools/list`, rug pull).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SeenDefinition:
    """One definition that an upstream has shown.

    Attributes:
        canonical: Its RFC 8785 form, or a JSON text that says where that is.
    """

    upstream: str
    target: str
    digest: str
    canonical: bytes
    seen: str
    stands: bool


class DefinitionLedger(Protocol):
    """Which definition of each tool stands: the first one seen, until somebody accepts another.

    Trust: whoever can write it can let a changed definition through; what was shown is in the records all the same.
    """

    async def see(self, upstream: str, target: str, digest: str, canonical: bytes) -> str:
        """Keep a definition, the first of a tool standing at once, and return the digest that stands."""
        ...

    async def standing(self, upstream: str, target: str) -> str | None:
        """Return the digest that stands, or None for a tool that was never seen."""
        ...
