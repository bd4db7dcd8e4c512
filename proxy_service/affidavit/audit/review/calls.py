"""The calls that a data folder holds, as the policy saw them: one writer after the other, one segment in memory.

Never decides anything; what was masked or is gone says so.

Source: evidence-format section 5, call fields, `identity:verified`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.timeline.items import Damage, Hole, Recorded
from affidavit.audit.timeline.message import decoded
from affidavit.audit.timeline.reader import Reader
from affidavit.audit.timeline.values import mapping, number, text
from affidavit.clock import Micros
from affidavit.errors import Malformed

REMEMBERED = 20_000  # credentials of one writer: as many as it remembers itself
_CALLS = frozenset({"call:requested", "call:refused"})


@dataclass(frozen=True, slots=True)
class Known:
    """A JSON object that was recorded, or why it is not here."""

    value: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


NEVER_SAID = Known(problem="its writer has not said them in what is here")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call whose principal is known, from its first record.

    Attributes:
        record: Its `call:requested`, or the `call:refused` of a call that was never requested.
        claims: Of its credential; looked for only where `calls` was asked to.
    """

    record: Recorded
    claims: Known

    @property
    def fields(self) -> Mapping[str, Any]:
        """The record's fields."""
        return self.record.record

    @property
    def principal(self) -> Mapping[str, Any]:
        """Who called, as recorded."""
        return mapping(self.fields.get("principal"))

    @property
    def ip(self) -> str:
        """From where."""
        return text(mapping(self.fields.get("client")).get("ip"))

    @property
    def policy(self) -> Mapping[str, Any]:
        """What the policy said then; empty where it was not asked."""
        return mapping(self.fields.get("policy"))

    @property
    def size(self) -> int:
        """Bytes of its message, as it was recorded; masking changes it a little."""
        return number(mapping(self.fields.get("request")).get("size")) or 0

    def said(self, name: str) -> str:
        """Return a text among its fields, empty where it is null."""
        return text(self.fields.get(name))

    def groups(self) -> list[str] | None:
        """Return the principal's groups; None where they are not here."""
        stated = self.principal.get("groups")
        if type(stated) is dict:  # a long list is a body
            stated = self._decoded(stated).value
        return [one for one in stated if type(one) is str] if type(stated) is list else None

    def arguments(self) -> Known:
        """Return what it asked with, as recorded."""
        request = self.fields.get("request")
        if request is None:
            return Known()
        found = self._decoded(mapping(request))
        if found.problem is not None:
            return Known(problem=found.problem)
        return Known(mapping(mapping(mapping(found.value).get("params")).get("arguments")))

    def _decoded(self, reference: Mapping[str, Any]) -> Known:
        content = self.record.content(reference)
        if content.problem is not None:
            return Known(problem=content.problem)
        try:
            return Known(decoded(content))
        except Malformed as error:
            return Known(problem=str(error))


Found = RecordedCall | Damage | Hole


class Calls:
    """Reads the calls of a data folder.

    Args:
        reader: Of the folder.
        claims: Whether to look for the claims of each credential, which were said when it was first used.
    """

    def __init__(self, reader: Reader, *, claims: bool) -> None:
        self._reader = reader
        self._claims = claims

    def since(self, at: Micros) -> Iterator[Found]:
        """Yield them from a time on, and what cannot be read; each writer's in their order."""
        for writer in self._reader.writers():
            yield from self.of_writer(writer, at)

    def of_writer(self, writer: str, at: Micros = 0) -> Iterator[Found]:
        """Yield the calls of one writer."""
        if self._claims and at and next(self._reader.chain(writer).since(at), None) is None:
            return  # it had said its last word before, so nobody needs its introductions
        known: OrderedDict[str, Known] = OrderedDict()
        for item in self._reader.chain(writer).since(0 if self._claims else at):
            if not isinstance(item, Recorded):
                if item.at >= at:
                    yield item
            elif item.kind == "identity:verified":
                self._introduced(item, known)
            elif item.at >= at and item.kind in _CALLS and _is_somebodys(item):
                token = text(mapping(item.record["principal"]).get("token_sha256"))
                yield RecordedCall(record=item, claims=known.get(token, NEVER_SAID))

    def _introduced(self, item: Recorded, known: OrderedDict[str, Known]) -> None:
        if not self._claims:
            return
        content = item.content(mapping(item.record.get("claims")))
        try:
            said = Known(mapping(mapping(decoded(content)).get("claims")))
        except Malformed as error:
            said = Known(problem=content.problem or str(error))
        known[text(item.record.get("token_sha256"))] = said
        if len(known) > REMEMBERED:
            known.popitem(last=False)


def recorded_call(reader: Reader, writer: str, call: str) -> RecordedCall | None:
    """Return a call in a writer's chain by its id, None where it is not there.

    Its credential was introduced before it, in the same chain, so that is read up to there.
    """
    if writer not in reader.writers():
        return None
    found = Calls(reader, claims=True).of_writer(writer)
    return next((one for one in found if isinstance(one, RecordedCall) and one.said("call") == call), None)


def _is_somebodys(item: Recorded) -> bool:
    """Tell whether a call is of somebody who was authenticated, and not the gateway's own."""
    principal = mapping(item.record.get("principal"))
    return bool(principal) and principal.get("subject") != f"writer/{item.writer}"
