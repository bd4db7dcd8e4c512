"""One thing that was looked at in a deployment, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "FAIL", "unchecked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found.

    Attributes:
        about: What was looked at, as a person names it: `bucket acme-evidence`.
        status: `unchecked` where this account may not look, which is as it should be for most.
        says: A sentence without its full stop.
        mend: The command that mends it; None where nothing is wrong.
    """

    about: str
    status: Status
    says: str
    mend: str | None = None


Findings = Iterator[Finding]


def fine(about: str, says: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(about=about, status="ok", says=says)


def wrong(about: str, says: str, mend: str) -> Finding:
    """Return that something is not as it should be."""
    return Finding(about=about, status="FAIL", says=says, mend=mend)


def unseen(about: str, says: str) -> Finding:
    """Return that something could not be looked at."""
    return Finding(about=about, status="unchecked", says=says)
