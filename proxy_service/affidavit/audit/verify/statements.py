"""The log's own chain: the statements that stand in commits.

Source: evidence-format sections 4, 5 (`log:` kinds) and 7.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.audit.commit import LOG_WRITER, ZERO_HASH, Commit
from affidavit.audit.verify.attestations import Attestations
from affidavit.audit.verify.chains import At, Chains
from affidavit.audit.verify.kinds import ISSUER_KEYS, LOG, is_known, may_say
from affidavit.audit.verify.lateness import AHEAD
from affidavit.audit.verify.records import Record, RecordReader
from affidavit.audit.verify.registrations import Registered
from affidavit.audit.verify.report import Findings
from affidavit.audit.verify.retention import read_classes
from affidavit.audit.verify.shapes import flag, moment, number, row, sha
from affidavit.audit.verify.telling import shown
from affidavit.clock import Micros, format_time
from affidavit.errors import Malformed
from affidavit.evidence.names import WRITER_ID

COMMITTED, RETENTION = "log:committed", "log:retention"


@dataclass(slots=True)
class Statements:
    """Follows the chain of the writer `log`.

    Attributes:
        next_seq: Of the next statement.
        last: Hash of the last one, None if it is not known.
        unknown: Kinds that the format does not name, with their number.
        retained: `log:retention` was met.
    """

    findings: Findings
    chains: Chains
    attestations: Attestations
    next_seq: int = 0
    last: str = ZERO_HASH
    unknown: dict[str, int] = field(default_factory=dict)
    retained: bool = False
    _time: Micros = 0
    _reader: RecordReader = field(default_factory=RecordReader)
    _admitted: list[tuple[Registered, Any, At]] = field(default_factory=list)

    def save(self) -> list[Any]:
        """Return the place of the chain as JSON, after a commit."""
        return [self.next_seq, self.last, self._time, self.retained]

    def restore(self, saved: Any) -> None:
        """Go on from what `save` gave; raises `Malformed`."""
        next_seq, last, time, retained = row(saved, 4)
        self.next_seq, self.last, self._time, self.retained = number(next_seq), sha(last), moment(time), flag(retained)

    def hear(self, text: str, commit: Commit, object_: str) -> Record | None:
        """Take the next statement; return it if it could be read."""
        line = text.encode()
        at = At(object_, commit.time, f"{LOG_WRITER}/{self.next_seq}")
        self.findings.count("chains")
        try:
            record, references = self._reader.read(line)
        except Malformed as error:
            self.findings.fail("commits", object_, at.record, "a canonical record", str(error))
            record, references = None, []
        if record is not None:
            self._check_place(record, at)
            if references:
                found = f"the body {shown(references[0]['body'])}"
                self.findings.fail("bodies", object_, at.record, "a statement without bodies", found)
        self.next_seq += 1
        self.last = hashlib.sha256(line).hexdigest()
        return record if record is not None and self._listen(record, at) else None

    def end_commit(self) -> None:
        """Judge the admissions of a commit, now that all of its key sets are known."""
        for registered, account, at in self._admitted:
            self.attestations.check(registered, account, at.time, at.record)
        self._admitted.clear()

    def _check_place(self, record: Record, at: At) -> None:
        fail = self.findings.fail
        if record.get("writer") != LOG_WRITER or record.get("seq") != self.next_seq or type(record["seq"]) is not int:
            found = f"{shown(record.get('writer'))}, seq {shown(record.get('seq'))}"
            fail("chains", at.object, at.record, "the next record of the writer log", found)
        if record.get("prev") != self.last:
            fail("chains", at.object, at.record, f"the `prev` {self.last}", shown(record.get("prev")))
        try:
            time = self._reader.time(record.get("time"))
        except ValueError:
            fail("chains", at.object, at.record, "a time", shown(record.get("time")))
            return
        if not self._time <= time <= at.time + AHEAD:
            expected = f"a time from {format_time(self._time)} to a minute after its commit, {format_time(at.time)}"
            fail("chains", at.object, at.record, expected, format_time(time))
        self._time = max(self._time, time)

    def _listen(self, record: Record, at: At) -> bool:
        if not self._reader.has_form(record):
            self.findings.fail("commits", at.object, at.record, "`v` 1, 16 bytes of `salt`, a `kind`", "another form")
            return False
        kind = record["kind"]
        if not may_say(LOG, kind):
            self.findings.fail("chains", at.object, at.record, "a kind that the log may say", kind)
            return False
        if not is_known(kind):
            self.unknown[kind] = self.unknown.get(kind, 0) + 1
            return True
        form = _FORMS[kind]
        if not all(holds(record.get(name)) for name, holds in form.items()):
            self.findings.fail("commits", at.object, at.record, f"{kind} with {', '.join(form)}", "another form")
            return False
        self._act(kind, record, at)
        return True

    def _act(self, kind: str, record: Record, at: At) -> None:
        chains = self.chains
        match kind:
            case "log:writer_admitted":
                writer = record["about"]
                registered = chains.admit(writer, record["registration_sha256"], record["role"], at)
                if registered is not None:
                    self._admitted.append((registered, record.get("account"), at))
            case "log:gap":
                chains.gap(record["about"], record["from"], record["to"], at)
            case "log:late":
                chains.late(record["about"], record["from"], record["to"])
            case "log:writer_lost":
                chains.lose(record["about"], record["from"], at)
            case "log:retention":
                self.retained = True
            case "issuer:keys":
                self.attestations.learn(record["keys"], at.record, at.object)


def _is_writer(value: Any) -> bool:
    return type(value) is str and WRITER_ID.fullmatch(value) is not None


def _is_seq(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_text(value: Any) -> bool:
    return type(value) is str


def _are_classes(value: Any) -> bool:
    return read_classes(value) is not None


_HOLE = {"about": _is_writer, "from": _is_seq, "to": _is_seq}
_FORMS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "log:retention": {"classes": _are_classes},
    "log:writer_admitted": {"about": _is_writer, "registration_sha256": _is_text, "role": _is_text},
    "log:committed": {"start": _is_seq, "until": _is_seq, "commit_sha256": _is_text},
    "log:gap": _HOLE,
    "log:late": _HOLE,
    "log:writer_lost": {"about": _is_writer, "from": _is_seq},
    ISSUER_KEYS: {"issuer": _is_text, "keys": _is_text},
}
