"""Ports of the gateway: the ledger of tool definitions and its review, and who is told how calls went.

Source: mcp "Duties" (`tools/list`, rug pull); OpenTelemetry semantic conventions for MCP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from affidavit.clock import Micros
from affidavit.gateway.call import Call


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


@dataclass(frozen=True, slots=True)
class Standing:
    """The definition of a tool that stands.

    Attributes:
        by: Who accepted it; None for the first that was shown.
        since: RFC 3339.
    """

    digest: str
    by: str | None
    since: str


class DefinitionLedger(Protocol):
    """Which definition of each tool stands: the first one seen, until somebody accepts another.

    Trust: whoever can write it can let a changed definition through; what was shown is in the records all the same.

    Laws, run on every implementation by tests/contracts/test_definition_ledger.py:
        1. What stands, stands for every process.
        2. Of many that see a tool's first definition at once, all are told the same one.
        3. After `Unavailable` it may have been done; doing it again is right.
    """

    async def see(self, upstream: str, target: str, digest: str, canonical: bytes) -> Standing:
        """Keep a definition, the first of a tool standing at once, and return the one that stands."""
        ...

    async def standing(self, upstream: str, target: str) -> Standing | None:
        """Return the definition that stands, or None for a tool that was never seen."""
        ...


class DefinitionReview(Protocol):
    """The same, for a person who reads what has changed."""

    def definitions(self) -> Sequence[SeenDefinition]:
        """Return every definition that was ever shown, tool by tool, of each the newest last."""
        ...

    def accept(self, upstream: str, target: str, digest: str, by: str) -> bool:
        """Let another definition stand, in somebody's name; return False where it was never shown."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Telemetry(Protocol):
    """Told how calls went, for operators; never evidence, and nothing waits for it.

    Trust: none. What it is told leaves the house, so it takes names and times of a call, never what was said in it.
    """

    def call_ended(self, call: Call, failure: str | int | None, at: Micros) -> None:
        """Take note of a call that has ended, once its last record is made.

        Args:
            call: The call.
            failure: Our code of a refusal, how its forwarding ended, the upstream's own JSON-RPC code, or
                `tool_error`; None where it went well.
            at: When it ended.
        """
        ...

    def watch(self, state: Callable[[], Mapping[str, Any]]) -> None:
        """Read the gateway's state from time to time, as `/readyz` shows it."""
        ...

    def close(self) -> None:
        """Send what is left, for a second at most."""
        ...
