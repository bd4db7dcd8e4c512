"""The entries of a timeline: a call with what came of it, one record that is no call, or something that is not here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.audit.timeline.content import Content
from affidavit.audit.timeline.items import Damage, Hole
from affidavit.clock import Micros
from affidavit.mcp.calls import needs_target

Fields = Mapping[str, Any]

REFUSED = "call:refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEntry:
    """One call, or the rest of one whose beginning was an entry already.

    Attributes:
        at: When it was requested, or refused; of a rest, when it ended.
        call: Its id.
        begun: The `call:requested` record, or the `call:refused` of a call that was never requested; None where that
            is not among what was read.
        ended: The `call:answered` or `call:refused` record; None while there is none.
        asked, said: What was requested and what was answered; of a stream, the message that answers, or the last one.
        events: How many events were streamed.
        first, last: Ids of its first and last record, as far as they were read.
        resumed: Whether this is the rest of a call that was an entry already.
        unended: Why no end will come, where that is known.
        admitted: Whether the log has admitted its writer.
    """

    at: Micros
    call: str
    begun: Fields | None
    ended: Fields | None
    asked: Content | None
    said: Content | None
    events: int
    first: str
    last: str
    resumed: bool
    unended: str | None
    admitted: bool

    @property
    def refused(self) -> bool:
        """Whether it was refused: nothing was forwarded."""
        return self.ended is not None and self.ended["kind"] == REFUSED

    @property
    def acts(self) -> bool:
        """Whether it asks for something by name, and does not only keep the conversation going."""
        method = self.facts.get("method")
        return type(method) is not str or needs_target(method)

    @property
    def facts(self) -> Fields:
        """The record that says most about it."""
        return self.begun or self.ended or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One record that is no part of a call.

    Attributes:
        interrupted: Calls of which no end will come, if that is what it means.
    """

    at: Micros
    id: str
    record: Fields
    admitted: bool
    interrupted: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it says happened."""
        return str(self.record["kind"])


Entry = CallEntry | Note | Hole | Damage
