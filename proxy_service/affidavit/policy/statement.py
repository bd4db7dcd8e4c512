"""What a statement does, as far as its text says.

Source: architecture "Configuration".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StatementEffect = Literal["read", "write", "ddl", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One text of statements.

    Attributes:
        effect: `read` only if it is one statement whose whole tree only reads.
        tables: Every table that is named, as written, in lower case; None where others might be touched, too.
        count: How many statements; None where that is not known.
    """

    effect: StatementEffect
    tables: tuple[str, ...] | None = None
    count: int | None = None


UNKNOWN = Statement(effect="unknown")


def read_statement(text: str, dialect: str) -> Statement:  # noqa: ARG001
    """Return what a text of statements does."""
    return UNKNOWN
