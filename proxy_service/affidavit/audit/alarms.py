"""Alarms: entries of the diagnostics whose names alert policies match, one for each thing that is wrong.

Says where to look, in words that a check found; never what a record holds beyond what a finding quotes.

Source: google-cloud "Cost" (structured logs); terraform/audit, alert policies.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from affidavit.audit.verify.report import CheckResult, Finding

CHECK_FAILED, UNCOMMITTED_OLD = "check_failed", "uncommitted_old"
WRITER_LOST, DEAD_LETTER, QUARANTINED = "writer_lost", "dead_letter", "evidence_quarantined"
_QUOTED = 3  # findings of one check

_diagnostics = logging.getLogger("affidavit.check")


@dataclass(slots=True)
class Alarms:
    """The alarms of one check.

    Attributes:
        raised: Their names, each as often as it was raised.
    """

    raised: list[str] = field(default_factory=list)

    def check(self, result: CheckResult) -> None:
        """Raise the alarm of a check that failed, or that could not be made for long."""
        findings = list(result.findings())
        name = UNCOMMITTED_OLD if result.id == "uncommitted" and result.status == "FAIL" else CHECK_FAILED
        text = "; ".join(map(_text, findings[:_QUOTED]))
        more = f"; and {len(findings) - _QUOTED} more" if len(findings) > _QUOTED else ""
        first = findings[0].object if findings else None
        self._raise(name, f"{result.status} {result.id}: {text}{more}", check=result.id, object=first)

    def wrong(self, what: str) -> None:
        """Raise the alarm of a check that cannot be judged as it was asked for."""
        self._raise(CHECK_FAILED, what)

    def lost(self, writers: Iterable[str]) -> None:
        """Raise the alarm of writers that the log has stated lost."""
        for writer in writers:
            self._raise(WRITER_LOST, f"{writer} is stated lost: no record for 30 minutes, and no end", writer=writer)

    def dead_letters(self, subscription: str, what: str) -> None:
        """Raise the alarm of messages that were delivered in vain."""
        self._raise(DEAD_LETTER, f"{subscription}: {what}", object=subscription)

    def quarantined(self, name: str) -> None:
        """Raise the alarm of an object that was kept in quarantine."""
        self._raise(QUARANTINED, f"{name} is in quarantine: it is not what its name says, or nobody's", object=name)

    def _raise(self, name: str, message: str, **extra: str | None) -> None:
        self.raised.append(name)
        told = {key: value for key, value in extra.items() if value is not None}
        _diagnostics.error("%s", message, extra={"alarm": name, **told})


def _text(finding: Finding) -> str:
    where = " ".join(filter(None, (finding.object, finding.record)))
    return f"{where or 'the log'}: expected {finding.expected}, found {finding.found}"
