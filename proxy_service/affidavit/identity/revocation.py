"""Who and what is no longer let in, and the port to where that is kept.

Source: identity-and-approvals (revocation is checked on every call).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from affidavit.clock import Micros

What = Literal["person", "token", "session", "sponsor", "subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One thing that is no longer let in.

    Attributes:
        value: The person's or sponsor's email address, the token's SHA-256, the session's fingerprint, or issuer and
            subject with a space between them.
        by: Who said so.
    """

    what: What
    value: str
    by: str
    reason: str
    at: Micros


class RevocationList(Protocol):
    """Every revocation, in the order in which they were added.

    Trust: may withhold what is new, and so keep somebody in; whoever reads it must know how old their copy is.

    Laws, run on every implementation by tests/contracts/test_revocation_list.py:
        1. After `add(revocation)` returns, every process finds it, for good: nothing is ever removed or moved.
        2. Adding the same again changes nothing.
        3. Whoever has read n entries finds all others with `since(n)`, in the same order as everyone.
        4. After `Unavailable` it may have been added; adding it again is right.
    """

    def add(self, revocation: Revocation) -> None:
        """Put a revocation at the end, if it is not there."""
        ...

    def since(self, position: int) -> Sequence[Revocation]:
        """Return all but the first `position` entries."""
        ...
